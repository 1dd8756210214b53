"""Yes/no questions to a chat server as one-token probabilities, by the best way that the server knows."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from omniagent.model.critic.choices import written_option
from omniagent.model.critic.openai.abilities import Abilities, blamed, ids_of, suspected
from omniagent.model.critic.openai.client import ChatClient
from omniagent.model.critic.openai.pictures import PictureParts, pictures_of
from omniagent.model.critic.openai.wire import ChatAnswer, Choice, messages, schema_format
from omniagent.model.errors import BadSetting, BadTask, CriticBadOutput, OmniAgentError, UnknownModel
from omniagent.model.mllm.yes_no import CHOICE_SCHEMA, probability_of_yes, spoken_answer
from omniagent.model.requests import TEMPERATURE, Chosen, FirstTokens, Options, Prompt, YesNo

CHOICE_TOKENS = 16
THINKING_TOKENS = 1024
BATCH = 32
log = logging.getLogger("omniagent.critic")

Body = dict[str, Any]
Form = Callable[[Abilities], Body]
"""The fields of a request, besides model and chats, by what the server can do."""


class Cost(NamedTuple):
    """Tokens of one or more requests; `cached` are those of the prompt that the server had computed before."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion)


class Scored(NamedTuple):
    """p(yes) and what it cost."""

    probability: float
    cost: Cost


