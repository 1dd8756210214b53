"""The critic behind a URL: any server that speaks the OpenAI chat API, such as vLLM."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from openai.types.chat import ChatCompletion
from PIL import Image
from pydantic import BaseModel

from omniagent.model.answers import CHOICE_SCHEMA, SPELLINGS, probability_of_yes, spoken_answer
from omniagent.model.background import BackgroundLoop
from omniagent.model.cache import ByteCache, picture_key
from omniagent.model.errors import BadTask, CriticBadOutput, CriticTimeout, UnknownModel
from omniagent.model.openai_client import ChatClient, Served
from omniagent.model.openai_wire import data_url, format_of, messages, schema_format
from omniagent.model.requests import CancelToken, Completion, Prompt, YesNo

T = TypeVar("T")

TOP_LOGPROBS = 20
CHOICE_TOKENS = 16


class _Verdict(NamedTuple):
    probability: float
    prompt_tokens: int
    completion_tokens: int


class OpenAICritic:
    """A `Critic` on an OpenAI-compatible server. Thread-safe; calls from several threads share its concurrency.

    Verdicts are one-token log-probabilities. On vLLM they are asked for by token id, which is exact over the whole
    vocabulary; elsewhere they come from the 20 likeliest tokens; a server without log-probabilities is held to a
    yes/no choice, whose probability is 0 or 1.

    Args:
        base_url: For example ``http://127.0.0.1:8000/v1``.
        model: The served model's name; None takes the first that the server lists.
        api_key: The server's key, if it wants one. The environment is not looked at: keys go where you send them.
        timeout: Seconds that one `yes_no` or `write` may take in all, its retries included.
        retries: How often a request is sent again after a passing fault.
        backoff: Seconds before the first retry where the server names none; doubles with each.
        concurrency: Requests under way at once.
        transport: An httpx transport in place of the network, for tests.
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
        transport: Any = None,
    ) -> None:
        self._url = base_url.rstrip("/")
        self._model = model
        self._timeout = timeout
        self._loop = BackgroundLoop("critic")
        self._client = ChatClient(
            base_url,
            api_key,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            concurrency=concurrency,
            transport=transport,
        )
        self._urls: ByteCache[str, str] = ByteCache(64 * 2**20, len)
        self._asking = asyncio.Lock()
        self._asked = False
        self._answer_ids: list[int] = []
        self._has_logprobs = True
        self._has_schemas = True

    @property
    def backend(self) -> str:
        return "openai"

    @property
    def model(self) -> str:
        """The served model's name; the server's URL until the first call has learnt it."""
        return self._model or self._url

    def connect(self, *, token: CancelToken | None = None) -> str:
        """Ask the server for its models, and give the name of the one in use.

        Raises:
            UnknownModel: the server does not serve the model, or none at all.
            BadSetting: the server refuses the API key.
            CriticUnavailable, CriticTimeout, Cancelled: as `yes_no`.
        """
        return self._call(self._known_model, token)

    def yes_no(self, prompt: Prompt, questions: Sequence[str], *, token: CancelToken | None = None) -> YesNo:
        """p(yes) of each question, asked side by side, so that the server's prefix cache serves the picture once.

        Raises:
            CriticUnavailable: no connection, or the server stays overloaded or broken through all retries.
            CriticTimeout: no answer within the time limit.
            CriticBadOutput: an answer that says neither yes nor no.
            BadSetting, UnknownModel, BadTask: the server refuses key, model or request.
            Cancelled: the token was cancelled or expired; requests under way are dropped.
        """
        return self._call(lambda: self._yes_no(prompt, questions), token)

    def write(
        self,
        prompt: Prompt,
        *,
        schema: type[BaseModel] | None = None,
        max_tokens: int = 256,
        token: CancelToken | None = None,
    ) -> Completion:
        """Greedy text, held to the schema where the server can; `cut` is true when the token limit ended it.

        Raises: as `yes_no`; CriticBadOutput when there is no text.
        """
        return self._call(lambda: self._write(prompt, schema, max_tokens), token)

    def close(self) -> None:
        """Drop requests under way and close the connections."""
        self._loop.run(self._client.close())
        self._loop.close()

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

    async def _yes_no(self, prompt: Prompt, questions: Sequence[str]) -> YesNo:
        if not questions:
            return YesNo(probabilities=())
        model = await self._known_model()
        tasks = [asyncio.ensure_future(self._verdict(model, prompt.then(question))) for question in questions]
        try:
            verdicts = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return YesNo(
            probabilities=tuple(verdict.probability for verdict in verdicts),
            prompt_tokens=sum(verdict.prompt_tokens for verdict in verdicts),
            completion_tokens=sum(verdict.completion_tokens for verdict in verdicts),
        )

    async def _verdict(self, model: str, prompt: Prompt) -> _Verdict:
        body: dict[str, Any] = {"model": model, "messages": self._messages(prompt), "temperature": 0}
        if self._has_logprobs:
            ids = {"logprob_token_ids": self._answer_ids} if self._answer_ids else {}
            try:
                reply = await self._client.chat(
                    max_tokens=1, logprobs=True, top_logprobs=TOP_LOGPROBS, extra_body=ids, **body
                )
            except BadTask as refusal:
                if "logprob" not in str(refusal).lower():
                    raise
                self._has_logprobs = False
            else:
                logprobs = reply.choices[0].logprobs
                self._has_logprobs = logprobs is not None and bool(logprobs.content)
                first = logprobs.content[0].top_logprobs if logprobs is not None and logprobs.content else []
                probability = probability_of_yes([(each.token, each.logprob) for each in first])
                if probability is not None:
                    return _Verdict(probability, *_tokens(reply))
        form = schema_format("Answer", CHOICE_SCHEMA)
        reply = await self._held({**body, "max_tokens": CHOICE_TOKENS}, form)
        said = reply.choices[0].message.content or ""
        probability = spoken_answer(said)
        if probability is None:
            raise CriticBadOutput(
                f"the critic {model} at {self._url} says neither yes nor no to a question but {said[:80]!r}; "
                "use a model that looks at pictures and follows instructions"
            )
        return _Verdict(probability, *_tokens(reply))

    async def _write(self, prompt: Prompt, schema: type[BaseModel] | None, max_tokens: int) -> Completion:
        model = await self._known_model()
        body = {"model": model, "messages": self._messages(prompt), "temperature": 0, "max_tokens": max_tokens}
        reply = await self._held(body, None if schema is None else format_of(schema))
        choice = reply.choices[0]
        if not choice.message.content:
            raise CriticBadOutput(
                f"the critic {model} at {self._url} wrote nothing (finish reason {choice.finish_reason}); ask again"
            )
        prompt_tokens, completion_tokens = _tokens(reply)
        return Completion(
            text=choice.message.content,
            cut=choice.finish_reason == "length",
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )

    async def _held(self, body: dict[str, Any], form: dict[str, Any] | None) -> ChatCompletion:
        """An answer held to a `response_format`, or free where the server does not know such formats."""
        if form is not None and self._has_schemas:
            try:
                return await self._client.chat(**body, response_format=form)
            except BadTask as refusal:
                if not any(word in str(refusal).lower() for word in ("response_format", "schema", "grammar")):
                    raise
                self._has_schemas = False
        return await self._client.chat(**body)

    def _messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        pictures = [part for part in prompt.parts if isinstance(part, Image.Image)]
        urls = [self._urls.get_or_make(picture_key(each), lambda each=each: data_url(each)) for each in pictures]
        return messages(prompt, urls)

    async def _known_model(self) -> str:
        """The model's name, asked of the server once; on vLLM also the token ids of yes and no."""
        async with self._asking:
            if not self._asked:
                served = await self._served()
                mine = next((each for each in served if self._model in (None, each.name)), None)
                if mine is None:
                    names = ", ".join(each.name for each in served) or "no model"
                    raise UnknownModel(f"the critic at {self._url} serves {names}; {self._model or 'any'} is not there")
                self._model = mine.name
                self._answer_ids = await self._ids_of_answers(mine.name) if mine.owner == "vllm" else []
                self._asked = True
        return self.model

    async def _served(self) -> list[Served]:
        try:
            return await self._client.models()
        except UnknownModel:
            # A server without a list of models takes the name it is given.
            if self._model is None:
                raise
            return [Served(self._model, "")]

    async def _ids_of_answers(self, model: str) -> list[int]:
        """Ids of all spellings of yes and no that are one token; none when the server has no tokenizer to ask."""
        found: list[int] = []
        for spelling in SPELLINGS["yes"] + SPELLINGS["no"]:
            body = {"model": model, "prompt": spelling, "add_special_tokens": False}
            try:
                reply = await self._client.post("/tokenize", body)
            except (UnknownModel, BadTask):
                return []
            tokens = reply.get("tokens", []) if isinstance(reply, dict) else []
            found += tokens if len(tokens) == 1 else []
        return found


def _tokens(reply: ChatCompletion) -> tuple[int, int]:
    usage = reply.usage
    return (usage.prompt_tokens, usage.completion_tokens) if usage is not None else (0, 0)
