"""The pictures that critics are measured on: their truth, their faults, their terms."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.calibration.cases import KnownPicture
from omniagent.calibration.faults import misspelt
from omniagent.calibration.photos import FOLDER, load, photo_pictures
from omniagent.calibration.posters import poster_pictures
from omniagent.calibration.sets import known_pictures, sets_for
from omniagent.config import bundled_checkpoint
from omniagent.model.checkpoint.settings import read_profiles
from omniagent.model.critic.calibration.identity import identity_in
from omniagent.model.critic.calibration.record import Measurement, Rate
from omniagent.model.critic.calibration.store import write_measurement
from omniagent.model.errors import BadSetting, CriticUnavailable
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.shapes.oracle.judge import read
from omniagent.shapes.scene.reading import Reading
from omniagent.tools.types import RequirementKind
from tests.omniagent.test_cli import call, one_line

KINDS = get_args(RequirementKind)
SMALL = GeneratorProfile(width=128, height=128)


@pytest.fixture(scope="module")
def photos() -> list[KnownPicture]:
    return list(photo_pictures())


def test_forty_base_crops_give_right_and_wrong_pictures_of_every_kind(photos: list[KnownPicture]) -> None:
    assert len(load()) == 40
    told = Counter((line.kind, line.holds) for one in photos for line in one.lines)
    assert {kind for kind, _ in told} == set(KINDS)
    assert all(told[kind, holds] >= 3 for kind in KINDS for holds in (True, False))
    assert len({one.name for one in photos}) == len(photos)


def test_every_fault_is_seen_in_the_pixels_and_breaks_a_line(photos: list[KnownPicture]) -> None:
    bases = {one.name: one for one in photos if one.right and one.before is None}
    faulty = [one for one in photos if "/fault-" in one.name]
    assert len(faulty) > 60
    for one in faulty:
        base = bases[one.name.rsplit("/", 1)[0]]
        assert not one.right and one.image.size == base.image.size and one.image.mode == "RGB"
        apart = np.abs(np.asarray(one.image, dtype=int) - np.asarray(base.image, dtype=int)).max()
        assert apart > 40, one.name


def test_a_picture_and_those_with_its_faults_are_of_one_group_however_sets_take_turns() -> None:
    found = list(known_pictures(sets_for(SMALL, CriticProfile()), 60))
    groups: dict[str, set[bool]] = {}
    for one in found:
        groups.setdefault(one.group, set()).add(one.right)
        if one.name.startswith("photos/"):
            assert one.group == "/".join(one.name.split("/")[:2])
    mixed = Counter(group.partition("/")[0] for group, right in groups.items() if len(right) == 2)
    assert "" not in groups and mixed["scenes"] == 10 and mixed["photos"] >= 5


def test_an_unchanged_edit_looks_like_its_source_and_the_others_do_not(photos: list[KnownPicture]) -> None:
    pairs = [(one, one.before) for one in photos if one.before is not None]
    assert len(pairs) > 25
    for one, before in pairs:
        small = (one.image.width // 8, one.image.height // 8)
        cells = [np.asarray(image.resize(small, Image.Resampling.BOX), dtype=int) for image in (one.image, before)]
        assert (np.abs(cells[0] - cells[1]).max() < 20) == one.name.endswith("/unchanged"), one.name


def test_the_photos_are_small_and_each_has_its_terms_beside_it() -> None:
    files = sorted(FOLDER.glob("*.webp"))
    told = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    assert files and all(f"| {path.name} |" in told for path in files)
    assert {f"{base.file}.webp" for base in load()} <= {path.name for path in files}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


def test_half_of_the_posters_are_misspelt_by_one_letter() -> None:
    posters = list(poster_pictures())
    assert len(posters) == 60 and sum(one.right for one in posters) == 30
    assert all(one.image.size == (512, 512) for one in posters)


@pytest.mark.parametrize("turn", range(12))
def test_a_misspelt_text_differs_in_one_letter(turn: int) -> None:
    other = misspelt("Café 9 PM", turn)
    assert sum(a != b for a, b in zip("Café 9 PM", other, strict=True)) == 1


def test_scenes_come_in_pairs_whose_truth_the_oracle_confirms() -> None:
    bundled = read_profiles(Path(bundled_checkpoint()))
    (scenes,) = sets_for(bundled.generator, bundled.critic)
    found = list(islice(scenes.pictures(), 24))
    assert [one.right for one in found] == [True, False] * 12
    told = Counter(line.kind for one in found for line in one.lines if not line.holds)
    assert set(told) == {"count", "relation", "attribute", "presence"}
    for one in found:
        seen = read(np.asarray(one.image))
        assert isinstance(seen, Reading)
        for line in one.lines:
            if line.question.startswith("Is the background"):
                assert (f" {seen.background}?" in line.question) == line.holds


def test_a_critic_of_plain_words_gets_all_sets_at_the_generators_size() -> None:
    sets = sets_for(SMALL, CriticProfile())
    assert [one.name for one in sets] == ["scenes", "posters", "photos"]
    few = list(known_pictures(sets, 9))
    assert Counter(one.name.partition("/")[0] for one in few) == {"scenes": 3, "posters": 3, "photos": 3}
    assert few[0].image.size == (128, 128)
    assert [one.name for one in sets_for(SMALL, CriticProfile(), ["photos"])] == ["photos"]
    # How boxes are given says nothing of that; the profile does.
    assert [one.name for one in sets_for(SMALL, CriticProfile(grounding="places"))] == ["scenes", "posters", "photos"]
    assert [one.name for one in sets_for(SMALL, CriticProfile(known_pictures=("posters",)))] == ["posters"]
    with pytest.raises(BadSetting, match="'cats' is not known"):
        sets_for(SMALL, CriticProfile(known_pictures=("cats",)))


def test_the_command_prints_the_table_and_keeps_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path))
    agent = Agent(generator=ScriptedGenerator(profile=SMALL), critic=ScriptedCritic(lambda prompt, question: 0.9))
    outcome = call(agent, "calibrate", "--limit", "4", "--pictures", "scenes")
    assert outcome.exit_code == 0, outcome.output
    assert "| count |" in outcome.stdout and "accepted whole" in outcome.stdout
    assert "4: scenes/003, a wrong picture" in outcome.stderr
    told = call(agent, "calibrate", "--limit", "4", "--pictures", "scenes", "--json")
    assert json.loads(told.stdout)["pictures"] == {"scenes": 4}
    assert json.loads(told.stdout) == json.loads(next(tmp_path.glob("*.json")).read_text())


def test_ctrl_c_says_that_what_was_judged_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path))
    seen: list[Image.Image] = []

    def until_the_third(prompt: Prompt, question: str) -> float:
        pictures = [part for part in prompt.parts if isinstance(part, Image.Image)]
        seen.extend(one for one in pictures if one not in seen)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return 0.9

    agent = Agent(generator=ScriptedGenerator(profile=SMALL), critic=ScriptedCritic(until_the_third))
    outcome = call(agent, "calibrate", "--limit", "4", "--pictures", "scenes", "--json")
    assert outcome.exit_code == 130 and "cancelled after 2 pictures, which are kept" in outcome.stderr
    assert json.loads(outcome.stdout)["error"] == "Cancelled" and "after 2 pictures" in outcome.stdout
    on = call(agent, "calibrate", "--limit", "2", "--pictures", "scenes")
    assert on.exit_code == 0 and len(seen) == 3


def test_the_doctor_shows_what_is_kept_of_the_critic_or_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path))
    doctor = ("doctor", "--device", "cpu")
    assert "critic calibration: none; omniagent calibrate" in call(None, *doctor).stdout
    home = Path(bundled_checkpoint())
    identity = identity_in("here", read_profiles(home).critic, home / "mllm")
    path = write_measurement(
        tmp_path, Measurement(identity=identity, measured="2026-11-26", false_accept=Rate(count=30, of=100))
    )
    told = call(None, *doctor).stdout
    assert "critic calibration: measured 2026-11-26" in told and "candidates: at most 2 a round" in told
    monkeypatch.setenv("OMNIAGENT_CALIBRATED", "false")
    assert "not used (OMNIAGENT_CALIBRATED is false)" in call(None, *doctor).stdout
    path.write_text("{")
    spoilt = call(None, *doctor)
    assert spoilt.exit_code == 0 and "cannot be read" in spoilt.stdout and "choice:" in spoilt.stdout


def test_an_unknown_set_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path))
    agent = Agent(generator=ScriptedGenerator(profile=SMALL), critic=ScriptedCritic())
    assert "'cats' is not known" in one_line(call(agent, "calibrate", "--pictures", "cats"), 2)
    wrong = call(agent, "calibrate", "--limit", "few", "--json")
    assert wrong.exit_code == 2 and "--limit" in json.loads(wrong.stdout)["message"]


def test_a_critic_that_fails_is_told_as_json_where_json_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path))
    critic = ScriptedCritic(errors=dict.fromkeys(range(50), CriticUnavailable("the critic is away")))
    agent = Agent(generator=ScriptedGenerator(profile=SMALL), critic=critic)
    outcome = call(agent, "calibrate", "--limit", "1", "--pictures", "scenes", "--json")
    assert outcome.exit_code == 3 and "run again to go on" in outcome.stderr
    assert json.loads(outcome.stdout)["error"] == "CriticUnavailable"
