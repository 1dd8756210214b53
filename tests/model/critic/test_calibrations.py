"""Measurements of critics on disk: whose they are, and what becomes of files that cannot be used."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.critic.calibration.identity import Identity, fingerprint, identity_in, identity_of
from omniagent.model.critic.calibration.record import KindMeasured, Measurement, Rate, Rates
from omniagent.model.critic.calibration.store import (
    Calibrations,
    UnusableMeasurement,
    calibration_folder,
    path_of,
    read_measurement,
    write_measurement,
)
from omniagent.model.errors import OutputUnwritable
from omniagent.model.intervals import difference, wilson
from omniagent.model.profile import CriticProfile, Thresholds
from omniagent.model.scripted import ScriptedCritic

WHO = identity_of(ScriptedCritic(model="Qwen/Qwen2.5-VL-7B-Instruct"))


def measurement(identity: Identity = WHO, wrong: int = 12) -> Measurement:
    """A critic that accepts some of a hundred wrong pictures."""
    rates = Rates(true_yes=Rate(count=90, of=100), false_yes=Rate(count=20, of=100))
    kind = KindMeasured(
        before=rates, after=rates, thresholds=Thresholds(yes=0.8, no=0.3), weights={"probability": 0.5, "boxes": 1.0}
    )
    return Measurement(
        identity=identity,
        measured="2026-11-26",
        kinds={"count": kind},
        false_accept=Rate(count=wrong, of=100),
        right_accept=Rate(count=80, of=100),
    )


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What is said of critics meanwhile."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    log = logging.getLogger("omniagent.critic")
    log.addHandler(handler)
    yield messages
    log.removeHandler(handler)


def test_a_measurement_is_read_back_and_stands_in_the_critics_profile(tmp_path: Path) -> None:
    path = write_measurement(tmp_path, measurement())
    assert path.name.startswith("Qwen2.5-VL-7B-Instruct-") and read_measurement(tmp_path, WHO) == measurement()
    profile = Calibrations(tmp_path).over(ScriptedCritic(model="Qwen/Qwen2.5-VL-7B-Instruct"))
    assert profile.thresholds_for("count") == Thresholds(yes=0.8, no=0.3)
    assert profile.thresholds_for("style") == Thresholds()
    assert dict(profile.weights_for("count")) == {"probability": 0.5, "boxes": 1.0}
    assert profile.calibration is not None and profile.calibration.false_accept == wilson(12, 100)[1]
    assert profile.label.endswith("calibrated 2026-11-26)")


def test_another_critic_or_another_way_of_asking_is_not_calibrated(tmp_path: Path, told: list[str]) -> None:
    write_measurement(tmp_path, measurement())
    calibrations = Calibrations(tmp_path)
    name = "Qwen/Qwen2.5-VL-7B-Instruct"
    for critic in (
        ScriptedCritic(model="another"),
        ScriptedCritic(model=name, profile=CriticProfile(describe_first=True)),
        ScriptedCritic(model=name, profile=CriticProfile(verdict_pixels=10_000)),
    ):
        assert calibrations.over(critic) == critic.profile
    # Numbers by which answers are taken are no other way of asking.
    other = ScriptedCritic(model=name, profile=CriticProfile(thresholds=Thresholds(yes=0.5)))
    assert calibrations.over(other).calibration is not None
    assert not told


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def _older(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 0}))


def _newer(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2, "more": 1}))


def _no_object(path: Path) -> None:
    path.write_text("[1, 2]")


def _empty(path: Path) -> None:
    path.write_text("")


def _other_bytes(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def _out_of_range(path: Path) -> None:
    told = json.loads(path.read_text())
    told["kinds"]["count"]["thresholds"] = {"yes": 0.1, "no": 0.9}
    path.write_text(json.dumps(told))


def _of_another(path: Path) -> None:
    other = measurement(WHO.model_copy(update={"model": "another"}))
    path.write_text(other.model_dump_json())


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FAULTS = (_torn, _older, _newer, _no_object, _empty, _other_bytes, _out_of_range, _of_another, _a_folder)


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_a_file_that_cannot_be_used_leaves_the_profile_as_it_is_and_is_told_once(
    spoil: Callable[[Path], None], tmp_path: Path, told: list[str]
) -> None:
    spoil(write_measurement(tmp_path, measurement()))
    with pytest.raises(UnusableMeasurement, match="run omniagent calibrate again"):
        read_measurement(tmp_path, WHO)
    calibrations = Calibrations(tmp_path)
    critics = [ScriptedCritic(model="Qwen/Qwen2.5-VL-7B-Instruct") for _ in range(3)]
    for critic in critics:
        assert calibrations.over(critic) == critic.profile == calibrations.over(critic)
    (message,) = told
    assert str(tmp_path) in message and "profile's own thresholds" in message


def test_a_new_measurement_takes_the_place_of_a_spoilt_one(tmp_path: Path) -> None:
    _torn(write_measurement(tmp_path, measurement()))
    write_measurement(tmp_path, measurement(wrong=3))
    assert read_measurement(tmp_path, WHO) == measurement(wrong=3)
    assert len(list(tmp_path.iterdir())) == 1


def test_weights_tell_a_critic_whatever_it_is_called(tmp_path: Path) -> None:
    for folder, last in (("one", 0), ("copy", 0), ("other", 1)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.safetensors").write_bytes(bytes(300_000) + bytes([last]))
    profile = CriticProfile()
    one, copy, other = (identity_in(name, profile, tmp_path / name) for name in ("one", "copy", "other"))
    assert one.same(copy) and not one.same(other)
    assert path_of(tmp_path, copy).name.rsplit("-", 1)[-1] == path_of(tmp_path, one).name.rsplit("-", 1)[-1]
    write_measurement(tmp_path, measurement(one))
    assert read_measurement(tmp_path, copy) == measurement(one)
    assert fingerprint(tmp_path) == ""
    assert not identity_in("one", profile, None).same(one)


def test_a_name_that_is_no_file_name_still_gives_one() -> None:
    for name in ("/models/../x:y*?", "模型", ".." * 40, "a" * 300):
        key = identity_in(name, CriticProfile(), None).key
        assert len(key) < 64 and all(sign.isascii() and (sign.isalnum() or sign in "-.") for sign in key)
        assert key[0] not in ".-"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable, match="file"):
        write_measurement(tmp_path / "file", measurement())


def test_the_folder_is_given_named_by_the_environment_or_the_users_own(tmp_path: Path) -> None:
    assert calibration_folder(tmp_path) == tmp_path
    assert calibration_folder(environ={"OMNIAGENT_CALIBRATION_DIR": str(tmp_path)}) == tmp_path
    assert calibration_folder(environ={}).parts[-2:] == ("omniagent", "calibration")


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # The first example of his table II, method 10.
    assert difference((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert difference((0, 0), (0, 0))[0] < -0.5


@given(st.integers(0, 200), st.integers(1, 200), st.integers(0, 200), st.integers(1, 200))
def test_the_interval_of_a_difference_holds_it_and_turns_with_its_sides(a: int, m: int, b: int, n: int) -> None:
    first, second = (min(a, m), m), (min(b, n), n)
    low, high = difference(first, second)
    assert -1.0000001 <= low <= first[0] / m - second[0] / n <= high <= 1.0000001
    assert difference(second, first) == pytest.approx((-high, -low))
