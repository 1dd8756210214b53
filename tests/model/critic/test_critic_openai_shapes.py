"""The critic behind a URL when answers are good HTTP and good JSON, but of another shape: no network."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import pytest

from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.critic.openai.wire import retry_after
from omniagent.model.errors import BadSetting, CriticBadOutput
from omniagent.model.loading import remote_critic
from omniagent.model.requests import Questions, Writing
from tests.support.openai_stub import PROMPT, URL, Body, Connect, Server, chat, sure

NOT_CHATS: list[Any] = [
    None,
    [],
    "abc",
    {"choices": None},
    {"choices": "abc"},
    {"choices": [None]},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"choices": [{"message": {"content": ["yes"]}}]},
    {"choices": [{"message": {"content": 5}}]},
]
HALF: list[Any] = [{"message": {"content": "a cat \ud83d"}}]
NOT_LISTS: list[Any] = [None, [], "abc", {}, {"data": "abc"}, {"data": [None]}, {"data": [{"id": None}]}]


def changed(reply: httpx2.Response, change: Callable[[Body], None]) -> httpx2.Response:
    body = reply.json()
    change(body)
    return httpx2.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})


@pytest.mark.parametrize("body", NOT_CHATS)
def test_an_answer_of_another_shape_is_a_bad_output(connect: Connect, body: Any) -> None:
    data, kind = json.dumps(body).encode(), {"content-type": "application/json"}
    critic = connect(Server(lambda _body: httpx2.Response(200, content=data, headers=kind)))
    with pytest.raises(CriticBadOutput, match=r"critic\.test"):
        critic.write(Writing(PROMPT))
    with pytest.raises(CriticBadOutput, match=r"critic\.test"):
        critic.yes_no(Questions(PROMPT, ("red?", "blue?")))


def test_json_too_deep_to_read_is_a_bad_output(connect: Connect) -> None:
    kind = {"content-type": "application/json"}
    critic = connect(Server(lambda _body: httpx2.Response(200, content=b"[" * 200_000, headers=kind)))
    with pytest.raises(CriticBadOutput):
        critic.write(Writing(PROMPT))


def test_json_under_another_content_type_is_read(connect: Connect) -> None:
    server = Server(lambda _body: httpx2.Response(200, text=chat("hello").text))
    assert connect(server).write(Writing(PROMPT)).text == "hello"


def test_half_a_sign_is_replaced_by_one_that_can_be_written(connect: Connect) -> None:
    critic = connect(Server(lambda body: changed(chat(), lambda made: made.update(choices=HALF))))
    assert critic.write(Writing(PROMPT)).text == "a cat ?"


@pytest.mark.parametrize(
    "usage",
    [None, {}, "a", [1], {"prompt_tokens": None}, {"prompt_tokens": -1}, {"prompt_tokens": 10**40}],
)
def test_a_cost_that_cannot_be_read_counts_as_nothing(connect: Connect, usage: Any) -> None:
    critic = connect(Server(lambda body: changed(sure(body), lambda answer: answer.update(usage=usage))))
    written, asked = critic.write(Writing(PROMPT)), critic.yes_no(Questions(PROMPT, ("red?",)))
    assert (written.text, written.prompt_tokens, written.completion_tokens) == ("yes", 0, 0)
    assert (asked.probabilities, asked.prompt_tokens) == (pytest.approx((0.75,)), 0)


def test_the_counts_that_can_be_read_are_kept_beside_those_that_cannot(connect: Connect) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": None, "prompt_tokens_details": {"cached_tokens": "many"}}
    critic = connect(Server(lambda body: changed(sure(body), lambda answer: answer.update(usage=usage))))
    written = critic.write(Writing(PROMPT))
    assert (written.prompt_tokens, written.cached_tokens, written.completion_tokens) == (11, 0, 0)


@pytest.mark.parametrize("places", [[{}], [{"top_logprobs": None}], [{"top_logprobs": [None]}], [None], "abc", 5])
def test_log_probabilities_that_cannot_be_read_leave_the_words(connect: Connect, places: Any) -> None:
    def answer(body: Body) -> httpx2.Response:
        if "logprobs" not in body:
            return chat("no")
        return changed(sure(body), lambda made: made["choices"][0].update(logprobs={"content": places}))

    assert connect(Server(answer)).yes_no(Questions(PROMPT, ("red?",))).probabilities == (0.0,)


def test_one_odd_token_takes_nothing_from_the_others(connect: Connect) -> None:
    def spoil(made: Body) -> None:
        odd: list[Body] = [{"token": "\ud83d", "logprob": -0.1}, {"token": "no", "logprob": None}, {"logprob": 0.0}]
        made["choices"][0]["logprobs"]["content"][0]["top_logprobs"] += odd

    critic = connect(Server(lambda body: changed(sure(body), spoil)))
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == pytest.approx((0.75,))


def test_a_log_probability_above_zero_is_certain(connect: Connect) -> None:
    assert connect(Server(lambda _body: chat(logprobs={"yes": 1e6}))).yes_no(
        Questions(PROMPT, ("red?",))
    ).probabilities == (1.0,)


def test_choices_of_a_batch_that_do_not_tell_their_places_are_not_used(connect: Connect) -> None:
    paths: list[str] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        if not request.url.path.endswith("/batch"):
            return await server(request)
        choice = sure({}).json()["choices"][0]
        return httpx2.Response(200, json={"choices": [{**choice, "index": None}, {**choice, "index": 0}]})

    server = Server(sure, owner="vllm")
    assert connect(answer).yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities == pytest.approx((0.75, 0.75))
    assert paths.count("/v1/chat/completions") == 2


@pytest.mark.parametrize("tokens", [None, 5, "a", ["a"], [None]])
def test_a_tokenizer_of_another_shape_leaves_the_likeliest_tokens(connect: Connect, tokens: Any) -> None:
    server = Server(sure, owner="vllm")

    async def answer(request: httpx2.Request) -> httpx2.Response:
        tokenizer = request.url.path == "/tokenize"
        return httpx2.Response(200, json={"tokens": tokens}) if tokenizer else await server(request)

    critic = connect(answer)
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == pytest.approx((0.75,))
    assert "logprob_token_ids" not in server.chats[0]


@pytest.mark.parametrize("body", NOT_LISTS)
def test_a_list_of_models_of_another_shape_is_a_bad_output(connect: Connect, body: Any) -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=body)

    with pytest.raises(CriticBadOutput, match=r"critic\.test"):
        connect(answer).connect()
    with pytest.raises(CriticBadOutput, match=r"critic\.test"):
        connect(answer, model="eye").write(Writing(PROMPT))


class Oddity(BaseHTTPRequestHandler):
    """Answers everything with an empty list."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def odd_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Oddity)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_critic_that_lists_its_models_oddly_is_loaded_as_one_that_is_not_up_yet(odd_url: str) -> None:
    critic = remote_critic(odd_url)
    assert critic.model == odd_url
    critic.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://host:0/v1",
        "http:///v1",
        "http://[::1/v1",
        "http://a..b/v1",
        "ftp://host/v1",
        "host:8000/v1",
        "",
    ],
)
def test_what_is_no_http_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        OpenAICritic(url)
    assert repr(url) in str(refused.value) and "http://127.0.0.1:8000/v1" in str(refused.value)


def test_an_http_url_is_taken_without_its_last_slash() -> None:
    for url in ("https://host", "http://127.0.0.1:8000/v1/", "http://[::1]:1/v1", URL):
        critic = OpenAICritic(url)
        assert critic.url == url.rstrip("/")
        critic.close()


def test_a_date_too_early_to_count_asks_for_no_pause() -> None:
    assert not retry_after("Mon, 01 Jan 0001 00:00:00 -0000")
