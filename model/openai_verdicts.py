"""Yes/no questions to a chat server as one-token probabilities, by the best way that the server knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from omniagent.model.answers import CHOICE_SCHEMA, probability_of_yes, spoken_answer
from omniagent.model.errors import BadTask, CriticBadOutput, UnknownModel
from omniagent.model.openai_abilities import Abilities
from omniagent.model.openai_client import ChatClient
from omniagent.model.openai_pictures import PictureParts, pictures_of
from omniagent.model.openai_wire import ChatAnswer, Choice, messages, schema_format
from omniagent.model.requests import Prompt, YesNo

TOP_LOGPROBS = 20
CHOICE_TOKENS = 16
BATCH = 32


class Cost(NamedTuple):
    """Tokens of one or more requests; `cached` are those of the prompt that the server had computed before."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion)


class Verdict(NamedTuple):
    """p(yes) and what it cost."""

    probability: float
    cost: Cost


def cost_of(reply: ChatAnswer) -> Cost:
    """What a server says that an answer cost; zeros where it says nothing."""
    usage = reply.usage
    return Cost(usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens)


class ChatCalls:
    """Chats with one model of one server, by its abilities, which the calls learn as they go.

    Attributes:
        abilities: What the server can do, as far as known.
        pictures: What pictures it has.
    """

    def __init__(self, client: ChatClient, model: str, abilities: Abilities, pictures: PictureParts) -> None:
        self._client = client
        self._model = model
        self.abilities = abilities
        self.pictures = pictures

    async def yes_no(self, prompt: Prompt, questions: Sequence[str]) -> YesNo:
        """p(yes) of each question, all under way together.

        Raises:
            CriticBadOutput: an answer that says neither yes nor no.
            OmniAgentError: as `ChatClient.chat`.
        """
        verdicts = await self._in_batches(prompt, questions) if len(questions) > 1 else None
        if verdicts is None:
            tasks = [asyncio.ensure_future(self._verdict(prompt.then(question))) for question in questions]
            try:
                verdicts = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
        cost = Cost()
        for verdict in verdicts:
            cost = cost.plus(verdict.cost)
        return YesNo(
            probabilities=tuple(verdict.probability for verdict in verdicts),
            prompt_tokens=cost.prompt,
            cached_tokens=cost.cached,
            completion_tokens=cost.completion,
        )

    async def chat(self, prompt: Prompt, form: dict[str, Any] | None = None, **body: Any) -> ChatAnswer:
        """One greedy answer, held to a `response_format` where the server knows such formats."""
        if form is not None and self.abilities.schemas:
            try:
                return await self._send([prompt], response_format=form, **body)
            except BadTask as refusal:
                if not any(word in str(refusal).lower() for word in ("response_format", "schema", "grammar")):
                    raise
                self.abilities.schemas = False
        return await self._send([prompt], **body)

    async def _in_batches(self, prompt: Prompt, questions: Sequence[str]) -> list[Verdict] | None:
        """All questions in as few requests as may be; None when the server takes none such."""
        if not (self.abilities.batches and self.abilities.logprobs):
            return None
        verdicts: list[Verdict] = []
        for start in range(0, len(questions), BATCH):
            prompts = [prompt.then(question) for question in questions[start : start + BATCH]]
            try:
                reply = await self._send(prompts, **self._one_token())
            except UnknownModel:
                self.abilities.batches = False
                return None
            except BadTask:
                # Whatever is wrong with the request, single requests will say it too.
                return None
            by_index = {choice.index: choice for choice in reply.choices if choice.index is not None}
            found = [_probability(choice) for _, choice in sorted(by_index.items())]
            if len(found) != len(prompts) or any(each is None for each in found):
                return None
            total, n = cost_of(reply), len(prompts)
            verdicts += [Verdict(p or 0.0, total if i == 0 else Cost()) for i, p in zip(range(n), found, strict=True)]
        return verdicts

    async def _verdict(self, prompt: Prompt) -> Verdict:
        if self.abilities.logprobs:
            try:
                reply = await self._send([prompt], **self._one_token())
            except BadTask as refusal:
                if "logprob" not in str(refusal).lower():
                    raise
                self.abilities.logprobs = False
            else:
                logprobs = reply.choices[0].logprobs
                self.abilities.logprobs = logprobs is not None and bool(logprobs.content)
                probability = _probability(reply.choices[0])
                if probability is not None:
                    return Verdict(probability, cost_of(reply))
        reply = await self.chat(prompt, schema_format("Answer", CHOICE_SCHEMA), max_tokens=CHOICE_TOKENS)
        said = reply.choices[0].message.content or ""
        probability = spoken_answer(said)
        if probability is None:
            raise CriticBadOutput(
                f"the critic {self._model} at {self._client.url} says neither yes nor no to a question but "
                f"{said[:80]!r}; use a model that looks at pictures and follows instructions"
            )
        return Verdict(probability, cost_of(reply))

    def _one_token(self) -> dict[str, Any]:
        ids = self.abilities.answer_ids
        more = {"logprob_token_ids": list(ids)} if ids else {}
        return {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS, **more}

    async def _send(self, prompts: Sequence[Prompt], **body: Any) -> ChatAnswer:
        """One request for one or more chats; pictures that the server has dropped are sent again."""
        pictures = pictures_of(prompts[0])
        keyed = self.abilities.picture_keys and bool(pictures)
        try:
            reply = await self._client.chat(**self._body(prompts, keyed), **body)
        except BadTask as refusal:
            if not keyed:
                raise
            said = str(refusal).lower()
            if "cache miss" not in said and "uuid" not in said and "image_url" not in said:
                raise
            self.pictures.forget()
            self.abilities.picture_keys = keyed = "cache miss" in said
            reply = await self._client.chat(**self._body(prompts, keyed), **body)
        if keyed:
            self.pictures.sent(pictures)
        return reply

    def _body(self, prompts: Sequence[Prompt], keyed: bool) -> dict[str, Any]:
        # The chats of a batch are read in order: the first brings the pixels, the others point at them.
        chats = [
            messages(prompt, self.pictures.parts(pictures_of(prompt), keyed=keyed, bare=keyed and number > 0))
            for number, prompt in enumerate(prompts)
        ]
        return {
            "model": self._model,
            "messages": chats[0] if len(chats) == 1 else chats,
            "temperature": 0,
            "batch": len(chats) > 1,
        }


def _probability(choice: Choice) -> float | None:
    logprobs = choice.logprobs
    first = logprobs.content[0].top_logprobs if logprobs is not None and logprobs.content else ()
    # No logarithm of a probability is above 0, whatever a server says, and the exponential of a large one overflows.
    return probability_of_yes([(each.token, min(each.logprob, 0.0)) for each in first])
