"""Texts held to a JSON schema: whatever the network prefers, what is written is of the schema."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.model.checkpoint.folder import load_mllm
from omniagent.model.critic.local import STOP_MARKS, LocalCritic
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.mllm.schema_decoding import SchemaDecoding
from omniagent.model.mllm.schemas import MAX_TEXT
from omniagent.model.requests import Prompt, Writing
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft
from tests.support.tiny_omnigen2 import PARTS

DRAFTS = pytest.mark.parametrize("draft", [PlanDraft, RepairDraft])
DRAWS = 200
PLAN_TOKENS = 256
ASKED = Prompt(system="You plan pictures.", parts=("a red circle",))


class Impossible(BaseModel):
    """No grammar can be made of `not`."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["y"]}})

    x: int = 0


class Tree(BaseModel):
    """A schema without an end of its own."""

    name: str
    kids: list[Tree] = []


class Long(BaseModel):
    text: str = Field(min_length=40)


@pytest.fixture(scope="module")
def encoder() -> ChatEncoder:
    return ChatEncoder.load(PARTS / "processor")


@pytest.fixture(scope="module")
def critic(encoder: ChatEncoder) -> LocalCritic:
    """On random weights, whose `lm_head` the tests change."""
    network: Any = load_mllm(PARTS / "mllm", torch.float32)
    return LocalCritic(network, encoder)


@pytest.fixture(scope="module")
def vocabulary(critic: LocalCritic) -> int:
    return critic.network.lm_head.out_features


@pytest.fixture
def decoding(encoder: ChatEncoder, vocabulary: int) -> SchemaDecoding:
    return SchemaDecoding(encoder.tokenizer, vocabulary, [encoder.id_of(mark) for mark in STOP_MARKS])


@pytest.fixture(scope="module")
def shared(encoder: ChatEncoder, vocabulary: int) -> SchemaDecoding:
    return SchemaDecoding(encoder.tokenizer, vocabulary, [encoder.id_of(mark) for mark in STOP_MARKS])


@pytest.fixture
def reweigh(critic: LocalCritic) -> Any:
    """Gives the network another `lm_head`, and its own back afterwards."""
    weight = critic.network.lm_head.weight
    kept = weight.detach().clone()

    def change(seed: int, scale: float = 1.0) -> None:
        with torch.no_grad():
            weight.copy_(torch.randn(kept.shape, generator=torch.Generator().manual_seed(seed)) * scale)

    yield change
    with torch.no_grad():
        weight.copy_(kept)


def written(
    decoding: SchemaDecoding, encoder: ChatEncoder, schema: type[BaseModel], limit: int, logits: Callable[[], Any]
) -> tuple[str, bool]:
    """A text of at most so many tokens by such logits, and whether it is said to be whole."""
    text = decoding.begin(schema, limit)
    assert text is not None
    ids: list[int] = []
    while len(ids) < limit and (token := text.choose(logits())) is not None:
        ids.append(token)
    return str(encoder.tokenizer.decode(ids, skip_special_tokens=True)), text.whole


def valid(schema: type[BaseModel], text: str) -> bool:
    try:
        schema.model_validate_json(text)
    except ValidationError:
        return False
    return True


@pytest.mark.slow
@DRAFTS
def test_a_network_of_chance_writes_whole_drafts(
    shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int, draft: type[BaseModel]
) -> None:
    seen: set[str] = set()
    for seed in range(DRAWS):
        chance = torch.Generator().manual_seed(seed)
        # A preference that stays, as a network has it, and one that changes with every token.
        likes = 3 * torch.randn(vocabulary, generator=chance) * (seed % 3)
        text, whole = written(
            shared, encoder, draft, PLAN_TOKENS, lambda c=chance, k=likes: k + torch.randn(vocabulary, generator=c)
        )
        draft.model_validate_json(text)
        assert whole
        seen.add(text)
    assert len(seen) > DRAWS // 2


@DRAFTS
@pytest.mark.parametrize("loved", [" ", "\n", ",", "{", "[", '"', "\\", "é"])
def test_a_network_that_always_wants_one_character_writes_whole_drafts(
    shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int, draft: type[BaseModel], loved: str
) -> None:
    ids = encoder.tokenizer.encode(loved, add_special_tokens=False)
    for seed in range(5):
        likes = torch.randn(vocabulary, generator=torch.Generator().manual_seed(seed))
        likes[ids] += 20
        text, whole = written(shared, encoder, draft, PLAN_TOKENS, lambda k=likes: k)
        draft.model_validate_json(text)
        assert whole


