"""How critic and generator share a card, and how the critic sleeps on a small one."""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.critic.service.memory import (
    ASLEEP,
    CHATS_AT_ONCE,
    CHATS_OF_AN_AGENT,
    CRITICS,
    GIB,
    HOST,
    OVERHEAD,
    RESTING,
    Card,
    CriticSizes,
    Memory,
    context_of,
    kv_bytes_per_token,
    memory_for,
    weight_bytes,
)
from omniagent.model.critic.service.service import plan_service
from omniagent.model.critic.vllm import VllmCritic
from omniagent.model.errors import OutOfMemory
from omniagent.model.pipeline.memory import PUBLISHED_CONFIG, PUBLISHED_NUMBERS, Need, need_from
from omniagent.model.requests import GenerationRequest, Prompt, Questions
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedGenerator
from tests.support.fake_vllm import fake_checkpoint

PROMPT = Prompt(system="You check pictures.", parts=(Image.new("RGB", (8, 6), "red"), "\n"))
NUMBERS, CONFIG = PUBLISHED_NUMBERS, PUBLISHED_CONFIG
PUBLISHED = need_from(NUMBERS, CONFIG, 1024)
B3, B7 = CRITICS["Qwen2.5-VL-3B"], CRITICS["Qwen2.5-VL-7B"]


def planned(gigabytes: float, critic: CriticSizes, host: float | None = 30, need: Need | None = PUBLISHED) -> Memory:
    """The plan on a card of which 2 % are the driver's."""
    chats = [each * critic.context * critic.token for each in (CHATS_AT_ONCE, CHATS_OF_AN_AGENT)]
    card = Card(int(gigabytes * 0.98 * GIB), 0)
    room = None if host is None else int(host * GIB)
    return memory_for(card, weights=critic.weights, drawer=need, caches=chats, host=room)


@pytest.mark.parametrize(
    ("card", "critic", "way"),
    [
        (8, B3, None),
        (8, B7, None),
        (12, B3, (True, "model")),
        (12, B7, None),
        (16, B3, (True, "model")),
        (16, B7, None),
        (24, B3, (True, "model")),
        (24, B7, (False, "group")),
        (32, B3, (False, None)),
        (32, B7, (False, "group")),
        (48, B3, (False, None)),
        (48, B7, (False, None)),
        (80, B3, (False, None)),
        (80, B7, (False, None)),
    ],
)
def test_every_card_has_a_plan_that_fits_beside_32_gb_of_ram_or_is_told_what_would(
    card: int, critic: CriticSizes, way: tuple[bool, str | None] | None
) -> None:
    if way is None:
        with pytest.raises(OutOfMemory, match=rf"GiB of the card's {card * 0.98:.1f}.*use --critic local") as caught:
            planned(card, critic)
        assert "\n" not in str(caught.value)
        return
    plan = planned(card, critic)
    assert (plan.sleep, plan.drawing) == way
    assert fits(plan, int(card * 0.98 * GIB), critic.weights, PUBLISHED, 30 * GIB)


def fits(plan: Memory, card: int, weights: int, need: Need | None, host: int) -> bool:
    """The sums of a plan, written anew: at no moment is more on the card, or outside of it, than there is."""
    awake = weights + plan.kv_bytes + OVERHEAD
    if need is None:
        return awake <= card
    own = need.transformer + need.mllm + need.vae
    drawing = need.peak(plan.drawing or "whole") * 1.1
    # One network at a time, or in groups, it leaves the card before a sleeping critic wakes.
    resting = own if plan.drawing == "whole" else 0
    looks = awake + (RESTING + resting if plan.sleep else drawing)
    draws = drawing + (ASLEEP if plan.sleep else awake)
    return max(looks, draws) <= card and HOST + own + (weights if plan.sleep else 0) <= host


def test_more_main_memory_lets_a_7b_critic_sleep_on_24_gb_and_too_little_is_named() -> None:
    assert planned(24, B7, host=60)[2:] == (True, "model")
    with pytest.raises(OutOfMemory, match=r"25\.\d of 24\.0 GiB of main memory; use --critic local"):
        planned(12, B3, host=24)


