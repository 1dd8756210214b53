"""Fifty visitors of the chat at once, who wait for each other: is any run lost, does any see another's thread?

`python -m tests.bench.chat_load [--visitors 50]`: the chat is a process of its own on scripted models. Each visitor
opens the page, sends a message of its own as a browser does, follows the run to its end, and opens the picture; then
each looks whether its page tells of anybody else, and whether another visitor's picture is given to it.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
WORDS = "the circle of visitor {:03d}"


@contextmanager
def chat(folder: Path) -> Generator[str]:
    """The URL of a chat at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.launch", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMNIAGENT_RUNS_DIR": str(folder)},
    )
    assert process.stdout is not None
    try:
        url = next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=120)


@dataclass
class Visitor:
    """One browser: its cookies, and what its page showed last."""

    number: int
    client: httpx2.AsyncClient
    session: str
    page: str = ""
    picture: str = ""

    @property
    def words(self) -> str:
        """What it asks for."""
        return WORDS.format(self.number)

    async def event(self, function: int, data: list[Any]) -> str:
        """Have an event of the page handled; everything that it showed."""
        body = {"data": data, "fn_index": function, "session_hash": self.session, "trigger_id": None}
        (await self.client.post("/gradio_api/queue/join", json=body)).raise_for_status()
        shown: list[str] = []
        async with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as told:
            async for line in told.aiter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    assert message["success"], line
                    shown.append(json.dumps(message["output"].get("data")))
                    break
        return "".join(shown)

    async def visit(self) -> None:
        """Open the page, send a message, follow its run, and look at the picture."""
        (await self.client.get("/")).raise_for_status()
        config = (await self.client.get("/config")).json()
        targets = {one["targets"][0][1]: one["id"] for one in reversed(config["dependencies"]) if one["targets"]}
        after = {
            one["trigger_after"]: one["id"] for one in config["dependencies"] if one.get("trigger_after") is not None
        }
        opened, sent = targets["load"], targets["submit"]
        await self.event(opened, [])
        settings = [self.number, False, "", 4, 12, 2, 600]
        await self.event(sent, [{"text": self.words, "files": []}, *settings])
        await self.event(after[sent], [])
        # As after a reload.
        self.page = await self.event(opened, [])
        found = re.search(r"/?pictures/[\w\-]+/[\w\-]+\.png", self.page)
        self.picture = f"/{found[0].lstrip('/')}" if found else ""


async def load(url: str, visitors: int) -> tuple[list[str], int]:
    """What was lost, and how many saw something of another."""
    lost: list[str] = []
    clients = [httpx2.AsyncClient(base_url=url, timeout=1200, trust_env=False) for _ in range(visitors)]
    people = [Visitor(number, client, secrets.token_hex(8)) for number, client in enumerate(clients)]
    for person, outcome in zip(
        people, await asyncio.gather(*(one.visit() for one in people), return_exceptions=True), strict=True
    ):
        if isinstance(outcome, BaseException):
            lost.append(f"visitor {person.number}: {type(outcome).__name__}: {outcome}")
        elif not person.picture or person.words not in person.page:
            lost.append(f"visitor {person.number}: no picture")
    mixed = 0
    for person, other in zip(people, people[1:] + people[:1], strict=True):
        named = set(re.findall(WORDS.replace("{:03d}", r"(\d{3})"), person.page)) - {f"{person.number:03d}"}
        own = (await person.client.get(person.picture)).status_code if person.picture else 200
        theirs = (await person.client.get(other.picture)).status_code if other.picture else 404
        mixed += bool(named) or own != 200 or theirs == 200
    for client in clients:
        await client.aclose()
    return lost, mixed


def main(arguments: list[str]) -> int:
    """Print the figures; 1 when a run was lost or a thread mixed up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=50)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, chat(Path(folder)) as url:
        began = time.perf_counter()
        lost, mixed = asyncio.run(load(url, given.visitors))
        seconds = time.perf_counter() - began
    for line in lost:
        print(line)
    print(f"chat_load_seen_through {given.visitors - len(lost)} of {given.visitors} visitors in {seconds:.0f} s")
    print(f"chat_load_lost {len(lost)} runs")
    print(f"chat_load_mixed_up {mixed} threads")
    print(f"chat_load_machine_load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors")
    return 1 if lost or mixed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
