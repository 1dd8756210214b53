"""A chat client that waits out passing faults and turns the `openai` package's errors into ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar, cast

import openai
from pydantic import ValidationError

from omniagent.model.critic.openai.wire import A, ChatAnswer, ModelList, checked_url, read_answer, retry_after
from omniagent.model.errors import CriticBadOutput, CriticTimeout, CriticUnavailable, OmniAgentError
from omniagent.model.http.proxies import client_options, proxies_checked, proxy_advice
from omniagent.model.http.refusals import Refused, fault_for, refusal_in, words_of

T = TypeVar("T")


class Served(NamedTuple):
    """A model that a server lists."""

    name: str
    owner: str


class ChatClient:
    """Requests to one OpenAI-compatible server, at most `concurrency` at once, each sent again after passing faults.

    Args:
        url: For example `http://127.0.0.1:8000/v1`.
        api_key: Sent as the bearer token; None sends a placeholder.
        timeout: Seconds that one request may take, and the longest `Retry-After` that is waited for.
        retries: How often a request is sent again.
        backoff: Seconds before the first retry where the server names none; doubles with each.
        concurrency: Requests under way at once.
        transport: An httpx transport in place of the network, or None.

    Raises:
        BadSetting: `url` is no http URL, or lies behind a proxy that cannot be used.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        timeout: float,
        retries: int,
        backoff: float,
        concurrency: int,
        transport: Any,
    ) -> None:
        self.url = checked_url(url, "the critic")
        self._timeout = timeout
        self._retries = retries
        self._backoff = backoff
        self._concurrency = concurrency
        self._transport = transport
        self._key = api_key or "EMPTY"
        self.renew()

    def renew(self) -> None:
        """Begin with new connections: a forked child must not speak on its parent's."""
        self._room = asyncio.Semaphore(self._concurrency)
        with proxies_checked(self.url):
            self._client = openai.AsyncOpenAI(
                base_url=self.url,
                api_key=self._key,
                timeout=self._timeout,
                max_retries=0,
                http_client=openai.DefaultAsyncHttpxClient(**client_options(self.url, self._transport)),
            )

    async def models(self) -> list[Served]:
        """What the server lists. Raises our errors (`fault_of`)."""
        get = cast("Callable[..., Awaitable[Any]]", self._client.get)
        page = await self._answer(ModelList, lambda: get("/models", cast_to=object))
        return [Served(each.id, str(each.owned_by or "")) for each in page.data or ()]

    async def chat(self, *, batch: bool = False, **body: Any) -> ChatAnswer:
        """One chat completion with at least one choice; a batch of chats has a choice for each.

        Fields that the OpenAI API does not know are sent as they are. Raises our errors (`fault_of`).
        """
        path = "/chat/completions/batch" if batch else "/chat/completions"
        post = cast("Callable[..., Awaitable[Any]]", self._client.post)
        return await self._answer(ChatAnswer, lambda: post(path, cast_to=object, body=body))

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer of a server's own endpoint, `path` counted from the server's root."""
        url = self.url.removesuffix("/v1") + path
        post = cast("Callable[..., Awaitable[Any]]", self._client.post)
        return await self._patiently(lambda: post(url, cast_to=object, body=body))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answer(self, kind: type[A], request: Callable[[], Awaitable[object]]) -> A:
        body = await self._patiently(request)
        try:
            return read_answer(kind, body)
        except ValidationError as error:
            if (said := refusal_in(body)) is not None:
                raise fault_for(said, self.url) from said
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "the whole of it"
            raise CriticBadOutput(
                f"the critic at {self.url} gave an answer of another shape ({where}: {first['msg']}); "
                "check that it is a chat server, and ask again"
            ) from error

    async def _patiently(self, request: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(self._retries + 1):
            try:
                async with self._room:
                    return await request()
            except openai.APIError as error:
                said = _refusal_of(error)
                fault = fault_of(error, self.url) if said is None else fault_for(said, self.url)
                if not isinstance(fault, CriticUnavailable) or attempt == self._retries:
                    raise fault from said or error
                pause = _asked_pause(error)
                if pause is not None and pause > self._timeout:
                    raise CriticUnavailable(f"{fault}, and asks to wait {pause:.0f} s; try again then") from error
            except (ValueError, RecursionError) as error:
                raise CriticBadOutput(f"the critic at {self.url} gave broken JSON ({error}); ask again") from error
            await asyncio.sleep(self._backoff * 2**attempt if pause is None else pause)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _asked_pause(error: openai.APIError) -> float | None:
    if not isinstance(error, openai.APIStatusError):
        return None
    return retry_after(error.response.headers.get("retry-after"))


def _refusal_of(error: openai.APIError) -> Refused | None:
    """The server's words, where it answered at all."""
    if not isinstance(error, openai.APIStatusError):
        return None
    return Refused(error.status_code, words_of(error.response.text))


def fault_of(error: openai.APIError, url: str) -> OmniAgentError:
    """Our error for a request that got no answer, with what to do about it."""
    if isinstance(error, openai.APITimeoutError):
        return CriticTimeout(
            f"the critic at {url} did not answer in time; ask again or allow more time{proxy_advice(url)}"
        )
    if isinstance(error, openai.APIConnectionError):
        return CriticUnavailable(
            f"the critic at {url} cannot be reached ({error.__cause__ or error}); is the server up?{proxy_advice(url)}"
        )
    return CriticBadOutput(f"the critic at {url} gave an answer that cannot be read ({error}); ask again")