class Fitted(NamedTuple):
    """An answer, and the fields of the request that the server took."""

    answer: ChatAnswer
    body: Body


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
        self._choice_tokens = CHOICE_TOKENS
        self._ids: dict[tuple[str, ...], tuple[int, ...]] = {}

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

    async def choose(self, call: Options) -> Chosen:
        """The probability of each option; 1 for the one that is written where the server tells no probabilities.

        Raises:
            CriticBadOutput: none of the options is likely or written.
            OmniAgentError: as `ChatClient.chat`.
        """
        letters = schema_format("Choice", choice_schema(call.options))
        fitted = await self._fitted(
            call.prompt,
            lambda able: (
                _one_token(able.without("answer_ids")) if able.logprobs else _words(able, letters, self._choice_tokens)
            ),
        )
        first = fitted.answer.choices[0]
        chances = _chances(first, call.options) if "logprobs" in fitted.body else None
        if chances is None and "logprobs" in fitted.body:
            fitted = await self._fitted(call.prompt, lambda able: _words(able, letters, self._choice_tokens))
            first = fitted.answer.choices[0]
        if chances is None:
            found = written_option(first.said, call.options)
            chances = None if found is None else tuple(float(option == found) for option in call.options)
        if chances is None:
            raise CriticBadOutput(
                f"the critic {self._model} at {self._client.url} was asked for one of {', '.join(call.options)} and "
                f"answers {first.said[:80]!r}; use a model that follows instructions"
            )
        cost = cost_of(fitted.answer)
        return Chosen(
            probabilities=chances,
            prompt_tokens=cost.prompt,
            cached_tokens=cost.cached,
            completion_tokens=cost.completion,
        )

    async def first_tokens(self, prompt: Prompt, spellings: Sequence[str]) -> FirstTokens:
        """The likeliest first tokens, and all spellings that are one token where the server takes token ids.

        Raises:
            BadSetting: the server tells no log-probabilities.
            OmniAgentError: as `ChatClient.chat`.
        """
        asked = tuple(spellings)
        if self.abilities.answer_ids and asked not in self._ids:
            self._ids[asked] = await ids_of(self._client, self._model, asked)
        ids = self._ids.get(asked, ())
        fitted = await self._fitted(
            prompt, lambda able: _one_token(replace(able, answer_ids=ids if able.answer_ids else ()))
        )
        told = fitted.answer.choices[0].logprobs
        first = told.content[0].top_logprobs if told is not None and told.content else ()
        if not first:
            raise BadSetting(
                f"the model {self._model} at {self._client.url} tells no log-probabilities; name a server that does, "
                "such as vLLM"
            )
        cost = cost_of(fitted.answer)
        return FirstTokens(
            tokens=tuple((each.token, math.exp(min(each.logprob, 0.0))) for each in first),
            prompt_tokens=cost.prompt,
            cached_tokens=cost.cached,
            completion_tokens=cost.completion,
        )

    async def chat(
        self, prompt: Prompt, form: Body | None = None, *, max_tokens: int, seed: int | None = None
    ) -> ChatAnswer:
        """One greedy answer, held to a `response_format` where the server knows such formats; with a seed a drawn one.

        A server that takes no temperature draws by its own.
        """
        drawn = {} if seed is None else {"temperature": TEMPERATURE, "seed": seed}

        def asked(able: Abilities) -> Body:
            return {**_words(able, form, max_tokens), **(drawn if able.greedy else {})}

        return (await self._fitted(prompt, asked)).answer

    async def _in_batches(self, prompt: Prompt, questions: Sequence[str]) -> list[Scored] | None:
        """All questions in as few requests as may be; None when the server takes none such."""
        if not (self.abilities.batches and self.abilities.logprobs):
            return None
        verdicts: list[Scored] = []
        for start in range(0, len(questions), BATCH):
            prompts = [prompt.then(question) for question in questions[start : start + BATCH]]
            try:
                reply = await self._send(prompts, self.abilities, _one_token(self.abilities))
            except UnknownModel:
                self._give_up("batches")
                return None
            except BadTask:
                # Whatever is wrong with the request, single requests will say it too.
                return None
            by_index = {choice.index: choice for choice in reply.choices if choice.index is not None}
            found = [_probability(choice) for _, choice in sorted(by_index.items())]
            if len(found) != len(prompts) or any(each is None for each in found):
                return None
            total, n = cost_of(reply), len(prompts)
            verdicts += [Scored(p or 0.0, total if i == 0 else Cost()) for i, p in zip(range(n), found, strict=True)]
        return verdicts

    async def _verdict(self, prompt: Prompt) -> Scored:
        choice = schema_format("Answer", CHOICE_SCHEMA)
        fitted = await self._fitted(
            prompt, lambda able: _one_token(able) if able.logprobs else _words(able, choice, self._choice_tokens)
        )
        first = fitted.answer.choices[0]
        if "logprobs" in fitted.body:
            probability = _probability(first)
            if probability is not None:
                return Scored(probability, cost_of(fitted.answer))
            if first.logprobs is None or not first.logprobs.content:
                self._give_up("logprobs")
            fitted = await self._fitted(prompt, lambda able: _words(able, choice, self._choice_tokens))
            first = fitted.answer.choices[0]
        probability = spoken_answer(first.said)
        if probability is None and first.finish_reason == "length" and self._choice_tokens < THINKING_TOKENS:
            # It thinks aloud, or pads: its answer comes later.
            fitted = await self._fitted(prompt, lambda able: _words(able, choice, THINKING_TOKENS))
            first = fitted.answer.choices[0]
            probability = spoken_answer(first.said)
            if probability is not None:
                self._choice_tokens = THINKING_TOKENS
        if probability is None:
            raise CriticBadOutput(
                f"the critic {self._model} at {self._client.url} says neither yes nor no to a question but "
                f"{(first.said or first.message.refusal or '')[:80]!r}; "
                "use a model that looks at pictures and follows instructions"
            )
        return Scored(probability, cost_of(fitted.answer))

    def _give_up(self, name: str) -> None:
        if (fewer := self.abilities.without(name)) != self.abilities:
            log.info("critic: %s does without %s", self._client.url, name)
            self.abilities = fewer

    async def _fitted(self, prompt: Prompt, form: Form) -> Fitted:
        """One request, and again without what the server refuses until it takes it.

        An ability that the refusal names is given up for good. Where it names none, one after the other is left out,
        and what was left out last when the server took the request is given up. A request that the server refuses in
        every form costs no ability.

        Raises: what the server refused first, or what else went wrong.
        """
        able, named, guessed = self.abilities, list[str](), list[str]()
        puzzle: OmniAgentError | None = None
        suspects: list[str] = []
        while True:
            body = form(able)
            try:
                answer = await self._send([prompt], able, body)
            except OmniAgentError as error:
                changes = (name for name in blamed(error) if _matters(form, able, name))
                if (name := next(changes, None)) is not None:
                    named.append(name)
                else:
                    if puzzle is None:
                        puzzle, suspects = error, list(suspected(error))
                    while suspects and not _matters(form, able, suspects[0]):
                        suspects.pop(0)
                    if not suspects or not isinstance(error, BadTask | UnknownModel):
                        if isinstance(error, BadTask):
                            raise puzzle from puzzle.__cause__
                        raise
                    guessed.append(name := suspects.pop(0))
                able = able.without(name)
            else:
                for lost in (*named, *guessed[-1:]):
                    self._give_up(lost)
                return Fitted(answer, body)

    async def _send(self, prompts: Sequence[Prompt], able: Abilities, body: Body) -> ChatAnswer:
        """One request for one or more chats; pictures that the server has dropped are sent again."""
        pictures = pictures_of(prompts[0])
        keyed = able.picture_keys and bool(pictures)
        try:
            reply = await self._client.chat(**{**self._body(prompts, able, keyed), **body})
        except BadTask as refusal:
            if not keyed or "cache miss" not in str(refusal.__cause__).lower():
                raise
            self.pictures.forget()
            reply = await self._client.chat(**{**self._body(prompts, able, keyed), **body})
        if keyed:
            self.pictures.sent(pictures)
        return reply

    def _body(self, prompts: Sequence[Prompt], able: Abilities, keyed: bool) -> Body:
        # The chats of a batch are read in order: the first brings the pixels, the others point at them.
        chats = [
            messages(prompt, self.pictures.parts(pictures_of(prompt), keyed=keyed, bare=keyed and number > 0))
            for number, prompt in enumerate(prompts)
        ]
        greedy = {"temperature": 0} if able.greedy else {}
        return {
            "model": self._model,
            "messages": chats[0] if len(chats) == 1 else chats,
            **greedy,
            "batch": len(chats) > 1,
        }


