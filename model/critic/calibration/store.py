"""Where measurements of critics are kept, and how a critic's profile comes by its own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from platformdirs import user_state_path
from pydantic import ValidationError

from omniagent.model import lifetime
from omniagent.model.critic.calibration.identity import Identity, identity_of
from omniagent.model.critic.calibration.record import FORMAT, Measurement
from omniagent.model.files.disk import disk_faults
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Critic
from omniagent.model.wording import fault

FOLDER_VARIABLE: Final = "OMNIAGENT_CALIBRATION_DIR"
_AGAIN: Final = "the profile's own thresholds are used; run omniagent calibrate again"

log = logging.getLogger("omniagent.critic")


class UnusableMeasurement(ValueError):
    """A stored measurement that cannot be used; the message says why and what is used in its place."""


def calibration_folder(given: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Path:
    """The given folder, `OMNIAGENT_CALIBRATION_DIR`, or the user's own state folder."""
    if given is not None:
        return given.expanduser()
    named = environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else user_state_path("omniagent") / "calibration"


def path_of(folder: Path, identity: Identity) -> Path:
    """The file of a critic's measurement: the one with its digest, whatever name the model had then."""
    digest = identity.key.rsplit("-", 1)[-1]
    known = sorted(folder.glob(f"*-{digest}.json"))
    return known[0] if known else folder / f"{identity.key}.json"


def write_measurement(folder: Path, measurement: Measurement) -> Path:
    """Keep a measurement, whole or not at all.

    Raises:
        OutputUnwritable, StorageFull: the folder cannot be written.
    """
    with disk_faults(folder, when_full="free some space and run omniagent calibrate again, what was judged is kept"):
        folder.mkdir(parents=True, exist_ok=True)
        path = path_of(folder, measurement.identity)
        part = folder / f".{path.name}.{os.getpid()}"
        try:
            part.write_text(measurement.model_dump_json(indent=1) + "\n", encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def read_measurement(folder: Path, identity: Identity) -> Measurement | None:
    """The measurement of a critic; None where there is none.

    Raises:
        UnusableMeasurement: its file is torn, of another format, or of another critic.
    """
    path = path_of(folder, identity)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableMeasurement(f"the calibration {path} cannot be read ({error}); {_AGAIN}") from error
    found = _parsed(path, text)
    if not found.identity.same(identity):
        raise UnusableMeasurement(
            f"the calibration {path} is of another critic, {found.identity.model}, not of {identity.model}; {_AGAIN}"
        )
    return found


def _parsed(path: Path, text: str) -> Measurement:
    try:
        told = json.loads(text)
        version = told.get("format_version") if isinstance(told, dict) else None
        if version != FORMAT:
            raise UnusableMeasurement(
                f"the calibration {path} has the format {version!r}, this version of omniagent reads {FORMAT}; {_AGAIN}"
            )
        return Measurement.model_validate(told)
    except ValidationError as error:
        raise UnusableMeasurement(f"the calibration {path} cannot be read ({fault(error)}); {_AGAIN}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnusableMeasurement):
            raise
        raise UnusableMeasurement(f"the calibration {path} cannot be read ({error}); {_AGAIN}") from error


class Calibrations:
    """Gives critics the profile that was measured of them. What cannot be used is told once and left out.

    Thread-safe. A critic's file is read once, when its name is known; a new one is for the next runtime.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, tuple[str, CriticProfile, CriticProfile]] = {}
        self._told: set[str] = set()
        self._lock = lifetime.Lock()

    def over(self, critic: Critic) -> CriticProfile:
        """The critic's profile with its measurement, where there is one."""
        name, own = critic.model, critic.profile
        with self._lock:
            known = self._known.get(id(critic))
            if known is None or known[:2] != (name, own):
                known = self._known[id(critic)] = (name, own, self._measured(critic, own))
        return known[2]

    def _measured(self, critic: Critic, own: CriticProfile) -> CriticProfile:
        try:
            # Where nothing was ever calibrated, no weights are looked into.
            if not any(self._folder.glob("*.json")):
                return own
            found = read_measurement(self._folder, identity_of(critic))
        except (UnusableMeasurement, OSError) as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                log.warning("critic: %s", error)
            return own
        return own if found is None else found.over(own)
