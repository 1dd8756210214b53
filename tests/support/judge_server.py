"""A judge's server over real HTTP that answers by a function of the words and pictures it is sent."""

import base64
import io
import json
import math
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast

from PIL import Image

Refusal = tuple[int, str]
Answer = str | Mapping[str, float] | int | Refusal | Exception
"""A text, the probabilities of first tokens, the status of a failure, this with its words, or a model that declines."""

Answers = Callable[[str, Sequence[Image.Image]], Answer]


class JudgeServer(ThreadingHTTPServer):
    """The server, which serves and lists one model.

    Attributes:
        asked: The words of every chat that it took, in order.
        aliases: Other names by which it takes its model.
        lists: Whether it has a list: `all` for everyone, `keyed` for those who have the key, `none`.
    """

    daemon_threads = True

    def __init__(self, answer: Answers, model: str, key: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.model, self.key = answer, model, key
        self.aliases: tuple[str, ...] = ()
        self.lists: Literal["all", "keyed", "none"] = "keyed"
        self.asked: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def judge_server(answer: Answers, model: str = "gpt-4.1", key: str | None = None) -> Generator[JudgeServer]:
    """A server at work, which wants the key if there is one."""
    server = JudgeServer(answer, model, key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        if self._home.lists == "none":
            self._send(404, {"error": {"message": "nothing here"}})
            return
        if self._home.lists == "keyed" and not self._has_the_key():
            return
        self._send(200, {"object": "list", "data": [{"id": self._home.model, "object": "model", "owned_by": "test"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._has_the_key():
            return
        if body["model"] not in (self._home.model, *self._home.aliases):
            self._send(404, {"error": {"message": f"the model {body['model']} is not here"}})
            return
        parts = [part for message in body["messages"] for part in message["content"]]
        words = "".join(part["text"] for part in parts if part["type"] == "text")
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        pictures = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
        with self._home.lock:
            self._home.asked.append(words)
        answer = self._home.answer(words, pictures)
        if isinstance(answer, int):
            answer = answer, "no answer on order"
        if isinstance(answer, tuple):
            self._send(answer[0], {"error": {"message": answer[1]}})
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if isinstance(answer, Exception):
            choice["message"] = {"role": "assistant", "content": None, "refusal": str(answer)}
        elif isinstance(answer, str):
            choice["message"] = {"role": "assistant", "content": answer}
        else:
            top = [{"token": token, "logprob": math.log(chance)} for token, chance in answer.items()]
            choice["message"] = {"role": "assistant", "content": top[0]["token"]}
            choice["logprobs"] = {"content": [top[0] | {"top_logprobs": top}]}
        self._send(200, {"model": self._home.model, "choices": [choice], "usage": {}})

    def _has_the_key(self) -> bool:
        has = self._home.key in (None, (self.headers["authorization"] or "").removeprefix("Bearer "))
        if not has:
            self._send(401, {"error": {"message": "wrong key"}})
        return has

    @property
    def _home(self) -> JudgeServer:
        return cast("JudgeServer", self.server)

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
