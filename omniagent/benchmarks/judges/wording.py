"""The official words of judges, read from a checkout that the person names; no code of it is run."""

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut

_MOST_BYTES: Final = 2**20


class Wording(NamedTuple):
    """Texts by name, and the SHA-256 over all of them."""

    texts: Mapping[str, str]
    digest: str


def constants_of(given: str | None, file: str, names: Sequence[str], *, repository: str) -> Wording:
    """Texts that a Python file of a checkout assigns to names at its top level.

    Args:
        given: The checkout, or the file itself.
        file: The file's path within the checkout.
        names: Of the constants.
        repository: Where the checkout is from, for messages.

    Raises:
        BadSetting: nothing was given, the file is not there, or it does not hold the texts.
    """
    if given is None:
        raise BadSetting(
            f"the judge's official words are not shipped; give --wording with a checkout of {repository} ({file})"
        )
    path = Path(given).expanduser()
    path = path / file if path.is_dir() else path
    try:
        source = path.read_bytes()
        if len(source) > _MOST_BYTES:
            raise BadSetting(f"{cut(str(path))} is larger than a megabyte; give {file} of {repository}")
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        raise BadSetting(f"{cut(str(path))} cannot be read: {error}; give {file} of {repository}") from error
    texts: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            texts |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    if lacking := [name for name in names if name not in texts]:
        raise BadSetting(f"{cut(str(path))} holds no text {lacking[0]}; give {file} of {repository}")
    return wording_of({name: texts[name] for name in names})


def wording_of(texts: Mapping[str, str]) -> Wording:
    """Texts with the SHA-256 over their names and themselves."""
    return Wording(texts, hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode()).hexdigest())
