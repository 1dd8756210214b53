"""The models of one build in one process: each loaded once, when a stage first needs it."""

import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar, cast

from omniagent.data.models.describer import Describer
from omniagent.data.models.kinds import KINDS
from omniagent.data.models.roles import ModelChoice, Role
from omniagent.model.errors import BadSetting
from omniagent.model.perception.boxes import BoxFinder
from omniagent.model.perception.features import Features
from omniagent.model.perception.filling import Filler
from omniagent.model.perception.tracks import Tracker
from omniagent.model.wording import shown
from omniagent.tools.types import Word

P = TypeVar("P")
NOTHING: Final = MappingProxyType[Role, object]({})


class Models:
    """Thread-safe.

    Args:
        choices: The recipe's, by role.
        given: Models that are there already; the choice of their role then only names them for the ledger.
    """

    def __init__(self, choices: Mapping[Role, ModelChoice], given: Mapping[Role, object] = NOTHING) -> None:
        self._choices = choices
        self._loaded = dict(given)
        self._lock = threading.RLock()

    def load(self, roles: Sequence[Role]) -> None:
        """Load the models of these roles.

        Raises:
            BadSetting: the recipe names none for a role.
            UnknownModel, BadCheckpoint, HubUnreachable, OutOfMemory: one cannot be loaded.
        """
        for role in roles:
            self._of(role, object)

    @property
    def describer(self) -> Describer:
        return self._of("describer", Describer)

    @property
    def detector(self) -> BoxFinder:
        found = self._of("detector", object)
        if not callable(getattr(found, "find", None)):
            raise BadSetting(f"the model for detector is a {type(found).__name__}, which is no BoxFinder")
        return cast(BoxFinder, found)

    @property
    def tracker(self) -> Tracker:
        return self._of("tracker", Tracker)

    @property
    def features(self) -> Features:
        return self._of("features", Features)

    @property
    def matcher(self) -> Features:
        return self._of("matcher", Features)

    @property
    def filler(self) -> Filler:
        return self._of("filler", Filler)

    def names(self, roles: Sequence[Role]) -> dict[str, str]:
        """The names of the models of these roles, for the provenance of records."""
        return {role: str(getattr(self._of(role, object), "name", "")) for role in roles}

    def _of(self, role: Role, kind: type[P]) -> P:
        with self._lock:
            if role not in self._loaded:
                if role not in self._choices:
                    raise BadSetting(f"the recipe names no model for {role}; add one under models:")
                choice = self._choices[role]
                self._loaded[role] = KINDS[role][choice.use].load(check_choice(role, choice))
            found = self._loaded[role]
            if not isinstance(found, kind):
                raise BadSetting(f"the model for {role} is a {type(found).__name__}, which is no {kind.__name__}")
            return found


def check_choice(role: Role, choice: ModelChoice) -> Word:
    """The settings of a choice, checked; nothing is loaded.

    Raises:
        BadSetting: there is no such kind of model for this role.
        ValidationError: a setting is wrong.
    """
    if choice.use not in KINDS[role]:
        raise BadSetting(f"the model for {role} is of the kind {shown(choice.use)}; give {', '.join(KINDS[role])}")
    return KINDS[role][choice.use].settings.model_validate(choice.settings)
