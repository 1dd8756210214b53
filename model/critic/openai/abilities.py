"""What an OpenAI-compatible server can do beyond plain chat, learnt once from its own answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from omniagent.model.critic.openai.client import ChatClient, Served
from omniagent.model.errors import BadSetting, BadTask, CriticBadOutput, UnknownModel
from omniagent.model.http.refusals import Refused, is_bland
from omniagent.model.mllm.yes_no import SPELLINGS

TOP_LOGPROBS = 20
FEWER_LOGPROBS = 5
LIMITS = ("max_tokens", "max_completion_tokens", None)
# How servers call what they refuse; the first that the request makes use of is given up.
NAMED = {
    "picture_keys": r"\buuid\b|image_url",
    "answer_ids": r"logprob_token_ids",
    "top": r"^(?=.*log_?probs).*(\b(max|maximum|most|greater|less|exceeds?|between|range|limit|must be|up to)\b|[<≤])",
    "logprobs": r"log.?prob|token prob",
    "schemas": r"response_?format|schema|grammar|guided|structured|json.?(mode|object)",
    "limit": r"max_(completion_)?tokens",
    "greedy": r"temperature",
}
# Refusals for what a request holds, which no other form of it would change.
TOO_MUCH = re.compile(r"too (long|large|big|many)|context (length|window|size)|maximum context|payload")
REFUSING = re.compile(
    r"support|unknown|unrecogni[sz]ed|unexpected|not (allowed|permitted|available|implemented|enabled)|invalid|extra|"
    r"cannot|can't|unavailable|disabled|no endpoints|does not|doesn't"
)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of one server. Each ability is believed in until the server refuses it, and then no longer used.

    Attributes:
        vllm: It is a vLLM, by the owner that its model list names.
        answer_ids: Token ids of the spellings of yes and no; with them log-probabilities are exact.
        logprobs: It gives the log-probabilities of the likeliest first tokens.
        schemas: It holds answers to a JSON schema.
        batches: It takes many chats in one request.
        picture_keys: It remembers pictures by a key.
        top: How many of the likeliest tokens it tells.
        greedy: It takes a temperature, so that answers are the likeliest ones.
        limit: What it calls the most tokens of an answer; None when it takes no limit.
    """

    vllm: bool = False
    answer_ids: tuple[int, ...] = ()
    logprobs: bool = True
    schemas: bool = True
    batches: bool = False
    picture_keys: bool = False
    top: int = TOP_LOGPROBS
    greedy: bool = True
    limit: str | None = LIMITS[0]

    def without(self, name: str) -> Abilities:
        """With one ability given up; `top` and `limit` have steps between."""
        if name == "top" and self.top > FEWER_LOGPROBS:
            return replace(self, top=FEWER_LOGPROBS)
        if name == "limit":
            return replace(self, limit=LIMITS[min(LIMITS.index(self.limit) + 1, len(LIMITS) - 1)])
        return replace(self, **{"answer_ids": {"answer_ids": ()}, "top": {"logprobs": False}}.get(name, {name: False}))

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the server is known not to do, and what is done in its place; empty for a current vLLM."""
        lines = {
            "no log-probabilities: verdicts are a plain yes or no, with probability 0 or 1": not self.logprobs,
            f"no log-probabilities by token id: verdicts come from the {self.top} likeliest tokens": self.logprobs
            and not self.answer_ids,
            "no JSON schemas: plans and repairs are checked after they are written, and asked for again": (
                not self.schemas
            ),
            "no batches: every question is a request of its own": not self.batches,
            "no picture keys: pixels travel with every request": not self.picture_keys,
            "no temperature: answers are drawn by chance": not self.greedy,
        }
        return tuple(line for line, missing in lines.items() if missing)


def blamed(error: Exception) -> Iterator[str]:
    """The abilities that a refusal names, the likeliest first; none where it is no refusal, or not for one of them."""
    said = error.__cause__
    if not isinstance(said, Refused):
        return
    words = said.words.lower()
    refusing = said.status in (400, 422, 501) or REFUSING.search(words)
    if refusing and ("logprob" in words or not TOO_MUCH.search(words)):
        yield from (name for name, pattern in NAMED.items() if re.search(pattern, words))


def suspected(error: Exception) -> tuple[str, ...]:
    """The abilities that a refusal may be about which names none, the likeliest first."""
    said = error.__cause__
    if not isinstance(said, Refused) or said.status not in (400, 405, 415, 422, 501):
        return ()
    words = said.words.lower()
    if is_bland(words):
        return ("picture_keys", "answer_ids", "logprobs", "schemas", "greedy", "limit", "limit")
    return () if TOO_MUCH.search(words) else ("answer_ids", "logprobs", "schemas")


async def meet(client: ChatClient, model: str | None) -> tuple[str, Abilities]:
    """The name of the model in use, and what its server says of itself.

    Raises:
        UnknownModel: the server does not serve the model, or none at all.
        BadSetting: the server refuses the API key.
        CriticUnavailable, CriticTimeout: it does not answer.
        CriticBadOutput: its list of models is none.
    """
    served = await listed(client, named=model is not None)
    if served is None:
        return model or "", Abilities()
    mine = next((each for each in served if model in (None, each.name)), None)
    if mine is None:
        names = ", ".join(each.name for each in served) or "no model"
        raise UnknownModel(f"the critic at {client.url} serves {names}; {model or 'any'} is not there")
    if mine.owner != "vllm":
        return mine.name, Abilities()
    ids = await ids_of(client, mine.name, SPELLINGS["yes"] + SPELLINGS["no"])
    return mine.name, Abilities(vllm=True, answer_ids=ids, batches=True, picture_keys=True)


async def listed(client: ChatClient, *, named: bool) -> list[Served] | None:
    """What a server lists; None of a server without a list, which takes the name of the model that it is given.

    Args:
        client: Of the server.
        named: Whether there is such a name.

    Raises:
        UnknownModel, BadTask: it has no list, and no model was named.
        BadSetting, CriticUnavailable, CriticTimeout, CriticBadOutput: as `meet`.
    """
    try:
        return await client.models()
    except (UnknownModel, BadTask):
        if not named:
            raise
        return None


async def ids_of(client: ChatClient, model: str, spellings: Sequence[str]) -> tuple[int, ...]:
    """Ids of those spellings that are one token; none when the server has no tokenizer to ask."""
    found: list[int] = []
    for spelling in spellings:
        body = {"model": model, "prompt": spelling, "add_special_tokens": False}
        try:
            reply = await client.post("/tokenize", body)
        except (UnknownModel, BadSetting, BadTask, CriticBadOutput):
            return ()
        tokens = reply.get("tokens") if isinstance(reply, dict) else None
        if isinstance(tokens, list) and len(tokens) == 1 and isinstance(tokens[0], int):
            found.append(tokens[0])
    return tuple(found)
