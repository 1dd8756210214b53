"""What the critic behind a URL makes of servers that can more or less: batches, pictures by key, bounded schemas."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from PIL import Image

from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.mllm.schemas import MAX_ITEMS, MAX_TEXT, bounded
from omniagent.model.requests import Prompt, Questions, Writing
from omniagent.tools.dialects.drafts import PlanDraft

RED, BLUE = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
Body = dict[str, Any]


class Vllm:
    """As a vLLM answers, in memory. `holds` are the pictures it knows by key; `takes_batches` as a current one does."""

    def __init__(self, *, owner: str = "vllm", takes_batches: bool = True) -> None:
        self.owner = owner
        self.takes_batches = takes_batches
        self.holds: set[str] = set()
        self.chats: list[Body] = []
        self.paths: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.paths.append(path)
        if path == "/v1/models":
            return httpx2.Response(200, json={"object": "list", "data": [{"id": "eye", "owned_by": self.owner}]})
        body = json.loads(request.content)
        if path == "/tokenize":
            ids = {"yes": [7], "no": [8]}.get(body["prompt"], [1, 2])
            return httpx2.Response(200, json={"tokens": ids})
        batch = path.endswith("/batch")
        if batch and not self.takes_batches:
            return httpx2.Response(404, json={"detail": "Not Found"})
        self.chats.append(body)
        chats = body["messages"] if batch else [body["messages"]]
        for part in pictures(chats):
            if part["image_url"] is not None and "uuid" in part:
                self.holds.add(part["uuid"])
            elif part["image_url"] is None and part["uuid"] not in self.holds:
                message = "Cache miss for image at index 0 but data is not provided."
                return httpx2.Response(400, json={"error": {"message": message}})
        answers = [question_of(chat) for chat in chats]
        return httpx2.Response(200, json=completion(answers, schema="response_format" in body))


def pictures(chats: list[Any]) -> list[Body]:
    return [part for chat in chats for part in chat[1]["content"] if part["type"] == "image_url"]


def question_of(chat: list[Any]) -> bool:
    return "good" in chat[1]["content"][-1]["text"]


def completion(answers: list[bool], *, schema: bool = False) -> Body:
    choices: list[Body] = []
    for number, yes in enumerate(answers):
        word = "yes" if yes else "no"
        top = [{"token": word, "logprob": -0.01, "bytes": None}]
        content = [{"token": word, "logprob": -0.01, "bytes": None, "top_logprobs": top}]
        message = {"role": "assistant", "content": json.dumps({"answer": word}) if schema else word}
        choices.append(
            {"index": number, "message": message, "finish_reason": "length", "logprobs": {"content": content}}
        )
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": len(answers),
        "total_tokens": 41,
        "prompt_tokens_details": {"cached_tokens": 32},
    }
    # In no order, as servers may.
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "eye", "usage": usage}
    return body | {"choices": choices[::-1]}


Connect = Callable[[Vllm], OpenAICritic]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[OpenAICritic] = []

    def build(server: Vllm) -> OpenAICritic:
        made.append(OpenAICritic("http://critic.test/v1", transport=httpx2.MockTransport(server), backoff=0.0))
        return made[-1]

    yield build
    for critic in made:
        critic.close()


def prompt(picture: Image.Image) -> Prompt:
    return Prompt(system="You check pictures.", parts=(picture, "\n"))


def sent(body: Body, *, batch: bool = True) -> list[bool]:
    """For each picture of a request, whether its pixels came along."""
    chats = body["messages"] if batch else [body["messages"]]
    return [part["image_url"] is not None for part in pictures(chats)]


def test_a_checklist_is_one_request_whose_pixels_travel_once(connect: Connect) -> None:
    server = Vllm()
    critic = connect(server)
    reply = critic.yes_no(Questions(prompt(RED), ("good?", "bad?", "good!")))
    assert [p > 0.5 for p in reply.probabilities] == [True, False, True]
    assert (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens) == (40, 32, 3)
    assert [sent(body) for body in server.chats] == [[True, False, False]]
    critic.yes_no(Questions(prompt(RED), ("good?", "bad?")))
    critic.yes_no(Questions(prompt(BLUE), ("good?", "bad?")))
    assert [sent(body) for body in server.chats[1:]] == [[False, False], [True, False]]
    critic.write(Writing(prompt(BLUE)))
    assert sent(server.chats[-1], batch=False) == [False]


def test_pictures_that_the_server_has_dropped_are_sent_again(connect: Connect) -> None:
    server = Vllm()
    critic = connect(server)
    critic.yes_no(Questions(prompt(RED), ("good?", "bad?")))
    server.holds.clear()
    assert critic.yes_no(Questions(prompt(RED), ("good?", "bad?"))).probabilities == (1.0, 0.0)
    assert [sent(body) for body in server.chats[1:]] == [[False, False], [True, False]]


def test_more_questions_than_fit_a_batch_go_in_several(connect: Connect) -> None:
    server = Vllm()
    questions = [f"{'good' if number % 3 else 'bad'} {number}?" for number in range(70)]
    found = connect(server).yes_no(Questions(prompt(RED), tuple(questions))).probabilities
    assert [p > 0.5 for p in found] == ["good" in question for question in questions]
    assert [len(body["messages"]) for body in server.chats] == [32, 32, 6]


def test_a_server_without_batches_gets_a_request_for_each_question_and_is_not_asked_again(connect: Connect) -> None:
    server = Vllm(takes_batches=False)
    critic = connect(server)
    for _ in range(2):
        assert critic.yes_no(Questions(prompt(RED), ("good?", "bad?"))).probabilities == (1.0, 0.0)
    assert server.paths.count("/v1/chat/completions/batch") == 1
    assert len(server.chats) == 4
    assert critic.abilities.lacking == ("no batches: every question is a request of its own",)


def test_another_server_is_sent_nothing_that_the_plain_api_does_not_know(connect: Connect) -> None:
    server = Vllm(owner="somebody")
    critic = connect(server)
    assert critic.backend == "openai"
    critic.yes_no(Questions(prompt(RED), ("good?", "bad?")))
    known = {"model", "messages", "temperature", "max_tokens", "logprobs", "top_logprobs"}
    for body in server.chats:
        assert body.keys() <= known
        assert [part.keys() for part in pictures([body["messages"]])] == [{"type", "image_url"}]
    assert len(critic.abilities.lacking) == 3


def test_a_probe_tells_what_is_missing(connect: Connect) -> None:
    critic = connect(Vllm())
    assert critic.probe().lacking == ()
    assert critic.backend == "vllm"
    assert any("no batches" in line for line in connect(Vllm(takes_batches=False)).probe().lacking)


def test_every_text_and_list_of_a_schema_is_bounded_and_bounds_that_are_there_stay() -> None:
    schema = bounded(PlanDraft.model_json_schema())
    fields = schema["properties"]
    assert fields["seen"]["maxItems"] == 6 and fields["seen"]["items"]["maxLength"] == MAX_TEXT
    assert fields["instruction"]["maxLength"] == 1200
    assert "maxLength" not in fields["mode"]
    assert bounded({"type": "array", "items": {"type": "integer"}})["maxItems"] == MAX_ITEMS
