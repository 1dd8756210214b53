"""The generator behind the images API: what is sent, who is asked, and what becomes of faults."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from omniagent.model.errors import BadSetting, Cancelled, GenerationFailed, GeneratorUnavailable
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.requests import CancelToken, GenerationRequest, Generator

ONE, TWO = "http://one/v1", "http://two/v1"
Answer = Callable[[httpx.Request], httpx.Response | Coroutine[Any, Any, httpx.Response]]
Remote = Callable[..., RemoteGenerator]
REQUEST = GenerationRequest(instruction="a")


def picture(color: str) -> httpx.Response:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return httpx.Response(200, json={"data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]})


class Servers:
    """Servers that answer always alike, by host; others draw. Counts who was asked."""

    def __init__(self, **answers: httpx.Response) -> None:
        self.answers = answers
        self.asked: Counter[str] = Counter()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked[request.url.host] += 1
        return self.answers.get(request.url.host) or picture("red")


@pytest.fixture
def remote() -> Iterator[Remote]:
    """Generators on servers made of functions, without pauses, closed afterwards."""
    made: list[RemoteGenerator] = []

    def build(answer: Answer, *urls: str, **settings: Any) -> RemoteGenerator:
        settings = {"key": "secret", "backoff": 0.0, "timeout": 60.0} | settings
        made.append(RemoteGenerator(urls or (ONE,), transport=httpx.MockTransport(answer), **settings))
        return made[-1]

    yield build
    for generator in made:
        generator.close()


def test_a_request_without_pictures_is_a_generation_for_each_seed_in_order(remote: Remote) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert request.url.path == "/v1/images/generations" and request.headers["authorization"] == "Bearer secret"
        assert (body["prompt"], body["size"], body["num_inference_steps"]) == ("a cat", "64x32", 7)
        return picture({3: "red", 4: "blue"}[body["seed"]])

    seen: list[tuple[int, int]] = []
    generator = remote(answer)
    assert isinstance(generator, Generator)
    request = GenerationRequest(instruction="a cat", seeds=(3, 4), width=64, height=32, steps=7)
    pictures = generator.generate(request, on_step=lambda done, steps: seen.append((done, steps)))
    assert [each.getpixel((0, 0)) for each in pictures] == [(255, 0, 0), (0, 0, 255)]
    assert seen[-1] == (2, 2)


def test_a_request_with_pictures_is_an_edit_that_carries_them(remote: Remote) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/images/edits"
        assert request.content.count(b"\x89PNG") == 2 and b'name="prompt"' in request.content
        return picture("red")

    references = (Image.new("RGB", (16, 16)), Image.new("RGB", (16, 16), "red"))
    assert len(remote(answer).generate(GenerationRequest(instruction="merge", references=references))) == 1


def test_work_is_shared_between_servers_and_a_dead_one_is_passed_over(remote: Remote) -> None:
    asked: Counter[str] = Counter()

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.host] += 1
        if request.url.host == "two":
            raise httpx.ConnectError("refused")
        return picture("red")

    generator = remote(answer, ONE, TWO)
    assert len(generator.generate(GenerationRequest(instruction="a", seeds=tuple(range(8))))) == 8
    assert asked["one"] == 8 and asked["two"] > 0


@pytest.mark.parametrize("status", [429, 503])
def test_passing_faults_are_tried_again_and_told_when_they_last(remote: Remote, status: int) -> None:
    answers = [httpx.Response(status), picture("red")]
    assert remote(lambda _request: answers.pop(0)).generate(GenerationRequest(instruction="a"))
    with pytest.raises(GeneratorUnavailable, match=f"one.*{status}"):
        remote(lambda _request: httpx.Response(status), tries=2).generate(GenerationRequest(instruction="a"))


def test_refusals_and_answers_without_a_picture_are_not_tried_again(remote: Remote) -> None:
    calls: list[int] = []

    def refuse(_request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(400, text="no such model")

    with pytest.raises(BadSetting, match="400: no such model"):
        remote(refuse).generate(GenerationRequest(instruction="a"))
    assert len(calls) == 1
    for broken in ({}, {"data": []}, {"data": [{"b64_json": "!"}]}, {"data": [{"b64_json": "aGVsbG8="}]}):
        with pytest.raises(GenerationFailed, match="without a picture"):
            remote(lambda _request, broken=broken: httpx.Response(200, json=broken)).generate(
                GenerationRequest(instruction="a")
            )


def test_cancelled_and_impossible_requests_are_not_sent(remote: Remote) -> None:
    def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing should be sent")

    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        remote(never).generate(GenerationRequest(instruction="a"), token=token)
    with pytest.raises(BadSetting, match="steps=0"):
        remote(never).generate(GenerationRequest(instruction="a", steps=0))


@pytest.mark.parametrize("url", ["ftp://one", "http://host:port/v1", "http://host:99999/v1", "http://a..b/v1", ""])
def test_what_is_no_http_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadSetting, match="images API") as refused:
        RemoteGenerator((ONE, url))
    assert repr(url) in str(refused.value)
    with pytest.raises(BadSetting, match="images API"):
        RemoteGenerator(())


def test_a_picture_that_would_fill_the_memory_is_a_failed_one(remote: Remote) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    body = {"data": [{"b64_json": base64.b64encode(bomb).decode()}]}
    with pytest.raises(GenerationFailed, match="DecompressionBombError"):
        remote(lambda _request: httpx.Response(200, json=body)).generate(REQUEST)


def test_the_pause_that_a_server_asks_for_is_waited_and_not_the_back_off(remote: Remote) -> None:
    answers = [httpx.Response(429, headers={"retry-after": "0.01"}), picture("red")]
    assert remote(lambda _request: answers.pop(0), backoff=1000.0).generate(REQUEST)


def test_a_pause_longer_than_the_time_limit_is_not_waited_for(remote: Remote) -> None:
    servers = Servers(one=httpx.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(GeneratorUnavailable, match=r"429.*3600 s"):
        remote(servers).generate(REQUEST)
    assert servers.asked == {"one": 1}
    assert remote(servers, ONE, TWO).generate(REQUEST)


def test_the_deadline_cuts_a_pause_short(remote: Remote) -> None:
    busy = httpx.Response(503, headers={"retry-after": "50"})
    with pytest.raises(Cancelled):
        remote(Servers(one=busy)).generate(REQUEST, token=CancelToken(deadline=time.monotonic() + 0.1))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_the_key_or_the_model_is_passed_over(remote: Remote, status: int) -> None:
    servers = Servers(one=httpx.Response(status, text="not you"))
    request = GenerationRequest(instruction="a", seeds=tuple(range(6)))
    assert len(remote(servers, ONE, TWO, tries=1).generate(request)) == 6
    assert servers.asked["two"] == 6 and servers.asked["one"] > 0


def test_a_refusal_by_every_server_names_each_and_is_not_tried_again(remote: Remote) -> None:
    servers = Servers(one=httpx.Response(401, text="no such key"), two=httpx.Response(404, text="no such model"))
    with pytest.raises(BadSetting, match=r"http://one/v1 .*401: no such key.*http://two/v1 .*404: no such model"):
        remote(servers, ONE, TWO).generate(REQUEST)
    assert servers.asked == {"one": 1, "two": 1}


def test_a_server_that_is_down_beside_one_that_refuses_may_draw_later(remote: Remote) -> None:
    with pytest.raises(GeneratorUnavailable, match=r"two.*503"):
        remote(Servers(one=httpx.Response(404), two=httpx.Response(503)), ONE, TWO).generate(REQUEST)


class Hanging:
    """A server that never answers; the others draw."""

    def __init__(self, host: str = "one") -> None:
        self.host = host
        self.asked = threading.Semaphore(0)
        self.dropped = threading.Semaphore(0)
        self.count = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != self.host:
            return picture("red")
        self.count += 1
        self.asked.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.release()
        raise AssertionError("nobody sets the event")


def test_a_server_that_hangs_is_given_up_at_the_time_limit_for_another(remote: Remote) -> None:
    server = Hanging()
    assert remote(server, ONE, TWO, timeout=0.1).generate(REQUEST)
    with pytest.raises(GeneratorUnavailable, match=r"within 0\.1 s"):
        remote(server, timeout=0.1).generate(REQUEST)
    assert server.count == 2 and all(server.dropped.acquire(timeout=10) for _ in range(2))


def test_bytes_that_trickle_in_do_not_stretch_the_time_limit(remote: Remote) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b" "

    with pytest.raises(GeneratorUnavailable, match=r"within 0\.1 s"):
        remote(lambda _request: httpx.Response(200, content=trickle()), timeout=0.1).generate(REQUEST)


def test_cancelling_drops_the_requests_under_way_and_leaves_room_for_others(remote: Remote) -> None:
    server, token = Hanging(), CancelToken()
    generator = remote(server, concurrency=2)
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(generator.generate, GenerationRequest(instruction="a", seeds=(1, 2, 3)), token=token)
        assert server.asked.acquire(timeout=10) and server.asked.acquire(timeout=10)
        token.cancel()
        with pytest.raises(Cancelled):
            drawing.result(10)
    assert server.dropped.acquire(timeout=10) and server.dropped.acquire(timeout=10)
    server.host = "nobody"
    assert generator.generate(REQUEST)
    assert server.count == 2


def test_closing_gives_up_the_pictures_under_way(remote: Remote) -> None:
    server = Hanging()
    generator = remote(server)
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(generator.generate, REQUEST)
        assert server.asked.acquire(timeout=10)
        generator.close()
        with pytest.raises(Cancelled, match="closed"):
            drawing.result(10)


def test_at_the_deadline_the_connection_to_a_silent_server_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        generator = RemoteGenerator((f"http://127.0.0.1:{silent.getsockname()[1]}/v1",))
        with pytest.raises(Cancelled):
            generator.generate(REQUEST, token=CancelToken(deadline=time.monotonic() + 0.5))
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(20)
            # The request, and then the end, which only a closed connection brings.
            while connection.recv(65536):
                pass
        generator.close()


def test_a_program_ends_with_its_run_though_a_server_is_silent() -> None:
    program = """
import sys, time
from omniagent.model.errors import Cancelled
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.requests import CancelToken, GenerationRequest
try:
    token = CancelToken(deadline=time.monotonic() + 0.5)
    RemoteGenerator((sys.argv[1],), timeout=3600).generate(GenerationRequest(instruction="a"), token=token)
except Cancelled:
    print("cancelled")
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        done = subprocess.run(
            [sys.executable, "-c", program, url], capture_output=True, text=True, timeout=120, check=True
        )
    assert (done.stdout, done.stderr) == ("cancelled\n", "")
