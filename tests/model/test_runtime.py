"""The runtime: turns on devices, counters, shared weights, loading, closing."""

import shutil
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image

from omniagent.model import loading
from omniagent.model.critic.local import LocalCritic
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.device import pick_device
from omniagent.model.errors import BadCheckpoint, BadSetting, Cancelled, GenerationFailed, OutOfMemory, UnknownModel
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.guarded import Counts
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken, Critic, GenerationRequest, Generator, Prompt, Questions, Writing
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.tiny_omnigen2 import tiny_pipeline

REQUEST = GenerationRequest(instruction="a red circle", seeds=(1, 2))
PROMPT = Prompt(system="You check pictures.", parts=(Image.new("RGB", (56, 56), "red"), "\n"))


class GeneratorOn(ScriptedGenerator):
    """A scripted generator that says it sits on a device."""

    def __init__(self, device: str, gate: threading.Event | None = None) -> None:
        super().__init__(gate=gate)
        self.device = device


class CriticOn(ScriptedCritic):
    """A scripted critic that says it sits on a device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    pipeline = tiny_pipeline()
    pipeline.profiles = pipeline.profiles._replace(generator=GeneratorProfile(width=48, height=32, steps=2))
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(checkpoint: Path) -> ModelRuntime:
    return ModelRuntime.load(checkpoint, device="cpu")


def local_critic(runtime: ModelRuntime) -> LocalCritic:
    critic = runtime.critic.inner
    assert isinstance(critic, LocalCritic)
    return critic


def local_generator(runtime: ModelRuntime) -> OmniGen2Generator:
    generator = runtime.generator.inner
    assert isinstance(generator, OmniGen2Generator)
    return generator


def test_the_models_of_a_runtime_fill_their_roles_and_keep_their_names() -> None:
    runtime = ModelRuntime(ScriptedGenerator(model="brush"), ScriptedCritic(model="eye"))
    assert isinstance(runtime.generator, Generator) and isinstance(runtime.critic, Critic)
    assert (runtime.generator.model, runtime.critic.model, runtime.critic.backend) == ("brush", "eye", "scripted")


def test_calls_pass_through_unchanged_and_are_counted() -> None:
    generator, critic = ScriptedGenerator(errors={1: OutOfMemory("full")}), ScriptedCritic([0.25], texts=["red"])
    runtime = ModelRuntime(generator, critic)
    expected = ScriptedGenerator().generate(REQUEST)
    assert [image.tobytes() for image in runtime.generator.generate(REQUEST)] == [e.tobytes() for e in expected]
    with pytest.raises(OutOfMemory):
        runtime.generator.generate(REQUEST)
    assert runtime.critic.yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities == (0.25, 0.25)
    assert runtime.critic.write(Writing(PROMPT, max_tokens=7)).text == "red"
    assert runtime.stats().counts == Counts(pictures=2, generations=1, questions=2, verdicts=1, texts=1, failures=1)


def test_models_on_one_device_take_turns_and_who_waits_can_be_cancelled() -> None:
    gate = threading.Event()
    generator, critic = GeneratorOn("cpu", gate), CriticOn("cpu")
    runtime = ModelRuntime(generator, critic)
    drawing = threading.Thread(target=lambda: runtime.generator.generate(REQUEST))
    drawing.start()
    assert generator.started.wait(10)
    token = CancelToken()
    outcome: list[str] = []

    def look(mine: CancelToken | None) -> None:
        try:
            runtime.critic.yes_no(Questions(PROMPT, ("a?",)), token=mine)
            outcome.append("answered")
        except Cancelled:
            outcome.append("cancelled")

    waiting = threading.Thread(target=look, args=(token,))
    waiting.start()
    token.cancel()
    waiting.join(10)
    assert (outcome, critic.calls) == (["cancelled"], [])
    gate.set()
    drawing.join(10)
    look(None)
    assert outcome == ["cancelled", "answered"]


@pytest.mark.parametrize("critic", [CriticOn("cuda:1"), ScriptedCritic()])
def test_a_critic_elsewhere_does_not_wait_for_the_generator(critic: ScriptedCritic) -> None:
    gate = threading.Event()
    generator = GeneratorOn("cuda:0", gate)
    runtime = ModelRuntime(generator, critic)
    drawing = threading.Thread(target=lambda: runtime.generator.generate(REQUEST))
    drawing.start()
    assert generator.started.wait(10)
    answer = runtime.critic.yes_no(Questions(PROMPT, ("a?",)))
    gate.set()
    drawing.join(10)
    assert answer.probabilities == (0.99,)


def test_a_closed_runtime_turns_calls_away_and_closes_its_models_once() -> None:
    class Closing(ScriptedCritic):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    critic = Closing()
    with ModelRuntime(ScriptedGenerator(), critic) as runtime:
        runtime.critic.yes_no(Questions(PROMPT, ("a?",)))
    runtime.close()
    assert critic.closed == 1
    for call in (
        lambda: runtime.generator.generate(REQUEST),
        lambda: runtime.critic.yes_no(Questions(PROMPT, ("a?",))),
    ):
        with pytest.raises(BadSetting, match="closed"):
            call()


def test_closing_waits_for_the_call_under_way_on_a_device() -> None:
    gate = threading.Event()
    generator = GeneratorOn("cpu", gate)
    runtime = ModelRuntime(generator, CriticOn("cpu"))
    drawing = threading.Thread(target=lambda: runtime.generator.generate(REQUEST))
    drawing.start()
    assert generator.started.wait(10)
    closing = threading.Thread(target=runtime.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    gate.set()
    closing.join(10)
    drawing.join(10)
    assert runtime.stats().counts == Counts(pictures=2, generations=1)


def test_a_generator_taken_from_one_runtime_works_in_another() -> None:
    first = ModelRuntime(ScriptedGenerator(), ScriptedCritic())
    second = ModelRuntime(first.generator, ScriptedCritic())
    assert len(second.generator.generate(REQUEST)) == 2
    assert first.stats().counts.pictures == 0


def test_a_loaded_checkpoint_draws_looks_and_writes_with_its_own_settings(loaded: ModelRuntime) -> None:
    pictures = loaded.generator.generate(REQUEST)
    assert [image.size for image in pictures] == [(48, 32)] * 2
    answer = loaded.critic.yes_no(Questions(PROMPT, ("red?", "blue?")))
    assert all(0.0 <= p <= 1.0 for p in answer.probabilities)
    assert loaded.critic.write(Writing(PROMPT, max_tokens=3)).completion_tokens <= 3
    assert loaded.critic.backend == "local"


def test_a_second_round_reuses_prompt_negative_and_reference(loaded: ModelRuntime) -> None:
    request = GenerationRequest(
        instruction="second round", negative="blur", references=(Image.new("RGB", (48, 32), "blue"),), seeds=(1,)
    )
    loaded.generator.generate(request)
    before = loaded.stats().caches
    loaded.generator.generate(request.model_copy(update={"seeds": (2,)}))
    after = loaded.stats().caches
    assert (after["texts"].hits - before["texts"].hits, after["texts"].misses) == (2, before["texts"].misses)
    assert after["references"].hits - before["references"].hits == 1
    assert after["references"].misses == before["references"].misses


def test_the_critic_shares_the_generators_network_unless_the_checkpoint_has_one_of_its_own(
    loaded: ModelRuntime, checkpoint: Path, tmp_path: Path
) -> None:
    assert local_critic(loaded).network is local_generator(loaded).pipeline.mllm
    folder = tmp_path / "with-critic"
    shutil.copytree(checkpoint, folder)
    shutil.copytree(folder / "mllm", folder / "critic")
    runtime = ModelRuntime.load(folder, device="cpu")
    network = local_critic(runtime).network
    assert network is not local_generator(runtime).pipeline.mllm
    with torch.no_grad():
        network.model.language_model.norm.weight.mul_(3.0)
    assert runtime.critic.yes_no(Questions(PROMPT, ("red?",))) != loaded.critic.yes_no(Questions(PROMPT, ("red?",)))
    expected = [image.tobytes() for image in loaded.generator.generate(REQUEST)]
    assert [image.tobytes() for image in runtime.generator.generate(REQUEST)] == expected
    assert runtime.critic.model.endswith("critic")


def test_weights_that_are_not_numbers_fail_and_the_runtime_goes_on(checkpoint: Path) -> None:
    runtime = ModelRuntime.load(checkpoint, device="cpu")
    weight = local_generator(runtime).pipeline.transformer.norm_out.linear_2.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("nan"))
    with pytest.raises(GenerationFailed):
        runtime.generator.generate(REQUEST)
    with torch.no_grad():
        weight.copy_(kept)
    assert len(runtime.generator.generate(REQUEST)) == 2
    assert runtime.stats().counts.failures == 1


def test_loading_a_model_without_memory_for_it_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(loading.OmniGen2Pipeline, "from_pretrained", full)
    with pytest.raises(OutOfMemory, match="cpu"):
        ModelRuntime.load(checkpoint, device="cpu")


def test_a_given_critic_is_used_as_it_is(checkpoint: Path) -> None:
    critic = ScriptedCritic()
    assert ModelRuntime.load(checkpoint, device="cpu", critic=critic).critic.inner is critic


def test_a_url_that_does_not_answer_yet_gives_a_critic_that_will_ask_again(loaded: ModelRuntime) -> None:
    critic = loading.load_critic("http://127.0.0.1:9/v1", local_generator(loaded), name="eye", patience=0.5)
    assert isinstance(critic, OpenAICritic)
    assert (critic.backend, critic.model) == ("openai", "eye")
    critic.close()


def test_nothing_and_unknown_things_cannot_be_loaded(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no model was named"):
        ModelRuntime.load(None)
    with pytest.raises(UnknownModel):
        ModelRuntime.load(str(tmp_path / "nowhere"))
    with pytest.raises(BadCheckpoint):
        ModelRuntime.load(tmp_path)
    with pytest.raises(BadSetting, match="critic='oracle'"):
        ModelRuntime.load(checkpoint, device="cpu", critic="oracle")
    with pytest.raises(BadSetting, match="device='abacus'"):
        ModelRuntime.load(checkpoint, device="abacus")


def test_a_named_device_is_taken_and_one_is_found_otherwise() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type in {"cpu", "cuda", "mps"}
