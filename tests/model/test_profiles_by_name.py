"""The profile of a model that says none itself: by its family's name, or as the caller chooses."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from omniagent.model.checkpoint.settings import (
    SETTINGS_FILE,
    Profiles,
    chosen_critic,
    chosen_generator,
    critic_profile_in,
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
    critic_named,
    generator_named,
)
from omniagent.model.requests import Prompt, Questions
from tests.model.critic.test_critic_pictures import travelled
from tests.support.openai_stub import PROMPT, RED, Connect, Server, sure
from tests.support.tiny_models import save_mllm, save_processor

MINE = Profiles(GeneratorProfile(name="mine", steps=7), CriticProfile(name="eye", dialect="listed", samples=3))


def told(folder: Path, settings: Any) -> Path:
    """A folder whose omniagent.json says this."""
    folder.mkdir(parents=True, exist_ok=True)
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


def plain_of(profile: GeneratorProfile | CriticProfile) -> dict[str, Any]:
    """What a profile says, without where it comes from."""
    return profile.model_dump(exclude={"source"})


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


def test_a_fine_tune_is_told_by_its_folder_though_its_config_names_its_family(tmp_path: Path) -> None:
    for folder in (tmp_path / "EditScore-7B", tmp_path / "models--EditScore--EditScore-7B" / "snapshots" / "0a1b2c"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
        assert critic_profile_in(folder).name == "editscore"


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
        with pytest.raises(BadSetting, match=r"qwen2\.5-vl, qwen3-vl, editscore, omniverifier, plain") as refusal:
            chosen_critic(name)
        assert repr(name) in str(refusal.value)
        with pytest.raises(BadSetting, match="omnigen2, boogu, boogu-turbo, plain"):
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
    assert (own.profile.dialect, own.profile.source) == ("listed", f"omniagent.json of {tmp_path.name}")
    # Whatever size a picture has, it is looked at as one of 64 by 32: 8 by 4 patches, 4 to a token.
    asked = [Prompt(system="s", parts=(RED.resize(size),)) for size in ((40, 30), (300, 20))]
    assert len({own.yes_no(Questions(each, ("red?",))).prompt_tokens for each in asked}) == 1