def test_a_card_without_the_generator_serves_more_and_a_farm_gets_less_memory_rather_than_none() -> None:
    assert planned(24, B7, need=None).sleep is False
    small = planned(12, B3)
    assert small.kv_bytes == CHATS_OF_AN_AGENT * B3.context * B3.token < 0.6 * GIB
    assert planned(48, B3).kv_bytes == 4 * GIB


@given(
    card=st.integers(4, 200),
    weights=st.integers(0, 80),
    transformer=st.integers(0, 40),
    mllm=st.integers(0, 20),
    cache=st.integers(0, 64 * GIB),
    host=st.integers(1, 200),
)
def test_what_is_planned_fits(card: int, weights: int, transformer: int, mllm: int, cache: int, host: int) -> None:
    need = Need(transformer * GIB, mllm * GIB, GIB // 8, 32, GIB)
    try:
        plan = memory_for(
            Card(card * GIB, 0), weights=weights * GIB, drawer=need, caches=(cache, cache // 8), host=host * GIB
        )
    except OutOfMemory:
        return
    assert plan.share is not None and 0 < plan.share <= 0.95
    assert fits(plan, card * GIB, weights * GIB, need, host * GIB)


def sparse(file: Path, dtype: str, numbers: int) -> None:
    """A safetensors file of one tensor of zeros that takes no room on the disk."""
    size = numbers * {"F32": 4, "BF16": 2}[dtype]
    header = json.dumps({"w": {"dtype": dtype, "shape": [numbers], "data_offsets": [0, size]}}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(header)) + header)
        out.truncate(8 + len(header) + size)


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_published_weights_are_counted_by_shapes_whatever_their_files_hold(tmp_path: Path, dtype: str) -> None:
    for part in NUMBERS:
        stem = "model" if part == "mllm" else "diffusion_pytorch_model"
        sparse(tmp_path / part / f"{stem}.safetensors", dtype, NUMBERS[part])
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(dict(CONFIG)))
    text = {"num_attention_heads": 16, "hidden_size": 2048, "num_hidden_layers": 36, "num_key_value_heads": 2}
    (tmp_path / "mllm" / "config.json").write_text(json.dumps({**text, "max_position_embeddings": 128_000}))
    made = plan_service(tmp_path, python=Path(sys.executable), port=0, card=Card(24 * GIB, 0), chats=2, host=30 * GIB)
    assert (made.memory.sleep, made.memory.drawing) == (True, "model")
    assert made.memory.kv_bytes == 2 * 8192 * B3.token
    # Another critic on its own card, beside that generator.
    lone = plan_service(
        tmp_path / "mllm", python=Path(sys.executable), port=0, card=Card(80 * GIB, 0), generator=tmp_path
    )
    assert not lone.memory.sleep and lone.memory.drawing is None


def test_sizes_are_read_from_the_checkpoint(tmp_path: Path) -> None:
    mllm = fake_checkpoint(tmp_path / "c") / "mllm"
    assert (kv_bytes_per_token(mllm, 4), context_of(mllm)) == (2 * 2 * 2 * 8 * 4, 512)
    sparse(mllm / "model.safetensors", "F32", 5)
    assert weight_bytes(mllm, 2) == 10


class Pictured(ScriptedGenerator):
    """A generator on a card, which says when it leaves it."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.device = "cuda:0"
        self._seen = seen

    def leave(self) -> None:
        self._seen.append("left")


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
    with ModelRuntime(Pictured(seen), critic) as runtime:
        assert not runtime.overlaps
        for _ in range(2):
            runtime.generator.generate(GenerationRequest(instruction="a circle"))
            runtime.critic.yes_no(Questions(PROMPT, ("a?", "b?")))
            runtime.critic.yes_no(Questions(PROMPT, ("c?", "d?")))
    told = [path for path in seen if path not in ("/v1/models", "/tokenize")]
    batch = "/v1/chat/completions/batch"
    # The generator gives its memory up before the critic wakes.
    first = ["left", "/wake_up", batch, "left", batch]
    assert told == [*first, "/sleep", *first]
