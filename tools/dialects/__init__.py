"""Dialects: how each kind of critic is asked, and how its replies are read."""

import functools
from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import Final

from omniagent.model.errors import BadCheckpoint
from omniagent.model.profile import CriticProfile
from omniagent.tools.dialects.base import Dialect


class _Dialects(Mapping[str, Dialect]):
    """Each is imported when it is first asked for: the words and patterns of all take longer than those of one."""

    def __init__(self, **homes: str) -> None:
        self._homes = homes

    def __getitem__(self, name: str) -> Dialect:
        return _made(self._homes[name])

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


@functools.cache
def _made(home: str) -> Dialect:
    made: Dialect = resolve_name(f"{__name__}.{home}")()
    return made


DIALECTS: Final[Mapping[str, Dialect]] = _Dialects(
    plain="plain.dialect:Plain", listed="listed.dialect:Listed", verifier="verifier:Verifier"
)
"""Every dialect by its name in profiles."""


def dialect_of(profile: CriticProfile) -> Dialect:
    """The dialect that a profile names.

    Raises:
        BadCheckpoint: there is none of that name.
    """
    if profile.dialect not in DIALECTS:
        raise BadCheckpoint(
            f"the critic's profile {profile.label} names the dialect {profile.dialect!r}; there are "
            f"{', '.join(DIALECTS)}: mend its omniagent.json"
        )
    return DIALECTS[profile.dialect]
