"""API keys: who is who. A key's owner names the folder of its runs, so that no key finds the runs of another."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final

from omniagent.http.settings import HttpSettings
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, shown

ANYONE: Final = "anyone"
"""The owner of all runs where no key is asked for."""

_NAME = re.compile(r"[A-Za-z0-9][\w\-]{0,49}")
_SHORTEST = 16


class Keys:
    """The keys that are let in; with none, everybody is `anyone`."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        """Args:
        owners: The owner of each key.
        """
        self._owners = tuple((_digest(key), owner) for key, owner in owners.items())

    @property
    def asked_for(self) -> bool:
        """Whether a key is needed at all."""
        return bool(self._owners)

    def owner(self, authorization: str | None) -> str | None:
        """Whose key an `Authorization: Bearer …` header carries; None for an unknown one.

        Every known key is compared, in a time that does not depend on where two differ.
        """
        if not self._owners:
            return ANYONE
        scheme, _, key = (authorization or "").partition(" ")
        given, found = _digest(key.strip()), None
        for digest, owner in self._owners:
            if hmac.compare_digest(digest, given):
                found = owner
        return found if scheme.lower() == "bearer" else None

    @classmethod
    def read(cls, settings: HttpSettings) -> "Keys":
        """The keys of the settings and of their file.

        Raises:
            BadSetting: the file cannot be read, or a key is too short, unnamed or named twice.
        """
        lines = settings.keys.get_secret_value().split(",")
        if settings.keys_file is not None:
            try:
                lines += settings.keys_file.expanduser().read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise BadSetting(
                    f"the file of API keys {cut(str(settings.keys_file))} cannot be read ({error}); "
                    "give a text file with one name:key a line"
                ) from error
        owners = _parsed(lines)
        if settings.keys_file is not None and not owners:
            raise BadSetting(f"the file {cut(str(settings.keys_file))} has no API key; write one name:key a line")
        return cls(owners)


def _parsed(lines: Iterable[str]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, colon, key = text.partition(":")
        name, key = name.strip(), key.strip()
        if not colon or not _NAME.fullmatch(name) or name == ANYONE:
            raise BadSetting(
                f"an API key has the name {shown(name if colon else '')}; write name:key, the name of 1 to 50 letters, "
                f"digits, - and _, and not {ANYONE!r}"
            )
        if len(key) < _SHORTEST or not key.isascii() or any(letter.isspace() for letter in key):
            raise BadSetting(
                f"the API key of {name!r} has {len(key)} characters or blanks; give at least {_SHORTEST} ASCII "
                "characters without blanks, for example from: openssl rand -hex 24"
            )
        if key in owners or name in owners.values():
            raise BadSetting(f"the API key or the name {name!r} stands there twice; leave one of the lines out")
        owners[key] = name
    return owners


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
