"""Pictures from certain folders alone, for requests of programs and people that may not read the rest of the disk."""

import os
from collections.abc import Iterable
from pathlib import Path

from omniagent.model.errors import BadImage
from omniagent.model.wording import shown
from omniagent.tools.intake.addresses import embedded, located, path_in


class Confined:
    """Finds pictures in these folders and below, links followed; of what lies outside it tells nothing.

    Args:
        folders: That may be read; one that is not there allows nothing until it is.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(dict.fromkeys(_real(folder) for folder in folders))

    def located(self, text: str, name: str) -> Path | bytes:
        """As `addresses.located`, for files in the folders alone.

        Raises:
            BadImage: a file outside, in the same words whether there is one or not; or as `addresses.located`.
        """
        path = path_in(text, name)
        if path is None:
            return located(text, name)
        try:
            real = _real(path)
        except (OSError, ValueError):
            # Too long for a name, or with a null byte: no file can be called so.
            real = None
        if real is not None and any(real.is_relative_to(folder) for folder in self.folders):
            # Of what lies inside it may be told whether it is there, and only of that.
            found = located(text, name)
            return found if isinstance(found, bytes) else real
        if (found := embedded(text)) is not None:
            return found
        allowed = ", ".join(map(str, self.folders)) or "none"
        raise BadImage(
            f"{name} ({shown(text)}) lies outside the folders that may be read here ({allowed}); give a file in one of "
            "them, or the picture itself as a data: URI"
        )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
