"""Finds a model by its folder or hub name, downloading it when needed."""

from __future__ import annotations

from pathlib import Path

from omniagent.model.errors import BadCheckpoint
from omniagent.model.files.folders import INDEX_FILE, folder_here
from omniagent.model.wording import shown


def find_model(path_or_repo: str | Path, *, revision: str | None = None, local_files_only: bool = False) -> Path:
    """The folder of a model; a hub name (`owner/name`) that is no folder here is downloaded, resuming what broke off.

    Only weights in safetensors, configs and tokenizer files are fetched: never code, never pickles.

    Args:
        path_or_repo: A folder, or a hub name.
        revision: Branch, tag or commit of a hub name.
        local_files_only: Use finished downloads only.

    Raises:
        UnknownModel: no such folder, repository or revision.
        HubUnreachable: the hub does not answer and there is no finished download.
    """
    name = str(path_or_repo)
    if (folder := folder_here(name)) is not None:
        return folder
    # The hub's client takes longer to import than the rest of this module's users.
    from omniagent.model.files.downloads import download

    return download(name, revision, local_files_only=local_files_only)


def check_model(path_or_repo: str | Path, *, revision: str | None = None) -> None:
    """Return if `find_model` has something to find; nothing is downloaded. A hub is waited for 10 seconds.

    Raises:
        UnknownModel: no such folder, repository or revision.
        BadCheckpoint: the folder or repository holds no such model.
        HubUnreachable: the hub does not answer and there is no finished download.
    """
    name = str(path_or_repo)
    if (folder := folder_here(name)) is not None:
        if not (folder / INDEX_FILE).is_file():
            raise BadCheckpoint(f"model {shown(name)} is a folder without {INDEX_FILE}; give the folder that holds it")
        return
    from omniagent.model.files.downloads import check_download

    check_download(name, revision, INDEX_FILE)
