"""The critic behind a URL when things go wrong, and when much goes on at once: no network."""

import asyncio
import threading
import time

import httpx2
import pytest

from omniagent.model.critic.openai.wire import retry_after
from omniagent.model.errors import (
    BadTask,
    Cancelled,
    CriticTimeout,
    CriticUnavailable,
    UnknownModel,
)
from omniagent.model.requests import CancelToken, Questions, Writing
from tests.support.openai_stub import PROMPT, Connect, Server, chat, failure, question_of, sure


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_fault_is_waited_out(connect: Connect, status: int) -> None:
    faults = [failure(status), failure(status)]
    server = Server(lambda body: faults.pop() if faults else chat("done"))
    assert connect(server).write(Writing(PROMPT)).text == "done"
    assert len(server.chats) == 3


def test_a_fault_that_stays_is_unavailable_after_the_last_retry(connect: Connect) -> None:
    server = Server(lambda body: failure(503, "overloaded"))
    with pytest.raises(CriticUnavailable, match=r"503.*overloaded"):
        connect(server, retries=3).write(Writing(PROMPT))
    assert len(server.chats) == 4


def test_the_pause_that_a_server_asks_for_is_waited_and_not_the_back_off(connect: Connect) -> None:
    faults = [failure(429, **{"retry-after": "0.01"})]
    server = Server(lambda body: faults.pop() if faults else chat("done"))
    assert connect(server, backoff=1000.0).write(Writing(PROMPT)).text == "done"


def test_a_pause_longer_than_the_time_limit_is_not_waited_for(connect: Connect) -> None:
    server = Server(lambda body: failure(429, **{"retry-after": "3600"}))
    with pytest.raises(CriticUnavailable, match="3600 s"):
        connect(server).write(Writing(PROMPT))
    assert len(server.chats) == 1


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after("2.5") == 2.5
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_no_connection_is_unavailable(connect: Connect) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(CriticUnavailable, match=r"critic\.test.*is the server up"):
        connect(refuse).yes_no(Questions(PROMPT, ("red?",)))


def test_a_slow_server_is_a_timeout(connect: Connect) -> None:
    def slow(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("slow", request=request)

    with pytest.raises(CriticTimeout):
        connect(slow).write(Writing(PROMPT))


class Hanging:
    """A server that lists its model and then never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.dropped = threading.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/models":
            return await Server(sure)(request)
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.set()
        raise AssertionError("nobody sets the event")


def test_a_server_that_hangs_is_a_timeout_at_the_deadline_and_its_request_is_dropped(connect: Connect) -> None:
    server = Hanging()
    with pytest.raises(CriticTimeout, match=r"0\.1 s"):
        connect(server, timeout=0.1).write(Writing(PROMPT))
    assert server.dropped.wait(10)


def test_cancelling_drops_the_requests_under_way(connect: Connect) -> None:
    server, token = Hanging(), CancelToken()
    threading.Thread(target=lambda: (server.asked.wait(10), token.cancel())).start()
    with pytest.raises(Cancelled):
        connect(server).yes_no(
            Questions(PROMPT, ("red?", "blue?")),
            token=token,
        )
    assert server.dropped.wait(10)


def test_the_runs_deadline_cancels_and_is_not_blamed_on_the_critic(connect: Connect) -> None:
    with pytest.raises(Cancelled):
        connect(Hanging()).write(Writing(PROMPT), token=CancelToken(deadline=time.monotonic() + 0.05))


def test_with_a_cancelled_token_nothing_is_sent(connect: Connect) -> None:
    server, token = Server(sure), CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        connect(server).write(Writing(PROMPT), token=token)
    assert server.paths == []


def test_a_fault_of_one_question_drops_the_others_and_the_critic_still_works(connect: Connect) -> None:
    server = Server(lambda body: failure(400, "too long") if question_of(body) == "bad?" else sure(body))
    critic = connect(server)
    with pytest.raises(BadTask, match="too long"):
        critic.yes_no(Questions(PROMPT, ("good?", "bad?")))
    assert critic.yes_no(Questions(PROMPT, ("good?",))).probabilities == pytest.approx((0.75,))


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (401, CriticUnavailable, "key"),
        (403, CriticUnavailable, "key"),
        (404, CriticUnavailable, "model's name"),
        (413, BadTask, "smaller"),
        (422, BadTask, "shorter"),
    ],
)
def test_a_refusal_is_not_retried_and_says_what_to_do(
    connect: Connect, status: int, error: type[Exception], advice: str
) -> None:
    server = Server(lambda body: failure(status, "refused"))
    with pytest.raises(error, match=advice):
        connect(server).write(Writing(PROMPT))
    assert len(server.chats) == 1


def test_the_model_is_the_first_the_server_lists_unless_named(connect: Connect) -> None:
    assert connect(Server(sure, models="one two")).connect() == "one"
    server = Server(sure, models="one two")
    critic = connect(server, model="two")
    critic.write(Writing(PROMPT))
    assert server.chats[0]["model"] == critic.model == "two"
    assert server.paths.count("/v1/models") == 1


def test_a_model_that_is_not_served_is_named_beside_those_that_are(connect: Connect) -> None:
    with pytest.raises(UnknownModel, match=r"serves one, two.*three"):
        connect(Server(sure, models="one two"), model="three").connect()
    with pytest.raises(UnknownModel, match="no model"):
        connect(Server(sure, models="")).connect()


def test_a_server_without_a_model_list_takes_the_name_given(connect: Connect) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return failure(404) if request.url.path == "/v1/models" else chat("hello")

    assert connect(handler, model="mine").write(Writing(PROMPT)).text == "hello"
    with pytest.raises(UnknownModel):
        connect(handler).connect()


def test_the_key_given_is_sent_and_none_is_taken_from_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    keyed, plain = Server(sure), Server(sure)
    connect(keyed, api_key="mine").write(Writing(PROMPT))
    connect(plain).write(Writing(PROMPT))
    assert keyed.keys == {"Bearer mine"}
    assert all("secret" not in key for key in plain.keys)


def test_no_more_requests_than_allowed_are_under_way_at_once(connect: Connect) -> None:
    under_way, peak = 0, 0

    async def count(request: httpx2.Request) -> httpx2.Response:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        return await Server(sure)(request)

    connect(count, concurrency=3).yes_no(Questions(PROMPT, tuple([f"{n}?" for n in range(12)])))
    assert peak == 3


def test_many_threads_share_one_critic(connect: Connect) -> None:
    critic = connect(Server(sure))
    answers: list[float] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(critic.yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == pytest.approx([0.75] * 16)
