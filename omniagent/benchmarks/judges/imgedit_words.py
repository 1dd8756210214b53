"""ImgEdit's judge words by type of edit, from a JSON file or from lmms-eval's copy; no code is run."""

import ast
import json
from pathlib import Path
from typing import Any, Final, cast

from omniagent.benchmarks.judges.wording import Wording, wording_of
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, unknown

TYPES: Final = ("add", "adjust", "extract", "replace", "remove", "background", "style", "compose", "action")
"""In the order of published tables, which call `compose` hybrid."""

_FORMERLY: Final = {"alter": "adjust", "hybrid": "compose"}
"""`alter` is what the first version of the data calls it."""

_SLOT: Final = "<edit_prompt>"
_MOST_BYTES: Final = 2**20


def type_named(name: str) -> str:
    """A type of edit by any name that the data have had for it.

    Raises:
        BadSetting: there is none; the message has the nearest one.
    """
    known = _FORMERLY.get(name, name)
    if known not in TYPES:
        raise BadSetting(unknown(name, TYPES))
    return known


def words_in(given: str | None, data: Path) -> Wording:
    """The words of each type.

    Args:
        given: A JSON file, a Python file that holds such a dictionary, or a folder with one of these.
        data: The folder of the data, where they are looked for when nothing was given.

    Raises:
        BadSetting: they are not there, or a type lacks its words.
    """
    place = data if given is None else Path(given).expanduser()
    candidates = [place] if place.is_file() else sorted(each for each in place.rglob("*") if _may_hold(each))
    for path in candidates:
        if (texts := _texts(path)) is not None:
            return wording_of(texts)
    where = f"{cut(str(place))} does not hold them" if given is not None else "the data do not hold them"
    raise BadSetting(
        f"ImgEdit's judge words are not shipped, and {where}; give --wording with the prompts JSON of its basic suite, "
        f"or with lmms_eval/tasks/imgedit/prompt.py of lmms-eval: words with {_SLOT} for each of {', '.join(TYPES)}"
    )


def _may_hold(path: Path) -> bool:
    named = path.name == "prompt.py" or ("prompt" in path.name.lower() and path.suffix == ".json")
    return named and path.is_file()


def _texts(path: Path) -> dict[str, str] | None:
    try:
        source = path.read_bytes()
        if len(source) > _MOST_BYTES:
            return None
        found: Any = json.loads(source) if path.suffix == ".json" else _dictionary(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    named = {_FORMERLY.get(str(kind), str(kind)): text for kind, text in cast("dict[Any, Any]", found).items()}
    texts = {kind: text for kind in TYPES if isinstance(text := named.get(kind), str) and _SLOT in text}
    return texts if len(texts) == len(TYPES) else None


def _dictionary(source: bytes) -> object:
    """The first dictionary of constants that a module assigns."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            return ast.literal_eval(node.value)
    return None
