"""A generator behind the OpenAI images API, as vllm-omni serves OmniGen2: `images/generations` and `images/edits`.

Several servers share the work: each picture goes to the one with the fewest under way.
"""

from __future__ import annotations

import base64
import binascii
import io
import threading
import time
from collections.abc import Generator as Yields
from collections.abc import Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image, UnidentifiedImageError

from omniagent.model.errors import BadSetting, GenerationFailed, GeneratorUnavailable, OmniAgentError
from omniagent.model.limits import check_request
from omniagent.model.requests import CancelToken, GenerationRequest, Step

PASSING = (408, 409, 425, 429, 500, 502, 503, 504)


class RemoteGenerator:
    """A `Generator` over one or several servers.

    Args:
        urls: Base URLs that end in ``/v1``; at least one.
        name: The model to ask for.
        key: Sent as the bearer token; None sends none.
        timeout: Seconds that one picture may take.
        tries: How often a picture is asked for, counting the first, after passing faults.
        backoff: Seconds before the second try; doubles each time.
        concurrency: Pictures under way at once on each server.
        transport: An httpx transport in place of the network.

    Raises:
        BadSetting: No URL, or one that is not http.
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        wrong = [url for url in urls if not url.startswith(("http://", "https://"))]
        if not urls or wrong:
            raise BadSetting(f"the images API at {wrong or 'no URL'} cannot be used; give URLs such as http://host/v1")
        self._name, self._tries, self._backoff = name, tries, backoff
        self._busy = {url.rstrip("/"): 0 for url in urls}
        self._lock = threading.Lock()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(headers=headers, timeout=timeout, transport=transport)
        self._threads = ThreadPoolExecutor(concurrency * len(self._busy), thread_name_prefix="omniagent-remote")

    @property
    def model(self) -> str:
        return self._name

    @property
    def domain(self) -> str | None:
        return None

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """One RGB picture for each seed, in order; a step of progress is a picture.

        Raises:
            BadSetting: a number outside its range, or the server refuses the request.
            Cancelled: the token was cancelled or expired; pictures under way are not waited for.
            GeneratorUnavailable: no server answered in time, after all tries.
            GenerationFailed: an answer holds no picture.
        """
        check_request(request)
        mine = token or CancelToken()
        mine.check()
        asked = [self._threads.submit(self._draw, request, seed, mine) for seed in request.seeds]
        left: set[Future[Image.Image]] = set(asked)
        try:
            while left:
                done, left = wait(left, timeout=0.05, return_when=FIRST_COMPLETED)
                mine.check()
                for future in done:
                    future.result()
                if done and on_step is not None:
                    on_step(len(asked) - len(left), len(asked))
        except BaseException:
            for future in left:
                future.cancel()
            raise
        return [future.result() for future in asked]

    def close(self) -> None:
        """End connections; pictures under way are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _draw(self, request: GenerationRequest, seed: int, token: CancelToken) -> Image.Image:
        fault: OmniAgentError | None = None
        failed: set[str] = set()
        for attempt in range(self._tries):
            token.check()
            with self._server(failed) as url:
                try:
                    return self._ask(url, request, seed)
                except GeneratorUnavailable as error:
                    fault = error
                    failed.add(url)
            if attempt < self._tries - 1:
                self._pause(self._backoff * 2**attempt, token)
        assert fault is not None
        raise fault

    def _pause(self, seconds: float, token: CancelToken) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            token.check()
            time.sleep(min(left, 0.05))

    @contextmanager
    def _server(self, failed: Set[str]) -> Yields[str]:
        """The least busy server; one that failed this picture only when no other is left.

        A dead server answers at once and so is never busy: without this it would be chosen again and again.
        """
        with self._lock:
            url = min(self._busy, key=lambda one: (one in failed, self._busy[one]))
            self._busy[url] += 1
        try:
            yield url
        finally:
            with self._lock:
                # A server that was used, with whatever success, goes behind others that are as little busy.
                self._busy[url] = self._busy.pop(url) - 1

    def _ask(self, url: str, request: GenerationRequest, seed: int) -> Image.Image:
        fields = self._fields(request, seed)
        try:
            if request.references:
                field = "image" if len(request.references) == 1 else "image[]"
                files = [(field, (f"{n}.png", _png(each), "image/png")) for n, each in enumerate(request.references)]
                form = {name: str(value) for name, value in fields.items()}
                answer = self._client.post(f"{url}/images/edits", data=form, files=files)
            else:
                answer = self._client.post(f"{url}/images/generations", json=fields)
        except httpx.HTTPError as error:
            raise GeneratorUnavailable(f"the images API at {url} cannot be reached ({error}); is it up?") from error
        if answer.status_code in PASSING:
            raise GeneratorUnavailable(f"the images API at {url} cannot draw now ({answer.status_code}); try later")
        if answer.status_code != 200:
            raise BadSetting(
                f"the images API at {url} refused the request ({answer.status_code}: {answer.text[:300]}); "
                "check the model's name, the key and the settings"
            )
        return _picture(url, answer)

    def _fields(self, request: GenerationRequest, seed: int) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": self._name,
            "prompt": request.instruction,
            "n": 1,
            "response_format": "b64_json",
            "seed": seed,
        }
        if request.width is not None and request.height is not None:
            fields["size"] = f"{request.width}x{request.height}"
        optional = {
            "negative_prompt": request.negative or None,
            "num_inference_steps": request.steps,
            "guidance_scale": request.text_guidance,
            "image_guidance_scale": request.image_guidance,
        }
        return fields | {name: value for name, value in optional.items() if value is not None}


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _picture(url: str, answer: httpx.Response) -> Image.Image:
    try:
        data = base64.b64decode(answer.json()["data"][0]["b64_json"], validate=True)
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    except (ValueError, KeyError, IndexError, TypeError, OSError, binascii.Error, UnidentifiedImageError) as error:
        raise GenerationFailed(f"the images API at {url} answered without a picture ({error!r}); ask again") from error
