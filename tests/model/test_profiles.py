"""Profiles in a checkpoint's folder: saved, read in both forms, and refused when broken or from elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from omniagent.model.checkpoint.settings import (
    FAMILY,
    SETTINGS_FILE,
    Profiles,
    read_profiles,
)
from omniagent.model.errors import BadCheckpoint
from omniagent.model.profile import (
    CRITICS,
    GENERATORS,
    Calibration,
    CriticProfile,
    GeneratorProfile,
    GuidanceScales,
    Thresholds,
)

MINE = Profiles(
    GeneratorProfile(
        name="mine",
        width=256,
        height=128,
        steps=7,
        text_by_mode=GuidanceScales(edit=3.5),
        cfg_range=(0.1, 0.9),
        negative="blurry",
        resize_inputs=(64, 32),
        sides=(128, 256),
        lacks=("hands",),
        domain="teapots",
        instead="OmniGen2/OmniGen2",
        loop={"max_depth": 2},
        seconds_per_step=0.5,
    ),
    CriticProfile(
        name="eye",
        dialect="listed",
        thresholds=Thresholds(yes=0.7, no=0.2),
        thresholds_by_kind={"count": Thresholds(yes=0.9, no=0.1)},
        picture_size=(64, 64),
        verdict_pixels=5000,
        grounding="places",
        samples=3,
        calibration=Calibration(measured="2026-11-26", weights={"count": {"boxes": 2.0}}, false_accept=0.1),
    ),
)


def told(folder: Path, settings: Any) -> Path:
    """A folder whose omniagent.json says this."""
    folder.mkdir(parents=True, exist_ok=True)
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


def plain_of(profile: GeneratorProfile | CriticProfile) -> dict[str, Any]:
    """What a profile says, without where it comes from."""
    return profile.model_dump(exclude={"source"})


def test_profiles_that_are_saved_are_read_back_the_same_and_say_where_they_come_from(tmp_path: Path) -> None:
    MINE.save(tmp_path)
    again = read_profiles(tmp_path)
    assert plain_of(again.generator) == plain_of(MINE.generator)
    assert plain_of(again.critic) == plain_of(MINE.critic)
    assert again.generator.label == f"mine (omniagent.json of {tmp_path.name})"
    assert json.loads((tmp_path / SETTINGS_FILE).read_text())["format"] == 2
    other = tmp_path / "other"
    other.mkdir()
    again.save(other)
    assert (other / SETTINGS_FILE).read_bytes() == (tmp_path / SETTINGS_FILE).read_bytes()


def test_what_a_section_leaves_out_is_plain_and_a_section_that_is_missing_is_the_familys(tmp_path: Path) -> None:
    half = read_profiles(told(tmp_path / "teapots", {"format": 2, "generator": {"width": 512}}))
    assert half.generator.model_copy(update={"source": "the defaults"}) == GeneratorProfile(width=512)
    assert half.generator.label == "plain (omniagent.json of teapots)"
    assert half.critic == FAMILY.critic and not half.builtin
    other = read_profiles(told(tmp_path / "eyes", {"critic": {"samples": 2}}))
    assert (other.generator, other.critic.samples, other.critic.plan_pixels) == (FAMILY.generator, 2, None)


def test_a_folder_that_says_nothing_is_of_the_family_and_need_not_say_so(tmp_path: Path) -> None:
    found = read_profiles(tmp_path)
    assert found.builtin
    assert plain_of(found.generator) == plain_of(GENERATORS["omnigen2"])
    assert plain_of(found.critic) == plain_of(CRITICS["qwen2.5-vl"])


def test_the_flat_form_of_a_trained_checkpoint_speaks_the_listed_dialect(tmp_path: Path) -> None:
    flat = {"width": 128, "height": 128, "steps": 20, "resize_inputs": [128, 128], "sides": [128, 128]}
    flat |= {"domain": "shapes", "critic_size": [128, 128], "describe_first": True, "plain_requests": True}
    generator, critic = read_profiles(told(tmp_path / "shapes", flat | {"yes_from": 0.5}))
    assert (generator.width, generator.steps, generator.domain) == (128, 20, "shapes")
    assert (generator.resize_inputs, generator.sides) == ((128, 128), (128, 128))
    assert plain_of(critic) == plain_of(
        CriticProfile(
            dialect="listed",
            thresholds=Thresholds(yes=0.5),
            describe_first=True,
            picture_size=(128, 128),
            plan_tokens=640,
            repair_tokens=256,
            answer_tokens=48,
            description_tokens=128,
        )
    )


def test_the_flat_form_of_any_other_checkpoint_is_that_of_a_qwen(tmp_path: Path) -> None:
    generator, critic = read_profiles(told(tmp_path, {"steps": 28, "cfg_range": [0.0, 0.6], "yes_from": 0.8}))
    assert (generator.steps, generator.cfg_range, generator.width) == (28, (0.0, 0.6), 1024)
    assert plain_of(critic) == plain_of(CRITICS["qwen2.5-vl"]) | {"thresholds": {"yes": 0.8, "no": 0.4}}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"format": 2, "generator": {"widht": 128}}, "generator.widht"),
        ({"format": 2, "critic": {}, "painter": {}}, "painter"),
        ({"widht": 128}, "widht"),
        ({"format": 3, "generator": {}}, "format 3.*reads up to 2; update"),
        ({"format": "2", "generator": {}}, "format"),
        ({"format": 2, "generator": {"width": 100_000}}, "generator.width"),
        ({"format": 2, "critic": {"thresholds": {"yes": 0.2, "no": 0.5}}}, "must not exceed"),
        ({"steps": 0}, "steps"),
        ({"yes_from": 0.2}, "yes_from"),
        ([1, 2], "no JSON object"),
        ("{", "omniagent.json cannot be used"),
        ('{"width": 12', "omniagent.json cannot be used"),
        ("\x00", "omniagent.json cannot be used"),
        ("[" * 100_000, "omniagent.json cannot be used"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_a_bad_checkpoint_that_names_file_and_fault(
    tmp_path: Path, settings: Any, fault: str
) -> None:
    path = told(tmp_path, settings) / SETTINGS_FILE
    with pytest.raises(BadCheckpoint, match=f"(?s){fault}") as refusal:
        read_profiles(tmp_path)
    assert str(path) in str(refusal.value)
    assert len(str(refusal.value)) < len(str(path)) + 200


def test_bytes_that_are_no_text_and_a_folder_in_the_files_place_are_bad_checkpoints(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(b"\xff\xfe{\x80")
    with pytest.raises(BadCheckpoint, match=r"omniagent\.json cannot be used"):
        read_profiles(tmp_path)
    (tmp_path / SETTINGS_FILE).unlink()
    (tmp_path / SETTINGS_FILE).mkdir()
    with pytest.raises(BadCheckpoint, match=r"omniagent\.json cannot be used"):
        read_profiles(tmp_path)


def test_a_link_out_of_the_folder_is_refused_and_one_within_it_is_not(tmp_path: Path) -> None:
    outside = told(tmp_path / "outside", {"generator": {"steps": 3}}) / SETTINGS_FILE
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / SETTINGS_FILE).symlink_to(outside)
    with pytest.raises(BadCheckpoint, match="link out of its folder") as refusal:
        read_profiles(inside)
    assert str(inside / SETTINGS_FILE) in str(refusal.value) and str(outside) in str(refusal.value)
    (inside / SETTINGS_FILE).unlink()
    (inside / SETTINGS_FILE).symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadCheckpoint, match="link out of its folder"):
        read_profiles(inside)
    (inside / SETTINGS_FILE).unlink()
    outside.rename(inside / "settings.json")
    (inside / SETTINGS_FILE).symlink_to("settings.json")
    assert read_profiles(inside).generator.steps == 3


def test_a_hubs_cache_may_link_to_its_blobs_and_to_nothing_else(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "1234"
    snapshot.mkdir(parents=True)
    blob = tmp_path / "models--a--b" / "blobs" / "abcd"
    blob.parent.mkdir()
    blob.write_text(json.dumps({"critic": {"samples": 5}}))
    (snapshot / SETTINGS_FILE).symlink_to("../../blobs/abcd")
    assert read_profiles(snapshot).critic.samples == 5
    blob.rename(tmp_path / "models--a--b" / "secret")
    (snapshot / SETTINGS_FILE).unlink()
    (snapshot / SETTINGS_FILE).symlink_to("../../secret")
    with pytest.raises(BadCheckpoint, match="link out of its folder"):
        read_profiles(snapshot)
