"""A critic's server that refuses what it is asked for, in bodies of every shape: the run goes on without it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.critic.fallback import GuardedByBreaker
from omniagent.model.errors import BadTask, CriticBadOutput, CriticUnavailable, OmniAgentError
from omniagent.model.http.refusals import SHOWN, words_of
from omniagent.model.requests import Questions, Writing
from omniagent.model.scripted import ScriptedCritic
from tests.support.openai_stub import PROMPT, Body, Connect, Note, Server, chat

JSON = {"content-type": "application/json"}
Reply = Callable[[str], httpx2.Response]


def shaped(status: int, body: Any) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps(body), headers=JSON)


SHAPES: dict[str, Reply] = {
    "error text": lambda words: shaped(400, {"error": words}),
    "error message": lambda words: shaped(400, {"error": {"message": words, "code": None}}),
    "message": lambda words: shaped(400, {"object": "error", "message": words, "code": 400}),
    "detail": lambda words: shaped(422, {"detail": words}),
    "detail list": lambda words: shaped(
        422, {"detail": [{"loc": ["body", 0], "msg": words, "type": "extra_forbidden", "input": {"logprobs": True}}]}
    ),
    "error list": lambda words: shaped(422, {"errors": [{"reason": words}]}),
    "list": lambda words: shaped(400, [{"error": {"message": words}}]),
    "bare JSON text": lambda words: shaped(400, words),
    "unknown JSON": lambda words: shaped(400, {"fault": {"faultstring": words}}),
    "plain text": lambda words: httpx2.Response(400, text=words),
    "HTML": lambda words: httpx2.Response(400, html=f"<html><style>p {{}}</style><p>{words}</p></html>"),
    "not implemented": lambda words: shaped(501, {"error": words}),
    "no permission": lambda words: shaped(403, {"error": {"message": f"{words}: not allowed"}}),
    "no endpoint": lambda words: shaped(404, {"error": {"message": f"no endpoints that support {words}"}}),
    "server error": lambda words: shaped(500, {"error": f"{words} is not supported"}),
    "error under status 200": lambda words: shaped(200, {"error": {"message": words}}),
}
MUTE: dict[str, httpx2.Response] = {
    "empty": httpx2.Response(400),
    "empty object": shaped(422, {}),
    "null": shaped(400, None),
    "bland": httpx2.Response(400, text="Bad Request: invalid parameter"),
    "bland HTML": httpx2.Response(400, html="<h1>400 Bad Request</h1>"),
    "foreign": shaped(400, {"error": "不支持的参数"}),
}


class Picky:
    """Refuses requests with certain fields, one after the other, and answers others with a plain no."""

    def __init__(self, refused: Iterable[str], reply: Reply) -> None:
        self.refused = tuple(refused)
        self.reply = reply

    def __call__(self, body: Body) -> httpx2.Response:
        for field in self.refused:
            if field in body:
                return self.reply(field)
        return chat("no")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_refused_ability_is_given_up_whatever_the_shape_of_the_refusal(connect: Connect, shape: str) -> None:
    server = Server(Picky(("logprobs", "response_format"), SHAPES[shape]))
    critic = connect(server)
    assert critic.yes_no(Questions(PROMPT, ("red?", "blue?"))).probabilities == (0.0, 0.0)
    assert (critic.abilities.logprobs, critic.abilities.schemas) == (False, False)
    asked = len(server.chats)
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (0.0,)
    assert len(server.chats) == asked + 1
    assert not {"logprobs", "top_logprobs", "response_format"} & server.chats[-1].keys()


@pytest.mark.parametrize("shape", MUTE)
def test_a_refusal_without_a_reason_is_tried_out_and_learnt(connect: Connect, shape: str) -> None:
    server = Server(Picky(("response_format", "logprobs"), lambda _field: MUTE[shape]))
    critic = connect(server)
    for _ in range(3):
        assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (0.0,)
    assert (critic.abilities.logprobs, critic.abilities.schemas) == (False, False)
    assert critic.write(Writing(PROMPT, schema=Note)).text == "no"
    asked = len(server.chats)
    critic.yes_no(Questions(PROMPT, ("red?",)))
    assert len(server.chats) == asked + 1


@pytest.mark.parametrize("words", ["Unsupported parameter: '{}'", ""])
@pytest.mark.parametrize("field", ["temperature", "max_tokens", "response_format"])
def test_other_fields_are_left_out_or_renamed_when_refused(connect: Connect, field: str, words: str) -> None:
    server = Server(Picky((field,), lambda name: httpx2.Response(400, text=words.format(name))))
    critic = connect(server)
    for _ in range(2):
        assert critic.write(Writing(PROMPT, schema=Note, max_tokens=9)).text == "no"
    last = server.chats[-1]
    assert field not in last
    assert field != "max_tokens" or last["max_completion_tokens"] == 9
    assert ("temperature" in last, "response_format" in last) == (field != "temperature", field != "response_format")


def test_a_server_of_fewer_log_probabilities_is_asked_for_five_of_them(connect: Connect) -> None:
    def answer(body: Body) -> httpx2.Response:
        if body.get("top_logprobs", 0) > 5:
            return shaped(422, {"detail": [{"loc": ["body", "top_logprobs"], "msg": "must be less than 6"}]})
        return chat(logprobs={"yes": -1.0})

    critic = connect(Server(answer))
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (1.0,)
    assert critic.abilities.logprobs and critic.abilities.top == 5


def test_a_vllm_that_does_not_know_token_ids_gives_its_likeliest_tokens(connect: Connect) -> None:
    def answer(body: Body) -> httpx2.Response:
        unknown = "logprob_token_ids" in body
        return shaped(400, {"error": "extra field logprob_token_ids"}) if unknown else chat(logprobs={"yes": -1.0})

    critic = connect(Server(answer, owner="vllm"))
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (1.0,)
    assert critic.abilities.logprobs and not critic.abilities.answer_ids


def test_the_words_of_a_request_that_is_refused_in_every_form_are_told_and_nothing_is_given_up(
    connect: Connect,
) -> None:
    for reply in (*(each("the prompt is no good") for each in SHAPES.values()), *MUTE.values()):
        critic = connect(Server(lambda _body, reply=reply: reply), retries=0)
        before = critic.abilities
        with pytest.raises(OmniAgentError) as raised:
            critic.yes_no(Questions(PROMPT, ("red?",)))
        assert words_of(reply.text)[:100] in str(raised.value) and len(str(raised.value)) < SHOWN + 300
        assert critic.abilities == before


def test_a_request_too_long_is_not_sent_again_in_other_forms(connect: Connect) -> None:
    server = Server(lambda _body: shaped(400, {"error": "max_tokens: the prompt is too long for the context length"}))
    with pytest.raises(BadTask, match="too long"):
        connect(server).yes_no(Questions(PROMPT, ("red?",)))
    assert len(server.chats) == 1


def test_a_stand_in_answers_what_the_server_refuses(connect: Connect) -> None:
    server = Server(lambda _body: shaped(413, {"error": "payload too large"}))
    critic = GuardedByBreaker(connect(server), ScriptedCritic(lambda _prompt, _question: 0.9))
    reply = critic.yes_no(Questions(PROMPT, ("red?",)))
    assert reply.probabilities == (0.9,)
    assert reply.stand_in is not None and "payload too large" in reply.stand_in.reason


def test_a_server_that_refuses_to_list_its_models_takes_the_name_given(connect: Connect) -> None:
    for status in (400, 404, 405, 422, 501):

        def handler(request: httpx2.Request, status: int = status) -> httpx2.Response:
            return shaped(status, {"error": "no"}) if request.url.path == "/v1/models" else chat("hello")

        assert connect(handler, model="mine").write(Writing(PROMPT)).text == "hello"


def test_what_a_model_says_beside_its_answer_is_told_or_read(connect: Connect) -> None:
    def answered(message: Body, finish: str = "stop") -> httpx2.Response:
        return shaped(200, {"choices": [{"message": message, "finish_reason": finish}]})

    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "No"}]
    read: list[Body] = [{"content": parts}, {"content": parts[1:]}, {"content": None, "reasoning_content": "no"}]
    for message in read:
        reply = answered(message)
        critic = connect(Server(lambda _body, reply=reply: reply))
        assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (0.0,)
    critic = connect(Server(lambda _body: answered({"content": None, "refusal": "I will not look"})))
    for call in (lambda: critic.yes_no(Questions(PROMPT, ("red?",))), lambda: critic.write(Writing(PROMPT))):
        with pytest.raises(CriticBadOutput, match="I will not look"):
            call()


def test_a_model_that_thinks_aloud_is_given_the_room_for_it(connect: Connect) -> None:
    def answer(body: Body) -> httpx2.Response:
        short = body["max_tokens"] < 100
        return chat("<think>The circle", finish="length") if short else chat("<think>It is red.</think>\n\n**Yes**")

    server = Server(answer)
    critic = connect(server)
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (1.0,)
    asked = len(server.chats)
    assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities == (1.0,)
    assert len(server.chats) == asked + 1


def test_a_passing_fault_with_words_of_an_ability_stays_a_passing_fault(connect: Connect) -> None:
    critic = connect(Server(lambda _body: shaped(503, {"error": "overloaded while it compiled a grammar"})), retries=0)
    with pytest.raises(CriticUnavailable, match="overloaded"):
        critic.write(Writing(PROMPT, schema=Note))


JSONS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["error", "message", "detail", "loc", "x"]) | st.text(), inner)
    ),
)


@given(st.text() | JSONS.map(json.dumps))
def test_the_words_of_any_body_are_read_on_one_line(body: str) -> None:
    assert "\n" not in words_of(body)


def test_words_are_read_of_bodies_too_deep_too_long_or_half_a_sign() -> None:
    assert words_of("[" * 100_000) and words_of("<" * 1_000_000)
    assert words_of('{"error": "a \\ud83d"}') == "a ?"
