"""A generator behind the OpenAI images API, as vllm-omni serves OmniGen2: `images/generations` and `images/edits`.

Several servers share the work: each picture goes to the one with the fewest under way.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Generator as Yields
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from PIL import Image

from omniagent.model.critic.openai.wire import checked_url, retry_after
from omniagent.model.errors import BadSetting, Cancelled, GenerationFailed, GeneratorUnavailable
from omniagent.model.generator.remote_pictures import brought_to, encoded_picture, log, read_picture
from omniagent.model.generator.remote_request import fields_of, guesses, reference_png, wanted_size, without_refused
from omniagent.model.http.event_loop import BackgroundLoop
from omniagent.model.http.proxies import client_options, proxies_checked, proxy_advice
from omniagent.model.http.refusals import Refused, words_of
from omniagent.model.profile import GeneratorProfile, generator_named
from omniagent.model.requests import CancelToken, GenerationRequest, Step, check_request

PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
# Another server may know the key and the model that this one does not.
REFUSING = (401, 403, 404, 407)


Fields = dict[str, Any]


class Drawn(NamedTuple):
    """An encoded picture, and the server that gave it."""

    url: str
    data: bytes


class Fault(NamedTuple):
    """Why a server gave no answer. `pause`: seconds until it may be asked again, None for the back-off, inf never."""

    error: GeneratorUnavailable | BadSetting
    pause: float | None = None


class RemoteGenerator:
    """A `Generator` over one or several servers.

    Args:
        urls: Base URLs that end in `/v1`; at least one.
        name: The model to ask for.
        key: Sent as the bearer token; None sends none.
        timeout: Seconds that one picture may take on a server, from connecting to the last byte, and the longest
            `Retry-After` that is waited for. A server that takes longer is not asked for that picture again.
        tries: How often a picture is asked for, counting the first, after passing faults.
        backoff: Seconds before a server that failed is tried again where it names none; doubles each time.
        concurrency: Pictures under way at once, for each server.
        transport: An httpx transport in place of the network.
        profile: How it wants to be used; None: as the family that its name tells.

    Raises:
        BadSetting: no URL, or one that is not http, or lies behind a proxy that cannot be used.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str = "OmniGen2/OmniGen2",
        key: str | None = None,
        *,
        timeout: float = 300.0,
        tries: int = 3,
        backoff: float = 0.5,
        concurrency: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
        profile: GeneratorProfile | None = None,
    ) -> None:
        self._profile = profile or generator_named(name)
        if not urls:
            raise BadSetting("no URL of an images API was given; give at least one, such as http://host/v1")
        self._name, self._timeout, self._tries, self._backoff = name, timeout, tries, backoff
        # Read and written in the loop's thread alone.
        self._busy = {checked_url(url, "the images API"): 0 for url in urls}
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._transport, self._headers = transport, headers
        # The fields that each server has refused so far.
        self._refused: dict[str, frozenset[str]] = dict.fromkeys(self._busy, frozenset())
        self._concurrency = concurrency * len(self._busy)
        self._renew()
        self._loop = BackgroundLoop("omniagent-remote", self._renew)

    def _renew(self) -> None:
        """Begin with new connections: a forked child must not speak on its parent's."""
        # By server, since this machine is asked without the proxy of other hosts.
        self._clients = {url: self._client(url, self._headers) for url in self._busy}
        self._room = asyncio.Semaphore(self._concurrency)
        self._busy = dict.fromkeys(self._busy, 0)

    @property
    def model(self) -> str:
        return self._name

    @property
    def profile(self) -> GeneratorProfile:
        return self._profile

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """One RGB picture for each seed, in order; a step of progress is a picture.

        It has the size asked for, else that of a single reference within 1024² pixels, in multiples of 16, wherever the
        server's picture has that shape; a picture of another shape is given as it is, and the log says so.

        Raises:
            BadSetting: a number outside its range, or the server refuses the request, or every server the key or model.
            BadImage: a single reference is too small or too narrow.
            Cancelled: the token was cancelled or expired, or the generator closed; requests under way are dropped.
            GeneratorUnavailable: no server answered in time, after all tries.
            GenerationFailed: an answer holds no picture.
        """
        check_request(request)
        if request.loras:
            raise BadSetting(
                f"{self._name} is asked through the OpenAI images API, which takes no LoRA; leave the LoRA out, "
                "or draw with a model in this process"
            )
        mine = token or CancelToken()
        mine.check()
        references = [reference_png(each) for each in request.references]
        size = wanted_size(request, self.profile.max_side)
        wishes = [fields_of(self._name, request, seed, size) for seed in request.seeds]
        asked = [self._loop.submit(self._draw(fields, references)) for fields in wishes]
        left: set[Future[Drawn]] = set(asked)
        pictures: dict[Future[Drawn], Image.Image] = {}
        try:
            while left:
                done, left = wait(left, timeout=0.05, return_when=FIRST_COMPLETED)
                for future in done:
                    mine.check()
                    drawn = future.result()
                    pictures[future] = brought_to(_picture(drawn), size, drawn.url)
                mine.check()
                if done and on_step is not None:
                    on_step(len(pictures), len(asked))
        except CancelledError:
            raise Cancelled("the generator was closed while it drew; make a new one") from None
        finally:
            self._loop.cancel(left)
        return [pictures[future] for future in asked]

    def close(self) -> None:
        """End connections; pictures under way are given up."""
        self._loop.run(self._end())
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    def _client(self, url: str, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        # httpx would count the seconds of each read anew; the whole request is timed where it is made.
        with proxies_checked(url):
            return httpx.AsyncClient(headers=headers, timeout=None, **client_options(url, self._transport))

    async def _draw(self, fields: Fields, references: Sequence[bytes]) -> Drawn:
        """The answer of the first server that gives one.

        A server that refuses costs no try. When all have been given up, one that may draw later decides the error.
        """
        clock = asyncio.get_running_loop().time
        again_at = dict.fromkeys(self._busy, 0.0)
        refusals: list[BadSetting] = []
        late: GeneratorUnavailable | None = None
        tried = 0
        async with self._room:
            while tried < self._tries and (open_to := {url: at for url, at in again_at.items() if at < math.inf}):
                first = min(open_to.values())
                with self._server([url for url, at in open_to.items() if at == first]) as url:
                    await asyncio.sleep(first - clock())
                    got = await self._ask(url, fields, references)
                if isinstance(got, Drawn):
                    return got
                if isinstance(got.error, BadSetting):
                    refusals.append(got.error)
                else:
                    late = got.error
                    tried += 1
                pause = self._backoff * 2 ** (tried - 1) if got.pause is None else got.pause
                again_at[url] = clock() + pause
        raise late or BadSetting("; ".join(map(str, refusals)))

    @contextmanager
    def _server(self, urls: Collection[str]) -> Yields[str]:
        """The least busy of these servers."""
        url = min((each for each in self._busy if each in urls), key=lambda one: self._busy[one])
        self._busy[url] += 1
        try:
            yield url
        finally:
            # A server that was used, with whatever success, goes behind others that are as little busy.
            self._busy[url] = self._busy.pop(url) - 1

    async def _ask(self, url: str, fields: Fields, references: Sequence[bytes]) -> Drawn | Fault:
        """A picture, or what is wrong with the server. Fields that the server refuses are left out from then on.

        Raises:
            BadSetting: the server refuses the request, as any other would.
            GenerationFailed: its answer holds no picture.
        """
        wish = {name: value for name, value in fields.items() if name not in self._refused[url]}
        others: list[Fields] | None = None
        puzzle: Fault | None = None
        while True:
            got = await self._post(url, wish, references)
            if isinstance(got, Drawn):
                self._learn(url, fields, wish)
                return got
            said = got.error.__cause__
            if not isinstance(said, Refused):
                return got
            if (fewer := without_refused(said, wish)) is None:
                if others is None:
                    others, puzzle = guesses(said, wish), got
                if not others:
                    break
                fewer = others.pop(0)
            wish = fewer
        fault = puzzle or got
        if isinstance(fault.error, BadSetting) and fault.pause is None:
            raise fault.error from fault.error.__cause__
        return fault

    def _learn(self, url: str, fields: Fields, taken: Fields) -> None:
        lost = frozenset(fields) - frozenset(taken) - self._refused[url]
        if lost:
            log.warning("generator: %s does not take %s; it draws without", url, ", ".join(sorted(lost)))
            self._refused[url] |= lost

    async def _post(self, url: str, fields: Fields, references: Sequence[bytes]) -> Drawn | Fault:
        """A picture, or why there is none; a refusal has the server's words as its cause.

        Raises:
            GenerationFailed: the answer holds no picture.
        """
        where = f"the images API at {url}"
        client = self._clients[url]
        try:
            async with asyncio.timeout(self._timeout):
                if references:
                    field = "image" if len(references) == 1 else "image[]"
                    files = [(field, (f"{n}.png", data, "image/png")) for n, data in enumerate(references)]
                    form = {name: str(value) for name, value in fields.items()}
                    answer = await client.post(f"{url}/images/edits", data=form, files=files)
                else:
                    answer = await client.post(f"{url}/images/generations", json=fields)
                if answer.is_success:
                    return Drawn(url, await encoded_picture(url, answer, self._client))
        except TimeoutError:
            # It may draw still: another request would wait behind this one.
            fault = f"{where} gave no picture within {self._timeout:g} s; allow more time, or ask for fewer steps"
            return Fault(GeneratorUnavailable(fault + proxy_advice(url)), math.inf)
        except httpx.HTTPError as error:
            fault = f"{where} cannot be reached ({error}); is it up?{proxy_advice(url)}"
            return Fault(GeneratorUnavailable(fault))
        said = Refused(answer.status_code, words_of(answer.text))
        if answer.status_code in PASSING:
            fault = f"{where} cannot draw now ({said})"
            pause = retry_after(answer.headers.get("retry-after"))
            if pause is not None and pause > self._timeout:
                return Fault(GeneratorUnavailable(f"{fault}, and asks to wait {pause:.0f} s; try again then"), math.inf)
            return Fault(GeneratorUnavailable(f"{fault}; try later"), pause)
        refusal = BadSetting(
            f"{where} refused the request ({said}); check the model's name, the key and the settings"
            + (proxy_advice(url) if answer.status_code == 407 else "")
        )
        refusal.__cause__ = said
        return Fault(refusal, math.inf if answer.status_code in REFUSING else None)


def _picture(drawn: Drawn) -> Image.Image:
    try:
        return read_picture(drawn.data)
    # Pillow's decoders raise many kinds.
    except Exception as error:
        raise GenerationFailed(
            f"the images API at {drawn.url} answered without a picture ({error!r}); ask again"
        ) from error
