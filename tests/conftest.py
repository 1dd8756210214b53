"""Fixtures that several test files share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from omniagent.agent import Agent
from tests.support import process_state
from tests.support.faces import end_to_end_agent

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

    from omniagent.model.critic.openai.critic import OpenAICritic
    from tests.support.openai_stub import Connect


def pytest_configure() -> None:
    """What the person at this machine measured of critics is no part of a test."""
    os.environ["OMNIAGENT_CALIBRATION_DIR"] = str(Path(tempfile.gettempdir()) / "omniagent-no-calibrations")


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent of end-to-end tests: scripted, or the checkpoint that OMNIAGENT_MODEL names."""
    return end_to_end_agent(tmp_path / "runs")


@pytest.fixture
def connect() -> "Iterator[Connect]":
    """Critics on servers made of functions, without pauses, closed afterwards."""
    import httpx2

    from omniagent.model.critic.openai.critic import OpenAICritic
    from tests.support.openai_stub import URL

    made: list[OpenAICritic] = []

    def build(server: Any, **settings: Any) -> "OpenAICritic":
        settings = {"backoff": 0.0, "timeout": 20.0} | settings
        made.append(OpenAICritic(URL, transport=httpx2.MockTransport(server), **settings))
        return made[-1]

    yield build
    for critic in made:
        critic.close()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums are split by the number of threads, so the last bits of a picture follow it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    """No test changes how those after it calculate: what is set for the whole process is put back."""
    before = process_state.numbers()
    yield
    process_state.forget_accelerator()
    after = process_state.numbers()
    left = {name: value for name, value in after.items() if before.get(name, value) != value}
    assert not left, f"left set for the whole process: {left}; it was {before}"


@pytest.fixture(scope="session")
def tokenizer() -> "PreTrainedTokenizerBase":
    """The bundled MLLM's tokenizer, with a smaller vocabulary."""
    from omniagent.shapes.training.tokenizer import train_tokenizer

    return train_tokenizer(900)


@pytest.fixture(scope="session")
def mllm(tokenizer: "PreTrainedTokenizerBase") -> "Qwen2_5_VLForConditionalGeneration":
    """An untrained MLLM of the bundled checkpoint's widths, with fewer layers so that training it takes seconds."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    from omniagent.shapes.training.architecture import mllm_config
    from omniagent.shapes.training.parts import SPECIAL_IDS

    torch.manual_seed(0)
    ids = {name: int(tokenizer.convert_tokens_to_ids(token)) for name, token in SPECIAL_IDS.items()}
    config = mllm_config(len(tokenizer), **ids)
    text, vision = config.text_config, config.vision_config
    text.num_hidden_layers, text.layer_types, text.intermediate_size = 2, text.layer_types[:2], 256
    vision.depth, vision.fullatt_block_indexes, vision.intermediate_size = 2, [1], 128
    return Qwen2_5_VLForConditionalGeneration(config).eval()
