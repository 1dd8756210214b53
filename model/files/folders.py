"""Folders of models: which names are one, and what lies in a whole one."""

from __future__ import annotations

import re
from pathlib import Path

from omniagent.model.errors import UnknownModel
from omniagent.model.files.file_kinds import kind_of
from omniagent.model.wording import shown

INDEX_FILE = "model_index.json"
# What begins with a dot is meant as a path, also where the hub would look such a name up.
_HUB_NAME = re.compile(r"(?!\.)[\w.-]+/[\w.-]+")


def folder_here(name: str) -> Path | None:
    """The folder of that name; None where it may be a hub's.

    Raises:
        UnknownModel: it is a file, cannot be looked up, or can be no hub's either.
    """
    try:
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        is_file = folder.exists()
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnknownModel(
            f"model {shown(name)} cannot be looked up ({reason}); give an existing folder or owner/name"
        ) from error
    if is_file:
        kind = kind_of(folder)
        raise UnknownModel(
            f"model {shown(name)} is a file{f' ({kind})' if kind else ''}; give the folder that holds {INDEX_FILE}"
        )
    if not _HUB_NAME.fullmatch(name):
        raise UnknownModel(
            f"model {shown(name)} is no folder here and no hub name; give an existing folder or owner/name, "
            "for example OmniGen2/OmniGen2"
        )
    return None


def is_whole(folder: Path) -> bool:
    """Whether a checkpoint's folder has its index and weights for every network; a torn download may not."""
    parts = ("transformer", "mllm", "vae")
    return (folder / INDEX_FILE).is_file() and all(any((folder / part).glob("*.safetensors")) for part in parts)
