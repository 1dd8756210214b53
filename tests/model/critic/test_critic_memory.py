"""How critic and generator share a card, and how the critic sleeps on a small one."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.critic.service.memory import (
    DRAWING,
    GIB,
    OVERHEAD,
    Card,
    context_of,
    kv_bytes_per_token,
    memory_for,
    weight_bytes,
)
from omniagent.model.critic.vllm import VllmCritic
from omniagent.model.errors import OutOfMemory
from omniagent.model.requests import GenerationRequest, Prompt, Questions
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedGenerator
from tests.support.fake_vllm import fake_checkpoint

PROMPT = Prompt(system="You check pictures.", parts=(Image.new("RGB", (8, 6), "red"), "\n"))
GENERATOR, SEVEN_B = 17 * GIB, 16 * GIB


@pytest.mark.parametrize(("card", "sleep"), [(80, False), (48, False), (40, True), (24, True)])
def test_a_7b_critic_stays_beside_the_generator_on_a_large_card_and_sleeps_on_a_small_one(
    card: int, sleep: bool
) -> None:
    memory = memory_for(Card(card * GIB, card * GIB), weights=SEVEN_B, generator=GENERATOR, cache=2 * GIB)
    assert (memory.sleep, memory.kv_bytes) == (sleep, 2 * GIB)


def test_a_card_too_small_for_one_of_them_is_named_with_a_way_out() -> None:
    with pytest.raises(OutOfMemory, match=r"16 GiB.*--critic local"):
        memory_for(Card(16 * GIB, 16 * GIB), weights=SEVEN_B, generator=GENERATOR, cache=GIB)


@given(
    total=st.integers(8, 200),
    weights=st.integers(0, 80),
    generator=st.integers(0, 40),
    cache=st.integers(0, 64 * GIB),
)
def test_what_is_planned_fits(total: int, weights: int, generator: int, cache: int) -> None:
    try:
        memory = memory_for(Card(total * GIB, 0), weights=weights * GIB, generator=generator * GIB, cache=cache)
    except OutOfMemory:
        return
    critic = weights * GIB + memory.kv_bytes + OVERHEAD
    drawing = generator * GIB + DRAWING if generator else 0
    assert memory.share is not None and 0 < memory.share <= 0.95
    assert max(critic, drawing) <= total * GIB
    assert memory.sleep == (critic + drawing > total * GIB)


def test_sizes_are_read_from_the_checkpoint(tmp_path: Path) -> None:
    mllm = fake_checkpoint(tmp_path / "c") / "mllm"
    assert (kv_bytes_per_token(mllm, 4), context_of(mllm)) == (2 * 2 * 2 * 8 * 4, 512)
    (mllm / "model.safetensors").write_bytes(b"12345")
    assert weight_bytes(tmp_path) == 5


def test_a_critic_on_a_small_card_sleeps_while_the_generator_draws_and_wakes_to_judge() -> None:
    seen: list[str] = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.path)
        if request.url.path == "/v1/models":
            return httpx2.Response(200, json={"object": "list", "data": [{"id": "eye", "owned_by": "vllm"}]})
        if request.url.path == "/tokenize":
            return httpx2.Response(200, json={"tokens": [1, 2]})
        if request.url.path in ("/sleep", "/wake_up"):
            return httpx2.Response(200, json={})
        top = [{"token": "yes", "logprob": -0.1, "bytes": None}]
        content = [{"token": "yes", "logprob": -0.1, "bytes": None, "top_logprobs": top}]
        choices = [
            {
                "index": number,
                "message": {"role": "assistant", "content": "yes"},
                "finish_reason": "length",
                "logprobs": {"content": content},
            }
            for number in range(len(json.loads(request.content)["messages"]))
        ]
        body: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 0, "model": "eye"}
        return httpx2.Response(200, json={**body, "choices": choices})

    transport = httpx2.MockTransport(serve)
    critic = VllmCritic("http://critic.test/v1", None, None, sleeps=True, transport=transport)
    with ModelRuntime(ScriptedGenerator(), critic) as runtime:
        assert not runtime.overlaps
        for _ in range(2):
            runtime.generator.generate(GenerationRequest(instruction="a circle"))
            runtime.critic.yes_no(Questions(PROMPT, ("a?", "b?")))
            runtime.critic.yes_no(Questions(PROMPT, ("c?", "d?")))
    told = [path for path in seen if path not in ("/v1/models", "/tokenize")]
    batch = "/v1/chat/completions/batch"
    assert told == ["/wake_up", batch, batch, "/sleep", "/wake_up", batch, batch]
