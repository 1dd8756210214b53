"""Fifty clients of `omniagent serve` at once, with a bounded queue: does any run get lost, and do others still answer?

`python -m tests.bench.http_load [--clients 50] [--scripted]`: the server is a process of its own on the bundled
checkpoint, or on scripted models. Each client has a key, sends its requests with the official client, waits as
Retry-After says when there is no room, and one in ten streams. Beside them the endpoints that draw nothing are asked
again and again, among them the list of one client's runs; so is a bare server that does nothing, whose times are what
the machine itself takes under the load of that moment. Then every answer is held against the run on the server, and
against every other key.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai

ROOT = Path(__file__).parents[2]
COLOURS = ("red", "green", "blue", "yellow")
QUIET = ("/healthz", "/readyz", "/metrics", "/v1/models", "/v1/runs")
BARE = """
import asyncio
async def answer(reader, writer):
    while await reader.readuntil(b"\\r\\n\\r\\n"):
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass
class Seen:
    """What came of it.

    Attributes:
        answers: The client's number and the run of each.
        waits: Seconds of requests that draw nothing.
        bare: The same of a server that does nothing.
    """

    answers: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    refused: int = 0
    lost: list[str] = field(default_factory=list[str])
    waits: list[float] = field(default_factory=list[float])
    bare: list[float] = field(default_factory=list[float])
    done: bool = False


def key(number: int) -> str:
    return f"client-{number:03d}-0123456789"


@contextmanager
def server(folder: Path, clients: int, scripted: bool, settings: dict[str, str]) -> Generator[str]:
    """The URL of a server at work."""
    keys = ",".join(f"client{number}:{key(number)}" for number in range(clients + 1))
    module = "tests.support.launch" if scripted else "omniagent.cli"
    environment = {
        **os.environ,
        **settings,
        "OMNIAGENT_RUNS_DIR": str(folder),
        "OMNIAGENT_SERVE_KEYS": keys,
        "OMNIAGENT_SERVE_REQUESTS_PER_MINUTE": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module, "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        port = re.search(r":(\d+)/v1", told)
        assert port, told
        yield f"http://127.0.0.1:{port[1]}"
    finally:
        process.terminate()
        process.wait(120)
        process.stderr.close()


async def draw(url: str, number: int, requests: int, seen: Seen) -> None:
    """One client: its requests one after another, each until it is answered."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key(number), max_retries=0, timeout=1200) as client:
        for index in range(requests):
            prompt = f"a {COLOURS[(number + index) % 4]} circle on a white background"
            while True:
                try:
                    if number % 10 == 0:
                        stream = await client.images.generate(prompt=prompt, stream=True, partial_images=1)
                        told: Any = [event.model_dump() async for event in stream][-1]
                    else:
                        reply = await client.images.generate(prompt=prompt)
                        assert reply.data
                        told = reply.data[0].model_dump()
                    seen.answers.append((number, told["run_id"]))
                    break
                except openai.RateLimitError as refusal:
                    seen.refused += 1
                    await asyncio.sleep(float(refusal.response.headers["retry-after"]))
                except openai.APIError as error:
                    seen.lost.append(f"client {number}: {type(error).__name__}: {error}")
                    break


@contextmanager
def bare_server() -> Generator[str]:
    """The URL of a server that does nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", BARE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def look(url: str, bare: str, seen: Seen) -> None:
    """Ask what draws nothing, over and over; the runs are those of the first client."""
    headers = {"Authorization": f"Bearer {key(0)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as client:
        while not seen.done:
            for address, waits in (*((url + path, seen.waits) for path in QUIET), (bare, seen.bare)):
                began = time.perf_counter()
                (await client.get(address)).raise_for_status()
                waits.append(time.perf_counter() - began)
                await asyncio.sleep(0.02)


async def hold(url: str, clients: int, seen: Seen) -> int:
    """How many answers are another's, or have no finished run on the server."""
    wrong = 0
    async with httpx2.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
        for number, run_id in seen.answers:
            own = {"Authorization": f"Bearer {key(number)}"}
            other = {"Authorization": f"Bearer {key((number + 1) % clients)}"}
            mine = await client.get(f"/v1/runs/{run_id}", headers=own)
            theirs = await client.get(f"/v1/runs/{run_id}", headers=other)
            fine = mine.status_code == 200 and mine.json()["best"] is not None and theirs.status_code == 404
            wrong += not fine
    return wrong


async def load(url: str, bare: str, clients: int, requests: int) -> Seen:
    """Everything at once."""
    seen = Seen()
    async with httpx2.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.2)
    looking = asyncio.create_task(look(url, bare, seen))
    await asyncio.gather(*(draw(url, number, requests, seen) for number in range(clients)))
    seen.done = True
    await looking
    return seen


def main(arguments: list[str]) -> int:
    """Print the figures; 1 when a run was lost or mixed up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--requests", type=int, default=2, help="of each client")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--scripted", action="store_true", help="scripted models in place of the bundled checkpoint")
    given = parser.parse_args(arguments)
    settings = {"OMNIAGENT_SERVE_WORKERS": str(given.workers), "OMNIAGENT_SERVE_QUEUE": str(given.queue)}
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), given.clients, given.scripted, settings) as url,
        bare_server() as bare,
    ):
        began = time.perf_counter()
        seen = asyncio.run(load(url, bare, given.clients, given.requests))
        seconds = time.perf_counter() - began
        wrong = asyncio.run(hold(url, given.clients, seen))
    for line in seen.lost:
        print(line)
    print(f"http_load_answered {len(seen.answers)} of {given.clients * given.requests} requests in {seconds:.0f} s")
    print(f"http_load_refused_and_asked_again {seen.refused} times")
    print(f"http_load_lost {len(seen.lost)} runs")
    print(f"http_load_mixed_up {wrong} runs")
    for name, waits in (("quiet", sorted(seen.waits)), ("bare", sorted(seen.bare))):
        for part in (50, 99):
            print(f"http_load_{name}_p{part} {1000 * waits[min(len(waits) - 1, len(waits) * part // 100)]:.0f} ms")
        print(f"http_load_{name}_requests {len(waits)}")
    print(f"http_load_machine_load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors")
    return 1 if seen.lost or wrong or len(seen.answers) != given.clients * given.requests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
