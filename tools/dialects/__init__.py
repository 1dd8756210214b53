"""Dialects: how each kind of critic is asked, and how its replies are read."""

from types import MappingProxyType
from typing import Final

from omniagent.model.errors import BadCheckpoint
from omniagent.model.profile import CriticProfile
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.dialects.listed import Listed
from omniagent.tools.dialects.plain import Plain
from omniagent.tools.dialects.verifier import Verifier

DIALECTS: Final = MappingProxyType[str, Dialect]({"plain": Plain(), "listed": Listed(), "verifier": Verifier()})
"""Every dialect by its name in profiles."""


def dialect_of(profile: CriticProfile) -> Dialect:
    """The dialect that a profile names.

    Raises:
        BadCheckpoint: there is none of that name.
    """
    found = DIALECTS.get(profile.dialect)
    if found is None:
        raise BadCheckpoint(
            f"the critic's profile {profile.label} names the dialect {profile.dialect!r}; there are "
            f"{', '.join(DIALECTS)}: mend its omniagent.json"
        )
    return found
