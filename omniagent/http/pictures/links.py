"""Links to pictures that need no key, since browsers send none: signed, and good for a while only."""

import hashlib
import hmac
import secrets
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from omniagent.http.guard.errors import ApiError
from omniagent.http.pictures.output import OutputFormat
from omniagent.model.errors import OutputUnwritable
from omniagent.tools.record.files import write_whole

SECRET_FILE = ".links-key"
_BYTES = 32


class Link(BaseModel):
    """What a link opens."""

    model_config = ConfigDict(frozen=True)

    owner: str = Field(max_length=100)
    run_id: str = Field(max_length=100)
    attempt: str = Field(pattern=r"^a\d{1,6}$")
    form: OutputFormat
    compression: int | None = Field(default=None, ge=0, le=100)
    expires: int = Field(ge=0, lt=2**53)


class Signer:
    """Signs links with a secret of this server, and knows its own again."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, link: Link) -> str:
        """The proof of a link."""
        return hmac.new(self._secret, link.model_dump_json().encode(), hashlib.sha256).hexdigest()

    def check(self, link: Link, signature: str) -> None:
        """Whether this link was given out here and is still good.

        Raises:
            ApiError: 403; it was not, or is not any more.
        """
        if not hmac.compare_digest(self.sign(link).encode(), signature.encode(errors="replace")):
            raise ApiError(403, "this link is not one of this server's; ask for the picture again", code="bad_link")
        if link.expires < time.time():
            raise ApiError(403, "this link has expired; ask for the picture again", code="expired_link")

    @classmethod
    def of(cls, runs: Path) -> "Signer":
        """The signer of a folder of runs: its secret lies there, so that links outlive a restart.

        Raises:
            StorageFull, OutputUnwritable: it cannot be written.
        """
        path = runs / SECRET_FILE
        if not path.is_file():
            # `write_whole` makes files that their owner alone may read.
            write_whole(path, secrets.token_bytes(_BYTES))
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise OutputUnwritable(f"{path} cannot be read ({error}); give another folder for the runs") from error
