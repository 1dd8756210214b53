"""A small chat server over real HTTP that fails on order: a stand-in for a critic's server. Standard library only.

It lists one model, `eye`, and answers plans, repairs and yes/no questions well. From a chosen request on, one of
`FAULTS` happens, once or for good. Run as a program it takes vLLM's `--port` and obeys `VLLM_API_KEY`.
"""

import json
import math
import os
import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "eye"
FAULTS = (
    "killed",
    "hung",
    "slow",
    "500",
    "503",
    "429",
    "429 for an hour",
    "cut",
    "invalid JSON",
    "no answer in it",
    "wrong model",
    "expired key",
)
QUESTIONS = ("Is there a circle?", "Is the circle red?")


class StandIn(ThreadingHTTPServer):
    """The server. `pictures_until_right` pictures fail one question; later ones hold all.

    Attributes:
        chats: How many chats arrived.
        held: Set when the test is over: lets hung requests go.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        port: int = 0,
        *,
        fault: str | None = None,
        at: int = 0,
        lasting: bool = True,
        pictures_until_right: int = 2,
        key: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.fault, self.at, self.lasting, self.key = fault, at, lasting, key
        self.pictures_until_right = pictures_until_right
        self.chats = 0
        self.held = threading.Event()
        self.dead = threading.Event()
        self.pictures: list[str] = []
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def start(self) -> "StandIn":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def die(self) -> None:
        """As a killed process leaves things: nobody listens, and open connections are gone."""
        self.dead.set()
        self.held.set()
        self.socket.close()
        threading.Thread(target=self.shutdown, daemon=True).start()
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are expected here."""

    def next_fault(self) -> str | None:
        """What happens to the request that arrives now."""
        with self.lock:
            number, self.chats = self.chats, self.chats + 1
        hit = number >= self.at if self.lasting else number == self.at
        return self.fault if hit else None

    def order_of(self, url: str) -> int:
        """How many other pictures were seen before this one."""
        with self.lock:
            if url not in self.pictures:
                self.pictures.append(url)
            return self.pictures.index(url)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: StandIn

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self.send(200, {})
        elif self.path == "/v1/models":
            self.send(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "somebody"}]})
        else:
            self.fail(404, "not found")

    def do_POST(self) -> None:
        if self.server.dead.is_set():
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self.fail(404, "not found")
            return
        if self.server.key is not None and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self.fail(401, "the key is wrong")
            return
        match self.server.next_fault():
            case "killed":
                self.close_connection = True
                self.server.die()
            case "hung":
                self.server.held.wait(60)
                self.close_connection = True
            case "slow":
                self.server.held.wait(0.05)
                self.send(200, self.answer(body))
            case "500" | "503" as code:
                self.fail(int(code), "broken")
            case "429":
                self.fail(429, "busy", ("Retry-After", "0.02"))
            case "429 for an hour":
                self.fail(429, "busy", ("Retry-After", "3600"))
            case "cut":
                self.send(200, self.answer(body), cut=True)
            case "invalid JSON":
                self.send_text(200, '{"choices": [')
            case "no answer in it":
                self.send(200, {"id": "1", "object": "chat.completion", "created": 0, "model": MODEL, "choices": []})
            case "wrong model":
                self.fail(404, "the model `eye` does not exist")
            case "expired key":
                self.fail(401, "the key has expired")
            case _:
                self.send(200, self.answer(body))

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat completion that says what a good critic would."""
        form = body.get("response_format", {}).get("json_schema", {}).get("name")
        logprobs = None
        if form == "PlanDraft":
            text = json.dumps(
                {
                    "mode": "generate",
                    "instruction": "a red circle",
                    "checklist": [{"kind": "presence", "question": question} for question in QUESTIONS],
                }
            )
        elif form == "RepairDraft":
            text = json.dumps({"seen": "a circle", "instruction": "make the circle red", "scope": "global"})
        else:
            parts = body["messages"][1]["content"]
            url = next((part["image_url"]["url"] for part in parts if part["type"] == "image_url"), "")
            right = self.server.order_of(url) >= self.server.pictures_until_right
            negated = "Is the answer to this no?" in parts[-1]["text"]
            yes = 0.95 if right != negated else 0.05
            if QUESTIONS[0] in parts[-1]["text"] and not negated:
                yes = 0.95
            text = "yes" if yes > 0.5 else "no"
            top = [
                {"token": word, "logprob": math.log(p), "bytes": None} for word, p in (("yes", yes), ("no", 1 - yes))
            ]
            logprobs = {"content": [{"token": text, "logprob": -0.1, "bytes": None, "top_logprobs": top}]}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            "logprobs": logprobs,
        }
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [choice],
            "usage": usage,
        }

    def fail(self, code: int, message: str, *headers: tuple[str, str]) -> None:
        self.send_text(code, json.dumps({"error": {"message": message}}), *headers)

    def send(self, code: int, body: dict[str, Any], *, cut: bool = False) -> None:
        self.send_text(code, json.dumps(body), cut=cut)

    def send_text(self, code: int, text: str, *headers: tuple[str, str], cut: bool = False) -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.wfile.flush()
            self.close_connection = True


def main() -> None:
    """Serve as vLLM would be started, in the way that STAND_IN names: well, `dies`, or `never`."""
    way = os.environ.get("STAND_IN", "well")
    if way == "dies":
        raise SystemExit("ValueError: this stand-in dies at once")
    if way == "never":
        threading.Event().wait(120)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    server = StandIn(port, key=os.environ.get("VLLM_API_KEY"))
    print("Application startup complete.", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
