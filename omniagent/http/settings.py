"""Settings of the HTTP server: defaults, then `OMNIAGENT_SERVE_…` environment variables, then the command line."""

import json
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from omniagent.model.errors import BadSetting
from omniagent.model.limits import MAX_REFERENCES
from omniagent.model.wording import fault

PREFIX = "OMNIAGENT_SERVE_"
MIB = 1024 * 1024

_ORIGIN = re.compile(r"https?://[^/\s?#@]+", re.IGNORECASE)


def _parted(given: object) -> object:
    """Several names in one text: with commas between, or as JSON."""
    if not isinstance(given, str) or given.lstrip().startswith("["):
        return given if not isinstance(given, str) else json.loads(given)
    return tuple(filter(None, (part.strip() for part in given.split(","))))


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parted)]


class HttpSettings(BaseSettings):
    """Limits and keys of one server."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", protected_namespaces=(), hide_input_in_errors=True
    )

    keys: SecretStr = Field(
        default=SecretStr(""), description="API keys as `name:key`, with commas between; none: no key is asked for"
    )
    keys_file: Path | None = Field(default=None, description="a file of keys, one name:key a line; # begins a comment")
    workers: int = Field(default=4, ge=1, le=256, description="runs at work at once")
    separate: bool = Field(default=True, description="whether runs are at work in a process beside the server's")
    queue: int = Field(default=16, ge=0, le=10_000, description="most runs that wait; the next is refused with 429")
    runs_per_key: int = Field(default=8, ge=1, le=10_000, description="most runs of one key, waiting and at work")
    requests_per_minute: int = Field(default=600, ge=0, description="requests of one key in a minute; 0: any number")
    body_bytes: int = Field(default=64 * MIB, ge=1024, description="most bytes of one request")
    picture_bytes: int = Field(default=48 * MIB, ge=1024, description="most bytes of one picture")
    pixels: int = Field(default=32_000_000, ge=256, description="most pixels of one picture")
    pictures: int = Field(default=MAX_REFERENCES, ge=1, le=MAX_REFERENCES, description="most pictures of one request")
    fetch_urls: bool = Field(default=False, description="whether pictures may be given as public http(s) URLs")
    link_seconds: float = Field(default=3600.0, gt=0, description="seconds for which a link to a picture can be opened")
    drain_seconds: float = Field(
        default=30.0, ge=0, description="seconds that runs at work still get when the server is asked to end"
    )
    public_url: str | None = Field(
        default=None, description="the address by which clients reach the server, for links; None: that of the request"
    )
    model_names: Names = Field(
        default=(), description="further names of the model that requests may give, commas between"
    )
    origins: Names = Field(
        default=(), description="pages that may call from browsers: `https://host`, commas between; `*`: all"
    )

    @field_validator("origins")
    @classmethod
    def _whole(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for one in origins:
            if one != "*" and not _ORIGIN.fullmatch(one):
                raise ValueError(f"{one[:160]!r} is no origin; write https://host or http://host:port, without a path")
        return origins

    @classmethod
    def read(cls, **given: object) -> Self:
        """The defaults, what the environment sets, and what is given in place of both; None leaves a value alone.

        Raises:
            BadSetting: a value is not allowed.
        """
        try:
            return cls.model_validate({**cls().model_dump(), **{k: v for k, v in given.items() if v is not None}})
        except (ValidationError, SettingsError) as error:
            reason = fault(error, cls.model_fields) if isinstance(error, ValidationError) else str(error)
            raise BadSetting(f"a setting of the server is not allowed: {reason}") from error
