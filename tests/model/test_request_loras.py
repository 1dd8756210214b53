"""LoRAs of single requests: in force for their own pictures alone, whatever is drawn before, beside and after them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.generator.loras import KEPT
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.requests import GenerationRequest, LoraChoice
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic
from tests.model.test_lora import adapter
from tests.support.tiny_omnigen2 import tiny_pipeline

PLAIN = GenerationRequest(instruction="a red circle", seeds=(1,), steps=2, width=32, height=32)


def wearing(*choices: tuple[Path, float]) -> GenerationRequest:
    loras = tuple(LoraChoice(path=str(path), scale=scale) for path, scale in choices)
    return PLAIN.model_copy(update={"loras": loras})


def pixels(pictures: list[Image.Image]) -> bytes:
    return pictures[0].tobytes()


def test_a_lora_is_in_force_for_its_own_request_alone(tmp_path: Path) -> None:
    generator = OmniGen2Generator(tiny_pipeline())
    a, b = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 2)
    before = pixels(generator.generate(PLAIN))
    with_a, with_b = pixels(generator.generate(wearing((a, 1.0)))), pixels(generator.generate(wearing((b, 1.0))))
    half = pixels(generator.generate(wearing((a, 0.5))))
    both = pixels(generator.generate(wearing((a, 1.0), (b, 1.0))))
    assert len({before, with_a, with_b, half, both}) == 5
    assert pixels(generator.generate(PLAIN)) == before and pixels(generator.generate(wearing((a, 1.0)))) == with_a


def test_one_that_was_loaded_for_every_request_stays_on(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    generator = OmniGen2Generator(pipeline)
    pipeline.loras.load(adapter(tmp_path / "a", 1), "mine", 0.5)
    mine = pixels(generator.generate(PLAIN))
    assert pixels(generator.generate(wearing((adapter(tmp_path / "b", 2), 1.0)))) != mine
    assert pixels(generator.generate(PLAIN)) == mine and pipeline.loras.scales["mine"] == 0.5


def test_requests_with_other_loras_are_drawn_apart_and_come_out_as_alone(tmp_path: Path) -> None:
    a, b = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 2)
    requests = [PLAIN, wearing((a, 1.0)), wearing((b, 0.7))] * 2
    alone = OmniGen2Generator(tiny_pipeline())
    expected = [pixels(alone.generate(request)) for request in requests]
    together = OmniGen2Generator(tiny_pipeline(), batch=4)
    with ModelRuntime(together, ScriptedCritic()) as runtime, ThreadPoolExecutor(6) as pool:
        drawn = [pixels(made) for made in pool.map(runtime.generator.generate, requests)]
    assert drawn == expected


def test_only_the_last_few_stay_loaded(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    generator = OmniGen2Generator(pipeline)
    for number in range(KEPT + 2):
        generator.generate(wearing((adapter(tmp_path / str(number), number), 1.0)))
    assert len(pipeline.loras.scales) == KEPT


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    generator = OmniGen2Generator(tiny_pipeline())
    path = adapter(tmp_path / "a", 1)
    first = pixels(generator.generate(wearing((path, 1.0))))
    generator.generate(PLAIN)
    adapter(tmp_path / "a", 2)
    assert pixels(generator.generate(wearing((path, 1.0)))) != first


def test_one_that_does_not_fit_fails_its_own_request_alone(tmp_path: Path) -> None:
    generator = OmniGen2Generator(tiny_pipeline())
    before = pixels(generator.generate(PLAIN))
    with pytest.raises(BadCheckpoint):
        generator.generate(wearing((adapter(tmp_path / "wide", 1, width=8), 1.0)))
    assert pixels(generator.generate(PLAIN)) == before


def test_a_server_of_the_images_api_says_that_it_takes_none(tmp_path: Path) -> None:
    remote = RemoteGenerator(["http://127.0.0.1:9/v1"], "model")
    try:
        with pytest.raises(BadSetting, match="takes no LoRA"):
            remote.generate(wearing((tmp_path, 1.0)))
    finally:
        remote.close()
