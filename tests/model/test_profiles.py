"""Profiles: read with a checkpoint, chosen by name, or told by the name that a model is served by."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from omniagent.model.checkpoint.settings import (
    FAMILY,
    SETTINGS_FILE,
    Profiles,
    chosen_critic,
    chosen_generator,
    critic_profile_in,
    read_profiles,
)
from omniagent.model.critic.local import LocalCritic
from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.profile import (
    CRITICS,
    GENERATORS,
    CriticProfile,
    GeneratorProfile,
    GuidanceScales,
    Thresholds,
    critic_named,
    generator_named,
)
from omniagent.model.requests import Prompt, Questions
from tests.model.critic.test_critic_pictures import travelled
from tests.support.openai_stub import PROMPT, RED, Connect, Server, sure
from tests.support.tiny_models import save_mllm, save_processor

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
        calibration={"count": {"false_yes": 0.1}},
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
    assert half.generator.model_copy(update={"name": "plain", "source": "the defaults"}) == GeneratorProfile(width=512)
    assert half.generator.name == "teapots"
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
            name="shapes",
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


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("qwen2_5_vl", "qwen2.5-vl"),
        ("qwen2.5vl:7b", "qwen2.5-vl"),
        ("RedHatAI/Qwen2.5-VL-32B-Instruct-quantized.w4a16", "qwen2.5-vl"),
        ("Qwen/Qwen3-VL-8B-Instruct", "qwen3-vl"),
        ("Qwen3-VL-8B", "qwen3-vl"),
        ("qwen3_vl", "qwen3-vl"),
        ("qwen3_vl_moe", "qwen3-vl"),
        ("EditScore/EditScore-7B", "editscore"),
        ("EditScore-Qwen3-VL-8B-Instruct", "editscore"),
        ("Qwen/Qwen2.5-7B-Instruct", "plain"),
        ("Qwen/Qwen2-VL-7B-Instruct", "plain"),
        ("gpt-4o", "plain"),
        ("", "plain"),
    ],
)
def test_a_critics_family_is_told_by_its_name(name: str, family: str) -> None:
    found = critic_named(name)
    assert plain_of(found) == plain_of(CRITICS[family])
    assert repr(name) in found.source


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("OmniGen2/OmniGen2", "omnigen2"),
        ("omnigen2", "omnigen2"),
        ("OmniGen-2-edit", "omnigen2"),
        ("my_omnigen_2", "omnigen2"),
        ("Shitao/OmniGen-v1", "plain"),
        ("black-forest-labs/FLUX.1-Kontext-dev", "plain"),
        ("", "plain"),
    ],
)
def test_a_generators_family_is_told_by_its_name(name: str, family: str) -> None:
    found = generator_named(name)
    assert plain_of(found) == plain_of(GENERATORS[family])
    assert repr(name) in found.source


def test_weights_without_a_checkpoint_around_them_are_of_the_family_that_their_config_tells(tmp_path: Path) -> None:
    for kind, family in (("qwen2_5_vl", "qwen2.5-vl"), ("qwen3_vl", "qwen3-vl"), ("llava", "plain")):
        folder = tmp_path / kind / "mllm"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
        assert plain_of(critic_profile_in(folder)) == plain_of(CRITICS[family])
    named = tmp_path / "EditScore-7B"
    named.mkdir()
    assert critic_profile_in(named).name == "editscore"
    for broken in ("{", "[]", "null", "[" * 100_000):
        (named / "config.json").write_text(broken)
        assert critic_profile_in(named).name == "editscore"


def test_weights_within_a_checkpoint_are_asked_as_the_checkpoint_says(tmp_path: Path) -> None:
    folder = tmp_path / "whole" / "critic"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    told(tmp_path / "whole", {"critic": {"dialect": "listed", "samples": 4}})
    # Beside it, a settings file may be of anything; only a checkpoint speaks for what is within.
    assert critic_profile_in(folder).name == "qwen2.5-vl"
    (tmp_path / "whole" / "model_index.json").write_text("{}")
    assert (critic_profile_in(folder).dialect, critic_profile_in(folder).samples) == ("listed", 4)
    assert critic_profile_in(tmp_path / "whole") == critic_profile_in(folder)
    told(folder, {"critic": {"samples": 2}})
    assert critic_profile_in(folder).samples == 2


def test_a_caller_chooses_a_built_in_profile_by_its_name(tmp_path: Path) -> None:
    assert plain_of(chosen_generator("omnigen2")) == plain_of(GENERATORS["omnigen2"])
    assert plain_of(chosen_critic("editscore")) == plain_of(CRITICS["editscore"])
    assert chosen_critic("plain").source == chosen_generator("plain").source == "set by the caller"


def test_a_caller_chooses_the_profile_of_a_folder_or_of_its_file(tmp_path: Path) -> None:
    MINE.save(tmp_path)
    for name in (str(tmp_path), str(tmp_path / SETTINGS_FILE)):
        assert plain_of(chosen_generator(name)) == plain_of(MINE.generator)
        assert plain_of(chosen_critic(name)) == plain_of(MINE.critic)
    told(tmp_path, "{")
    with pytest.raises(BadCheckpoint, match=r"omniagent\.json"):
        chosen_critic(str(tmp_path))


def test_a_profile_that_does_not_exist_is_a_bad_setting_that_names_the_known_ones(tmp_path: Path) -> None:
    MINE.save(tmp_path)
    (tmp_path / "notes.txt").write_text("{}")
    (tmp_path / "empty").mkdir()
    for name in ("qwen", str(tmp_path / "nowhere" / "at all"), str(tmp_path / "notes.txt"), str(tmp_path / "empty")):
        with pytest.raises(BadSetting, match=r"qwen2\.5-vl, qwen3-vl, editscore, plain") as refusal:
            chosen_critic(name)
        assert repr(name) in str(refusal.value)
        with pytest.raises(BadSetting, match="omnigen2, plain"):
            chosen_generator(name)


def test_a_served_generator_is_of_the_family_that_its_name_tells_unless_a_profile_is_given() -> None:
    def on(name: str, profile: GeneratorProfile | None = None) -> GeneratorProfile:
        transport = httpx.MockTransport(lambda request: httpx.Response(500))
        generator = RemoteGenerator(("http://one/v1",), name, transport=transport, profile=profile)
        generator.close()
        return generator.profile

    assert plain_of(on("OmniGen2/OmniGen2")) == plain_of(GENERATORS["omnigen2"])
    assert plain_of(on("FLUX.1-dev")) == plain_of(GENERATORS["plain"])
    assert on("OmniGen2/OmniGen2", MINE.generator) is MINE.generator


def test_a_served_critic_is_of_the_family_that_its_name_tells_unless_a_profile_is_given(connect: Connect) -> None:
    server = Server(sure, models="Qwen/Qwen3-VL-8B-Instruct EditScore-7B")
    assert connect(server, model="EditScore-7B").profile.name == "editscore"
    assert connect(server, model="EditScore-7B", profile=MINE.critic).profile is MINE.critic
    assert server.paths == []


def test_a_served_critic_without_a_name_is_met_once_before_its_family_is_known(connect: Connect) -> None:
    server = Server(sure, models="Qwen/Qwen3-VL-8B-Instruct")
    critic = connect(server)
    assert critic.profile.name == "plain"
    critic.meet()
    critic.meet()
    assert (critic.profile.name, server.paths) == ("qwen3-vl", ["/v1/models"])
    known = connect(server, profile=MINE.critic)
    known.meet()
    assert server.paths == ["/v1/models"] and known.profile is MINE.critic


def test_a_served_critic_looks_at_pictures_in_the_size_that_its_profile_wants(connect: Connect) -> None:
    server = Server(sure)
    connect(server, profile=CriticProfile(picture_size=(56, 84))).yes_no(Questions(PROMPT, ("red?",)))
    connect(server).yes_no(Questions(PROMPT, ("red?",)))
    sizes = [travelled(body)[0].size for body in server.chats]
    assert sizes[0] == (56, 84) != sizes[1]


def test_a_local_critic_that_is_told_nothing_is_asked_as_a_qwen(tmp_path: Path) -> None:
    folder, processor = tmp_path / "mllm", tmp_path / "processor"
    network = save_mllm(folder, save_processor(processor))
    encoder = ChatEncoder.load(processor)
    assert LocalCritic(network, encoder).profile == CRITICS["qwen2.5-vl"]
    assert LocalCritic(network, encoder, profile=MINE.critic).profile is MINE.critic

    def loaded(profile: CriticProfile | None = None) -> LocalCritic:
        cpu = torch.device("cpu")
        return LocalCritic.load(folder, processor, device=cpu, dtype=torch.float32, profile=profile)

    assert plain_of(loaded().profile) == plain_of(CRITICS["qwen2.5-vl"])
    assert loaded(MINE.critic).profile is MINE.critic
    told(tmp_path, {"critic": {"dialect": "listed", "picture_size": [64, 32]}})
    (tmp_path / "model_index.json").write_text("{}")
    own = loaded()
    assert (own.profile.dialect, own.profile.name) == ("listed", tmp_path.name)
    # Whatever size a picture has, it is looked at as one of 64 by 32: 8 by 4 patches, 4 to a token.
    asked = [Prompt(system="s", parts=(RED.resize(size),)) for size in ((40, 30), (300, 20))]
    assert len({own.yes_no(Questions(each, ("red?",))).prompt_tokens for each in asked}) == 1