@DRAFTS
def test_a_small_limit_still_gives_whole_json(
    shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int, draft: type[BaseModel]
) -> None:
    for seed in range(DRAWS):
        chance = torch.Generator().manual_seed(seed)
        text, whole = written(shared, encoder, draft, 48, lambda c=chance: torch.randn(vocabulary, generator=c))
        draft.model_validate_json(text)
        assert whole


def test_a_schema_without_an_end_of_its_own_ends(shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int) -> None:
    for seed in range(40):
        chance = torch.Generator().manual_seed(seed)
        text, whole = written(shared, encoder, Tree, 200, lambda c=chance: torch.randn(vocabulary, generator=c))
        assert whole == valid(Tree, text)
        assert whole or len(text) > 100


def test_a_text_without_a_limit_of_its_own_gets_one(
    shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int
) -> None:
    likes = torch.zeros(vocabulary)
    likes[encoder.tokenizer.encode("a", add_special_tokens=False)] = 20
    text, whole = written(shared, encoder, Long, 2 * MAX_TEXT, lambda: likes)
    assert whole and len(Long.model_validate_json(text).text) == MAX_TEXT


def test_a_text_that_has_no_room_is_not_whole_and_says_so(
    shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int
) -> None:
    for limit in (1, 3, 20):
        chance = torch.Generator().manual_seed(limit)
        text, whole = written(shared, encoder, Long, limit, lambda c=chance: torch.randn(vocabulary, generator=c))
        assert not whole and not valid(Long, text)


def test_each_text_is_one_of_its_own(shared: SchemaDecoding, encoder: ChatEncoder, vocabulary: int) -> None:
    even = torch.randn(vocabulary, generator=torch.Generator().manual_seed(1))
    alone = written(shared, encoder, RepairDraft, 64, lambda: even)
    first, second = shared.begin(RepairDraft, 64), shared.begin(RepairDraft, 64)
    assert first is not None and second is not None
    ids: list[list[int]] = [[], []]
    for _ in range(64):
        for text, tokens in zip((first, second), ids, strict=True):
            if (token := text.choose(even)) is not None:
                tokens.append(token)
    spelt = [encoder.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in ids]
    assert spelt == [alone[0], alone[0]]


def test_a_schema_of_which_no_grammar_can_be_made_is_told_once(
    decoding: SchemaDecoding, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="omniagent.critic"):
        assert decoding.begin(Impossible, 64) is None
        assert decoding.begin(Impossible, 32) is None
        assert decoding.begin(RepairDraft, 64) is not None
    (record,) = caplog.records
    assert "Impossible" in record.getMessage() and '"not"' in record.getMessage()


@pytest.mark.slow
@DRAFTS
def test_the_critic_in_this_process_writes_whole_drafts_whatever_its_weights_are(
    critic: LocalCritic, reweigh: Callable[..., None], draft: type[BaseModel]
) -> None:
    free = 0
    for seed in range(12):
        reweigh(seed, scale=0.2 + seed)
        free += valid(draft, critic.write(Writing(ASKED, None, 32)).text)
        reply = critic.write(Writing(ASKED, draft, 160))
        draft.model_validate_json(reply.text)
        assert not reply.cut and 0 < reply.completion_tokens <= 161
    assert free == 0


def test_a_critics_text_is_cut_only_when_the_limit_ended_it_before_it_was_whole(
    critic: LocalCritic, reweigh: Callable[..., None]
) -> None:
    for seed in range(6):
        reweigh(seed)
        for limit in (1, 8, 20, 60, 120):
            reply = critic.write(Writing(ASKED, Long, limit))
            assert reply.cut == (not valid(Long, reply.text)), (seed, limit, reply.text)
            assert reply.completion_tokens <= limit + 1
        short, long = (critic.write(Writing(ASKED, Long, limit)) for limit in (8, 120))
        assert (short.cut, long.cut) == (True, False)


def test_a_critic_writes_freely_where_it_cannot_be_held(
    critic: LocalCritic, reweigh: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    reweigh(0)
    with caplog.at_level(logging.WARNING, logger="omniagent.critic"):
        held, again = (critic.write(Writing(ASKED, Impossible, 12)) for _ in range(2))
    free = critic.write(Writing(ASKED, None, 12))
    assert held == again == free
    assert len(caplog.records) == 1
