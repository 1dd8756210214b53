"""A whole calibration: who the critic is, its verdicts on known pictures, what follows, and where that is kept."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from omniagent.calibration.cases import PictureSet
from omniagent.calibration.fit import fitted
from omniagent.calibration.judged import JudgedBy, JudgedPicture, Ledger
from omniagent.calibration.measure import Tell, alone, measure
from omniagent.calibration.sets import known_pictures, sets_for
from omniagent.model.critic.calibration.identity import Identity, identity_of
from omniagent.model.critic.calibration.record import Measurement
from omniagent.model.critic.calibration.store import write_measurement
from omniagent.model.guarded import bare
from omniagent.model.requests import CancelToken, Critic, Meeting
from omniagent.model.runtime import ModelRuntime
from omniagent.runs.folder import owned
from omniagent.tools.config import ToolConfig

LEDGERS = "judged"


class Calibrated(NamedTuple):
    """The measurement, and where it is kept."""

    measurement: Measurement
    path: Path


def calibrate(
    runtime: ModelRuntime,
    folder: Path,
    *,
    sets: Sequence[str | PictureSet] = (),
    limit: int | None = None,
    fresh: bool = False,
    config: ToolConfig | None = None,
    token: CancelToken | None = None,
    tell: Tell = lambda number, judged: None,
) -> Calibrated:
    """Measure a runtime's critic on pictures whose truth is known, and keep what follows for it.

    A calibration that was stopped goes on where it was; one of more pictures asks about the new ones alone.

    Args:
        runtime: Whose critic is measured; its stand-in is left out.
        folder: Where measurements are kept, as `calibration_folder` gives it.
        sets: Sets of pictures, by name or your own; none: those that fit the models (`sets_for`).
        limit: At most so many pictures, of all sets by turns.
        fresh: Ask about every picture again.
        config: Settings of the tools; thresholds in it are left out.
        token: Stops it.
        tell: Called after each picture.

    Raises:
        BadSetting: there is no set of a name.
        CriticUnavailable, CriticTimeout, CriticBadOutput: the critic is gone; run again to go on.
        Cancelled: the token was cancelled; run again to go on.
        OutputUnwritable: the folder cannot be written, or another calibration of this critic is at work in it.
        StorageFull: the disk has no room.
    """
    token, config = token or CancelToken(), config or ToolConfig()
    own = alone(runtime)
    critic: Critic = bare(own.critic)
    meets: object = critic
    if isinstance(meets, Meeting):
        meets.meet(token=token)
    identity = identity_of(critic)
    chosen = sets_for(own.generator.profile, critic.profile, sets)
    beside = tuple(name for name in ("reader", "detector") if getattr(own, name) is not None)
    by = JudgedBy(
        identity=identity,
        program=version("omniagent"),
        beside=beside,
        describe_first=config.describe_first,
        description_tokens=config.description_tokens,
        plan_tokens=config.plan_tokens,
    )
    with owned(folder / LEDGERS / "locks" / identity.key):
        ledger = Ledger(folder / LEDGERS / f"{identity.key}.jsonl", by, fresh=fresh)
        pictures = measure(own, known_pictures(chosen, limit), ledger, config=config, token=token, tell=tell)
        made = _measurement(identity, pictures, own, beside)
        return Calibrated(made, write_measurement(folder, made))


def _measurement(
    identity: Identity, pictures: Sequence[JudgedPicture], runtime: ModelRuntime, beside: tuple[str, ...]
) -> Measurement:
    found = fitted(pictures, runtime.critic.profile)
    return Measurement(
        identity=identity,
        measured=date.today().isoformat(),
        program=version("omniagent"),
        beside=beside,
        pictures=dict(Counter(one.name.partition("/")[0] for one in pictures)),
        kinds=found.kinds,
        false_accept=found.false_accept,
        right_accept=found.right_accept,
    )
