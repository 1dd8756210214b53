"""The critic behind a URL: any server that speaks the OpenAI chat API, such as vLLM."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from omniagent.model.critic.openai.abilities import Abilities, meet
from omniagent.model.critic.openai.client import ChatClient
from omniagent.model.critic.openai.pictures import MAX_PIXELS, PictureParts, checked_pixels, fit_prompt
from omniagent.model.critic.openai.verdicts import CHOICE_TOKENS, ChatCalls, cost_of
from omniagent.model.critic.openai.wire import format_of, schema_format
from omniagent.model.errors import BadSetting, CriticBadOutput, CriticTimeout, CriticUnavailable, UnknownModel
from omniagent.model.http.event_loop import BackgroundLoop
from omniagent.model.mllm.yes_no import CHOICE_SCHEMA, begins_choice
from omniagent.model.profile import CriticProfile, critic_named
from omniagent.model.requests import (
    CancelToken,
    Chosen,
    Completion,
    FirstTokens,
    Options,
    Prompt,
    Questions,
    Writing,
    YesNo,
)

T = TypeVar("T")


class OpenAICritic:
    """A `Critic` on an OpenAI-compatible server. Thread-safe; calls from several threads share its concurrency.

    Verdicts are one-token log-probabilities. On vLLM they are asked for by token id, which is exact over the whole
    vocabulary, all questions of a picture in one request that carries its pixels at most once; elsewhere they come from
    the 20 likeliest tokens, each question in a request of its own; a server without log-probabilities is held to a
    yes/no choice, whose probability is 0 or 1. What the server can do is asked once.

    Args:
        base_url: For example `http://127.0.0.1:8000/v1`.
        model: The served model's name; None takes the first that the server lists.
        api_key: The server's key, if it wants one. The environment is not looked at: keys go where you send them.
        timeout: Seconds that one `yes_no` or `write` may take in all, its retries included.
        retries: How often a request is sent again after a passing fault.
        backoff: Seconds before the first retry where the server names none; doubles with each.
        concurrency: Requests under way at once.
        picture_pixels: Most pixels of a picture that is sent; larger ones are shrunk, their aspect ratio kept.
        transport: An httpx transport in place of the network, for tests.
        profile: How it is asked; None: as the family that the served model's name tells.
        weights: Folder of the served weights, where this machine has them.

    Raises:
        BadSetting: `base_url` is no http URL, or `picture_pixels` less than 784.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 120.0,
        retries: int = 2,
        backoff: float = 0.5,
        concurrency: int = 8,
        picture_pixels: int = MAX_PIXELS,
        transport: Any = None,
        profile: CriticProfile | None = None,
        weights: Path | None = None,
    ) -> None:
        self._given_profile = profile
        self.weights = weights
        self._url = base_url.rstrip("/")
        self._model = model
        self._timeout = timeout
        self._loop = BackgroundLoop("critic", self._renew)
        self._client = ChatClient(
            base_url,
            api_key,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            concurrency=concurrency,
            transport=transport,
        )
        self._pictures = PictureParts()
        self._picture_pixels = checked_pixels(picture_pixels)
        self._meeting = asyncio.Lock()
        self._calls: ChatCalls | None = None

    @property
    def backend(self) -> str:
        """`vllm` once the server has said that it is one, else `openai`."""
        return "vllm" if self.abilities.vllm else "openai"

    @property
    def model(self) -> str:
        """The served model's name; the server's URL until the first call has learnt it."""
        return self._model or self._url

    @property
    def profile(self) -> CriticProfile:
        """The given one, else that of the family that the served model's name tells; see `meet`."""
        return self._given_profile or critic_named(self.model)

    def meet(self, *, token: CancelToken | None = None) -> None:
        """Learn the served model's name, unless it or the profile is known. Raises: as `yes_no`."""
        if self._given_profile is None and self._model is None:
            self._consult(self._known, token)

    @property
    def url(self) -> str:
        """The server's base URL."""
        return self._url

    @property
    def abilities(self) -> Abilities:
        """What the server can do, as far as the calls so far have shown."""
        return self._calls.abilities if self._calls is not None else Abilities()

    def connect(self, *, token: CancelToken | None = None) -> str:
        """Ask the server for its models, and give the name of the one in use.

        Raises:
            UnknownModel: the server does not serve the model, or none at all.
            BadSetting: the server refuses the API key.
            CriticBadOutput: its list of models is none.
            CriticUnavailable, CriticTimeout, Cancelled: as `yes_no`.
        """

        async def known() -> str:
            await self._known()
            return self.model

        return self._call(known, token)

    def probe(self, *, token: CancelToken | None = None) -> Abilities:
        """Try out what the server can do with three small questions without pictures.

        Raises: as `connect`; CriticBadOutput when the model answers no question.
        """

        async def tried() -> Abilities:
            calls = await self._known()
            question = Prompt(system="Answer yes or no.", parts=("<question>Is this a question?</question>",))
            await calls.yes_no(question, ["", " "])
            reply = await calls.chat(question, schema_format("Answer", CHOICE_SCHEMA), max_tokens=CHOICE_TOKENS)
            # A small model may fill the few tokens with white space that the schema allows.
            if not begins_choice(reply.choices[0].said):
                calls.abilities = calls.abilities.without("schemas")
            return calls.abilities

        return self._call(tried, token)

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """p(yes) of each question, asked together, so that the server's prefix cache serves the picture once.

        Raises:
            CriticUnavailable: no connection, or the server stays overloaded or broken through all retries, or it takes
                the key or the model no more.
            CriticTimeout: no answer within the time limit.
            CriticBadOutput: an answer that says neither yes nor no, or is no chat answer at all.
            BadTask: the server refuses the request.
            Cancelled: the token was cancelled or expired; requests under way are dropped.
        """
        if not call.questions:
            return YesNo(probabilities=())

        fitted = self._fit(call.prompt)

        async def asked() -> YesNo:
            return await (await self._known()).yes_no(fitted, call.questions)

        return self._consult(asked, token)

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """The probability of each option among the likeliest first tokens; 1 for the one that is written elsewhere.

        Raises: as `yes_no`; CriticBadOutput when none of the options is likely or written.
        """
        fitted = Options(self._fit(call.prompt), call.options)

        async def asked() -> Chosen:
            return await (await self._known()).choose(fitted)

        return self._consult(asked, token)

    def first_tokens(
        self, prompt: Prompt, spellings: Sequence[str] = (), *, token: CancelToken | None = None
    ) -> FirstTokens:
        """The likeliest first tokens of an answer, and the given spellings where the server takes token ids.

        Spellings of several tokens are told where they are likely only. The probabilities are those of the whole
        vocabulary, not shares among the tokens that are told.

        Raises: as `yes_no`, but BadSetting when the server tells no log-probabilities or refuses the key, UnknownModel
        when it does not serve the model.
        """
        fitted = self._fit(prompt)

        async def told() -> FirstTokens:
            return await (await self._known()).first_tokens(fitted, spellings)

        return self._call(told, token)

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """Greedy text, held to the schema where the server can; `cut` is true when the token limit ended it.

        Raises: as `yes_no`; CriticBadOutput when there is no text.
        """

        fitted = self._fit(call.prompt)

        async def written() -> Completion:
            return await self._write(await self._known(), fitted, call)

        return self._consult(written, token)

    def _fit(self, prompt: Prompt) -> Prompt:
        return fit_prompt(prompt, self._picture_pixels, self.profile.picture_size)

    def _renew(self) -> None:
        self._client.renew()
        self._meeting = asyncio.Lock()

    def forget_server(self) -> None:
        """The server behind the URL is a new one: learn its abilities again, and send pictures again."""
        self._calls = None
        self._pictures.forget()

    def close(self) -> None:
        """Drop requests under way and close the connections."""
        self._loop.run(self._client.close())
        self._loop.close()

    def _consult(self, work: Callable[[], Coroutine[Any, Any, T]], token: CancelToken | None) -> T:
        try:
            return self._call(work, token)
        except (BadSetting, UnknownModel) as refusal:
            # Within a run it is the critic that went away, and no fault of the task.
            raise CriticUnavailable(str(refusal)) from refusal

    def _call(self, work: Callable[[], Coroutine[Any, Any, T]], token: CancelToken | None) -> T:
        if token is not None:
            token.check()
        limit = self._timeout
        if token is not None and token.deadline is not None:
            limit = min(limit, max(0.0, token.deadline - time.monotonic()))

        async def timed() -> T:
            try:
                async with asyncio.timeout(limit):
                    return await work()
            except TimeoutError:
                raise CriticTimeout(
                    f"the critic at {self._url} did not answer within {limit:.1f} s; ask again or allow more time"
                ) from None

        try:
            return self._loop.run(timed(), token)
        except CriticTimeout:
            # The run's own deadline is no fault of the critic.
            if token is not None:
                token.check()
            raise

    async def _write(self, calls: ChatCalls, prompt: Prompt, call: Writing) -> Completion:
        form = None if call.schema is None or call.seed is not None else format_of(call.schema)
        reply = await calls.chat(prompt, form, max_tokens=call.max_tokens, seed=call.seed)
        choice = reply.choices[0]
        if not choice.said:
            refusal = f", but refused: {choice.message.refusal[:300]!r}" if choice.message.refusal else ""
            raise CriticBadOutput(
                f"the critic {self.model} at {self._url} wrote nothing "
                f"(finish reason {choice.finish_reason}){refusal}; ask again"
            )
        cost = cost_of(reply)
        return Completion(
            text=choice.said,
            cut=choice.finish_reason == "length",
            prompt_tokens=cost.prompt,
            cached_tokens=cost.cached,
            completion_tokens=cost.completion,
        )

    async def _known(self) -> ChatCalls:
        """The calls of the model in use; the server is asked for it, and for what it can do, once."""
        async with self._meeting:
            if self._calls is None:
                self._model, abilities = await meet(self._client, self._model)
                self._calls = ChatCalls(self._client, self._model, abilities, self._pictures)
            return self._calls