def _matters(form: Form, able: Abilities, name: str) -> bool:
    """Whether a request would look otherwise without an ability."""
    fewer = able.without(name)
    if name in ("picture_keys", "greedy"):
        return fewer != able
    return form(fewer) != form(able)


def _limited(able: Abilities, tokens: int) -> Body:
    return {} if able.limit is None else {able.limit: tokens}


def _one_token(able: Abilities) -> Body:
    ids = {"logprob_token_ids": list(able.answer_ids)} if able.answer_ids else {}
    told: Body = {"logprobs": True, "top_logprobs": able.top, **ids} if able.logprobs else {}
    return {**_limited(able, 1), **told}


def _words(able: Abilities, form: Body | None, tokens: int) -> Body:
    held = {"response_format": form} if form is not None and able.schemas else {}
    return {**_limited(able, tokens), **held}


def _probability(choice: Choice) -> float | None:
    logprobs = choice.logprobs
    first = logprobs.content[0].top_logprobs if logprobs is not None and logprobs.content else ()
    # No logarithm of a probability is above 0, whatever a server says, and the exponential of a large one overflows.
    return probability_of_yes([(each.token, min(each.logprob, 0.0)) for each in first])


def _chances(choice: Choice, options: Sequence[str]) -> tuple[float, ...] | None:
    """The options' shares among the likeliest first tokens; None when none is there."""
    logprobs = choice.logprobs
    first = logprobs.content[0].top_logprobs if logprobs is not None and logprobs.content else ()
    weights = dict.fromkeys((option.casefold() for option in options), 0.0)
    for each in first:
        if (word := each.token.strip().casefold()) in weights and math.isfinite(each.logprob):
            weights[word] += math.exp(min(each.logprob, 0.0))
    total = sum(weights.values())
    return tuple(weights[option.casefold()] / total for option in options) if total > 0 else None


def choice_schema(options: Sequence[str]) -> dict[str, Any]:
    """An object with one field, `answer`, that is one of the options."""
    return {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(options)}},
        "required": ["answer"],
        "additionalProperties": False,
    }
