"""What an OpenAI-compatible server can do beyond plain chat, learnt once from its own answers."""

from __future__ import annotations

from dataclasses import dataclass

from omniagent.model.answers import SPELLINGS
from omniagent.model.errors import BadTask, CriticBadOutput, UnknownModel
from omniagent.model.openai_client import ChatClient, Served


@dataclass(slots=True)
class Abilities:
    """What is known of one server. Each ability is believed in until the server refuses it, and then no longer used.

    Attributes:
        vllm: It is a vLLM, by the owner that its model list names.
        answer_ids: Token ids of the spellings of yes and no; with them log-probabilities are exact.
        logprobs: It gives the log-probabilities of the likeliest first tokens.
        schemas: It holds answers to a JSON schema.
        batches: It takes many chats in one request.
        picture_keys: It remembers pictures by a key.
    """

    vllm: bool = False
    answer_ids: tuple[int, ...] = ()
    logprobs: bool = True
    schemas: bool = True
    batches: bool = False
    picture_keys: bool = False

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the server is known not to do, and what is done in its place; empty for a current vLLM."""
        lines = {
            "no log-probabilities: verdicts are a plain yes or no, with probability 0 or 1": not self.logprobs,
            "no log-probabilities by token id: verdicts come from the 20 likeliest tokens": self.logprobs
            and not self.answer_ids,
            "no JSON schemas: plans and repairs are checked after they are written, and asked for again": (
                not self.schemas
            ),
            "no batches: every question is a request of its own": not self.batches,
            "no picture keys: pixels travel with every request": not self.picture_keys,
        }
        return tuple(line for line, missing in lines.items() if missing)


async def meet(client: ChatClient, model: str | None) -> tuple[str, Abilities]:
    """The name of the model in use, and what its server says of itself.

    Raises:
        UnknownModel: the server does not serve the model, or none at all.
        BadSetting: the server refuses the API key.
        CriticUnavailable, CriticTimeout: it does not answer.
        CriticBadOutput: its list of models is none.
    """
    served = await _served(client, model)
    mine = next((each for each in served if model in (None, each.name)), None)
    if mine is None:
        names = ", ".join(each.name for each in served) or "no model"
        raise UnknownModel(f"the critic at {client.url} serves {names}; {model or 'any'} is not there")
    if mine.owner != "vllm":
        return mine.name, Abilities()
    ids = await _ids_of_answers(client, mine.name)
    return mine.name, Abilities(vllm=True, answer_ids=ids, batches=True, picture_keys=True)


async def _served(client: ChatClient, model: str | None) -> list[Served]:
    try:
        return await client.models()
    except UnknownModel:
        # A server without a list of models takes the name it is given.
        if model is None:
            raise
        return [Served(model, "")]


async def _ids_of_answers(client: ChatClient, model: str) -> tuple[int, ...]:
    """Ids of all spellings of yes and no that are one token; none when the server has no tokenizer to ask."""
    found: list[int] = []
    for spelling in SPELLINGS["yes"] + SPELLINGS["no"]:
        body = {"model": model, "prompt": spelling, "add_special_tokens": False}
        try:
            reply = await client.post("/tokenize", body)
        except (UnknownModel, BadTask, CriticBadOutput):
            return ()
        tokens = reply.get("tokens") if isinstance(reply, dict) else None
        if isinstance(tokens, list) and len(tokens) == 1 and isinstance(tokens[0], int):
            found.append(tokens[0])
    return tuple(found)
