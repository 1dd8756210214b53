"""A process forked from one that has run works on its own threads, locks and connections."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniagent.model.errors import HardFailure
from omniagent.model.turns.lock import DeviceLock
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

HEAD = """
import multiprocessing, os, sys, threading
from pathlib import Path
from omniagent import Agent
from omniagent.model.errors import HardFailure
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.types import Budget
from tests.support.faces import TASK, repaired, stuck
from tests.support.scripted_runs import by_picture, scripted_agent, texts
runs = Path(sys.argv[1])

def wait(child):
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, code
"""

SCRIPTED = {
    "after a run": """
agent = repaired(runs)
agent.run(TASK)
child = os.fork()
if child == 0:
    sys.exit(not agent.run(TASK, thread_id="child").accepted)
wait(child)
assert agent.run(TASK, thread_id="parent").accepted
""",
    "in the middle of a run of another thread": """
agent = stuck(runs)
events = agent.stream(TASK, thread_id="t")
for event in events:
    if event.event == "decided":
        break
child = os.fork()
if child == 0:
    try:
        for event in events:
            raise AssertionError(event)
    except HardFailure as error:
        assert "another process" in str(error), error
        assert repaired(runs).run(TASK, thread_id="child").accepted
        sys.exit(0)
    sys.exit(9)
wait(child)
events.close()
assert repaired(runs).run(TASK, thread_id="t").accepted
""",
    "workers of multiprocessing": """
agent = repaired(runs)
agent.run(TASK)

def work(name):
    return agent.run(TASK, thread_id=name).accepted

with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, ["a", "b", "c"]) == [True] * 3
""",
}
REMOTE = """
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.requests import Prompt, Writing
import json

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_GET(self): self.answer({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "x"}]})
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "words"}
        self.answer({"id": "1", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})
    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
critic = OpenAICritic(f"http://127.0.0.1:{server.server_port}/v1", timeout=20.0)
asked = Writing(Prompt(system="s", parts=("p",)))
assert critic.write(asked).text == "words"
child = os.fork()
if child == 0:
    sys.exit(critic.write(asked).text != "words")
wait(child)
assert critic.write(asked).text == "words"
critic.close()
server.shutdown()
"""
BUNDLED = """
agent = Agent(runs_dir=runs, budget=Budget(max_rounds=1))
first = agent.run("a red circle", seed=3).image
agent.check(first, ["Is there a circle?"])  # in this very thread
child = os.fork()
if child == 0:
    again = agent.run("a red circle", seed=3, thread_id="child").image
    agent.check(again, ["Is there a star?"])
    sys.exit(again.tobytes() != first.tobytes())
wait(child)
assert agent.run("a blue star", seed=3).image is not None
"""


def finished(code: str, folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HEAD + code, str(folder)]
    # A forked process computes on one thread, and how many there are turns the last bits of a sum.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("when", SCRIPTED)
def test_a_forked_process_runs_tasks_of_its_own(tmp_path: Path, when: str) -> None:
    finished(SCRIPTED[when], tmp_path)


def test_a_forked_process_speaks_to_servers_on_connections_of_its_own(tmp_path: Path) -> None:
    finished(REMOTE, tmp_path)


@pytest.mark.bundled
def test_a_forked_process_draws_the_same_picture_with_the_model_of_its_parent(tmp_path: Path) -> None:
    finished(BUNDLED, tmp_path)


@pytest.mark.parametrize(("device", "refused"), [("cuda:0", True), ("mps", True), ("cpu", False), ("shared", False)])
def test_models_on_an_accelerator_say_at_once_that_a_fork_cannot_use_them(device: str, refused: bool) -> None:
    lock = DeviceLock(device)
    with lock.held():
        pass
    child = os.fork()
    if child == 0:
        try:
            with lock.held():
                code = 0
        except HardFailure as error:
            code = 7 if "spawn" in str(error) else 8
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (7 if refused else 0)
