"""Finds a model by its folder or hub name, downloading it when needed."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from omniagent.model.errors import BadCheckpoint, BadSetting, HubUnreachable, UnknownModel
from omniagent.model.files.file_kinds import kind_of
from omniagent.model.http.proxies import proxies_checked, proxy_advice
from omniagent.model.wording import shown

INDEX_FILE = "model_index.json"
WANTED = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")
# Of whichever httpx the hub's client brings along.
_NetworkError: type[Exception] = HfHubHTTPError.__bases__[0]
# What begins with a dot is meant as a path, also where the hub would look such a name up.
_HUB_NAME = re.compile(r"(?!\.)[\w.-]+/[\w.-]+")


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
    if (folder := _folder(name)) is not None:
        return folder
    offline, how = (True, "downloads are switched off") if local_files_only else _reach()
    with _told(name, revision, how):
        return Path(snapshot_download(name, revision=revision, local_files_only=offline, allow_patterns=list(WANTED)))


def check_model(path_or_repo: str | Path, *, revision: str | None = None) -> None:
    """Return if `find_model` has something to find; nothing is downloaded. A hub is waited for 10 seconds.

    Raises:
        UnknownModel: no such folder, repository or revision.
        BadCheckpoint: the folder or repository holds no such model.
        HubUnreachable: the hub does not answer and there is no finished download.
    """
    name = str(path_or_repo)
    if (folder := _folder(name)) is not None:
        if not (folder / INDEX_FILE).is_file():
            raise BadCheckpoint(f"model {shown(name)} is a folder without {INDEX_FILE}; give the folder that holds it")
        return
    offline, how = _reach()
    with _told(name, revision, how):
        try:
            snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=list(WANTED))
        except LocalEntryNotFoundError:
            if offline:
                raise
            # Asked once, where a download would be tried again for half a minute.
            files = HfApi().model_info(name, revision=revision, timeout=10).siblings or []
            if INDEX_FILE not in (file.rfilename for file in files):
                raise BadCheckpoint(f"model {shown(name)} has no {INDEX_FILE} at the hub; name another one") from None


@contextmanager
def hub_errors(name: str, revision: str | None) -> Generator[None]:
    """Within the block, the hub's errors are ours: UnknownModel and HubUnreachable.

    Raises:
        UnknownModel: the name is no hub name.
    """
    if _folder(name) is not None:
        raise UnknownModel(f"model {shown(name)} is a folder here; give a hub name such as OmniGen2/OmniGen2")
    offline, how = _reach()
    with _told(name, revision, how):
        if offline:
            raise OfflineModeIsEnabled(how)
        yield


def is_whole(folder: Path) -> bool:
    """Whether a checkpoint's folder has its index and weights for every network; a torn download may not."""
    parts = ("transformer", "mllm", "vae")
    return (folder / INDEX_FILE).is_file() and all(any((folder / part).glob("*.safetensors")) for part in parts)


def _reach() -> tuple[bool, str]:
    """Whether the hub cannot even be asked, and what to say when it does not answer."""
    try:
        with proxies_checked("the hub"):
            get_session()
    except BadSetting as error:
        # A finished download needs no hub.
        return True, str(error)
    return False, f"the hub cannot be reached{proxy_advice(constants.ENDPOINT)}"


def _folder(name: str) -> Path | None:
    """The folder of that name; None where it may be a hub's."""
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


@contextmanager
def _told(name: str, revision: str | None, how: str) -> Generator[None]:
    """Turns the hub's errors into ours."""
    try:
        yield
    except HFValidationError as error:
        raise UnknownModel(
            f"model {shown(name)} is no folder here and no hub name; give an existing folder or owner/name"
        ) from error
    except GatedRepoError as error:
        raise UnknownModel(
            f"model {shown(name)} needs a login at the hub; accept its terms and log in first"
        ) from error
    except RevisionNotFoundError as error:
        raise UnknownModel(f"model {shown(name)} has no revision {shown(revision)} at the hub") from error
    except RepositoryNotFoundError as error:
        raise UnknownModel(f"model {shown(name)} is no folder here, and the hub has no such repository") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, _NetworkError, ConnectionError) as error:
        raise HubUnreachable(
            f"model {shown(name)} is no folder here, was never fully downloaded, and {how}; "
            "connect once, or give the path of a local copy"
        ) from error
