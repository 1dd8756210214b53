"""The generator behind the images API: what is sent, who is asked, and what becomes of faults."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from PIL import Image

from omniagent.model.errors import BadSetting, Cancelled, GenerationFailed, GeneratorUnavailable
from omniagent.model.remote import RemoteGenerator
from omniagent.model.requests import CancelToken, GenerationRequest, Generator

ONE, TWO = "http://one/v1", "http://two/v1"
Answer = Callable[[httpx.Request], httpx.Response]


def picture(color: str) -> httpx.Response:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return httpx.Response(200, json={"data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]})


def remote(answer: Answer, *urls: str, tries: int = 3) -> RemoteGenerator:
    return RemoteGenerator(
        urls or (ONE,), key="secret", backoff=0.0, tries=tries, transport=httpx.MockTransport(answer)
    )


def test_a_request_without_pictures_is_a_generation_for_each_seed_in_order() -> None:
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
    generator.close()


def test_a_request_with_pictures_is_an_edit_that_carries_them() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/images/edits"
        assert request.content.count(b"\x89PNG") == 2 and b'name="prompt"' in request.content
        return picture("red")

    references = (Image.new("RGB", (16, 16)), Image.new("RGB", (16, 16), "red"))
    assert len(remote(answer).generate(GenerationRequest(instruction="merge", references=references))) == 1


def test_work_is_shared_between_servers_and_a_dead_one_is_passed_over() -> None:
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
def test_passing_faults_are_tried_again_and_told_when_they_last(status: int) -> None:
    answers = [httpx.Response(status), picture("red")]
    assert remote(lambda _request: answers.pop(0)).generate(GenerationRequest(instruction="a"))
    with pytest.raises(GeneratorUnavailable, match=f"one.*{status}"):
        remote(lambda _request: httpx.Response(status), tries=2).generate(GenerationRequest(instruction="a"))


def test_refusals_and_answers_without_a_picture_are_not_tried_again() -> None:
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


def test_cancelled_and_impossible_requests_are_not_sent() -> None:
    def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing should be sent")

    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        remote(never).generate(GenerationRequest(instruction="a"), token=token)
    with pytest.raises(BadSetting, match="steps=0"):
        remote(never).generate(GenerationRequest(instruction="a", steps=0))
    for urls in ((), ("ftp://one",)):
        with pytest.raises(BadSetting, match="images API"):
            RemoteGenerator(urls)
