"""An OpenAI-compatible server made of functions, for tests of the critic behind a URL: no network."""

import json
import math
import threading
from collections.abc import Callable
from typing import Any

import httpx2
from PIL import Image
from pydantic import BaseModel

from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.requests import Prompt

URL = "http://critic.test/v1"
RED = Image.new("RGB", (40, 30), "red")
PROMPT = Prompt(system="You check pictures.", parts=(RED, "\n"))
Body = dict[str, Any]


class Note(BaseModel):
    text: str


class Server:
    """Answers requests in memory: /models as told, chats by `answer`, everything else with 404. Keeps what it got."""

    def __init__(
        self, answer: Callable[[Body], httpx2.Response], *, owner: str = "somebody", models: str = "eye"
    ) -> None:
        self.answer = answer
        self.owner = owner
        self.models = models.split()
        self.chats: list[Body] = []
        self.tokenized: list[str] = []
        self.paths: list[str] = []
        self.keys: set[str] = set()
        self.lock = threading.Lock()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path)
        self.keys.add(request.headers["authorization"])
        if request.url.path == "/v1/models":
            listed = [{"id": name, "object": "model", "created": 0, "owned_by": self.owner} for name in self.models]
            return httpx2.Response(200, json={"object": "list", "data": listed})
        body = json.loads(request.content)
        if request.url.path == "/tokenize" and self.owner == "vllm":
            self.tokenized.append(body["prompt"])
            ids = {"yes": [7], "no": [8], "Yes": [17]}.get(body["prompt"], [1, 2])
            return httpx2.Response(200, json={"count": len(ids), "tokens": ids})
        if request.url.path != "/v1/chat/completions":
            return httpx2.Response(404, json={"error": {"message": "not found"}})
        with self.lock:
            self.chats.append(body)
        return self.answer(body)


def chat(text: str = "yes", logprobs: dict[str, float] | None = None, finish: str = "stop") -> httpx2.Response:
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in (logprobs or {}).items()]
    content = [{"token": text, "logprob": -0.1, "bytes": None, "top_logprobs": top}] if logprobs is not None else None
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "logprobs": None if content is None else {"content": content},
    }
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return httpx2.Response(
        200,
        json={
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "eye",
            "choices": [choice],
            "usage": usage,
        },
    )


def failure(status: int, message: str = "no", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"message": message}}, headers=headers)


def question_of(body: Body) -> str:
    return body["messages"][1]["content"][-1]["text"]


Connect = Callable[..., OpenAICritic]


def sure(body: Body) -> httpx2.Response:
    return chat(logprobs={"yes": math.log(0.5), "Yes": math.log(0.1), " no": math.log(0.2), "maybe": math.log(0.2)})
