"""What is asked of the hub, and its errors as ours."""

from __future__ import annotations

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
from omniagent.model.files.folders import folder_here
from omniagent.model.http.proxies import proxies_checked, proxy_advice
from omniagent.model.wording import shown

WANTED = ("*.json", "*.safetensors", "*.txt", "*.jinja", "*.model")
# Of whichever httpx the hub's client brings along.
_NetworkError: type[Exception] = HfHubHTTPError.__bases__[0]


def download(name: str, revision: str | None, *, local_files_only: bool) -> Path:
    """The folder of a model at the hub, whose files are fetched unless they are here; errors as of `find_model`."""
    offline, how = (True, "downloads are switched off") if local_files_only else _reach()
    with _told(name, revision, how):
        return Path(snapshot_download(name, revision=revision, local_files_only=offline, allow_patterns=list(WANTED)))


def check_download(name: str, revision: str | None, index: str) -> None:
    """Return if the hub has such a model, or all of it is here.

    Args:
        name: Its name at the hub.
        revision: Branch, tag or commit.
        index: The file that every such model has.

    Raises:
        UnknownModel: no such repository or revision.
        BadCheckpoint: the repository has no such file.
        HubUnreachable: the hub does not answer and there is no finished download.
    """
    offline, how = _reach()
    with _told(name, revision, how):
        try:
            snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=list(WANTED))
        except LocalEntryNotFoundError:
            if offline:
                raise
            # Asked once, where a download would be tried again for half a minute.
            files = HfApi().model_info(name, revision=revision, timeout=10).siblings or []
            if index not in (file.rfilename for file in files):
                raise BadCheckpoint(f"model {shown(name)} has no {index} at the hub; name another one") from None


@contextmanager
def hub_errors(name: str, revision: str | None) -> Generator[None]:
    """Within the block, the hub's errors are ours: UnknownModel and HubUnreachable.

    Raises:
        UnknownModel: the name is no hub name.
    """
    if folder_here(name) is not None:
        raise UnknownModel(f"model {shown(name)} is a folder here; give a hub name such as OmniGen2/OmniGen2")
    offline, how = _reach()
    with _told(name, revision, how):
        if offline:
            raise OfflineModeIsEnabled(how)
        yield


def _reach() -> tuple[bool, str]:
    """Whether the hub cannot even be asked, and what to say when it does not answer."""
    try:
        with proxies_checked("the hub"):
            get_session()
    except BadSetting as error:
        # A finished download needs no hub.
        return True, str(error)
    return False, f"the hub cannot be reached{proxy_advice(constants.ENDPOINT)}"


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
