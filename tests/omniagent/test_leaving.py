"""Programs that leave a run at a random point: each ends by itself, soon, with the exit code that Python gives it."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

PATIENCE = 60
"""Seconds until a program counts as hanging; on an idle machine each of them takes one or two."""

HEAD = """
import asyncio, multiprocessing, os, signal, sys, threading
from pathlib import Path
from omniagent import Agent
from tests.support.faces import SCENARIOS, TASK
scenario, runs, at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def agent():
    if scenario == "bundled":
        return Agent(runs_dir=runs)
    return SCENARIOS[scenario](runs)

def some(events):
    for number, event in enumerate(events):
        if number == at:
            return
"""

LEFT = {
    "a stream that is broken out of": """
events = agent().stream(TASK)
for number, event in enumerate(events):
    if number == at:
        break
""",
    "a generator in a global, advanced by hand": """
events = agent().stream(TASK)
for _ in range(at + 1):
    next(events, None)
""",
    "a generator that a function forgets": """
def look():
    some(agent().stream(TASK))
look()
""",
    "a generator in a cycle": """
class Keeper: pass
keeper = Keeper()
keeper.me, keeper.events = keeper, agent().stream(TASK)
some(keeper.events)
del keeper
""",
    "an exception in the loop": """
for number, event in enumerate(agent().stream(TASK)):
    if number == at:
        raise RuntimeError("the consumer's own")
print("the run was over before")
raise RuntimeError
""",
    "sys.exit in the loop": """
for number, event in enumerate(agent().stream(TASK)):
    if number == at:
        sys.exit(5)
sys.exit(5)
""",
    "os._exit in the loop": """
for number, event in enumerate(agent().stream(TASK)):
    if number == at:
        os._exit(6)
os._exit(6)
""",
    "KeyboardInterrupt in the consumer": """
try:
    for number, event in enumerate(agent().stream(TASK)):
        if number == at:
            raise KeyboardInterrupt
except KeyboardInterrupt:
    sys.exit(7)
sys.exit(7)
""",
    "Ctrl-C twice": """
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    for number, event in enumerate(agent().stream(TASK)):
        if number == at:
            signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
""",
    "several streams at once": """
shared = agent()
streams = [shared.stream(TASK, seed=seed) for seed in range(3)]
at = min(at, 3)
for events in streams:
    some(events)
""",
    "a session that was started and dropped": """
from omniagent.runs.request import Order
from omniagent.runs.session import Session
from omniagent.tools.types import RenderSettings
a = agent()
order = Order.of(TASK, [], config=a.config, seed=0, thread_id=None, out=None, settings=RenderSettings())
session = Session(order, a.runtime)
session.start()
for _ in range(at):
    session.next_event()
del session
""",
    "a daemon thread that runs": """
reached = threading.Event()
def work():
    try:
        for number, event in enumerate(agent().stream(TASK)):
            if number == at:
                reached.set()
    finally:
        reached.set()
threading.Thread(target=work, daemon=True).start()
reached.wait()
""",
    "a daemon thread that has hardly begun": """
made = threading.Event()
def work():
    a = agent()
    made.set()
    a.run(TASK)
threading.Thread(target=work, daemon=True).start()
made.wait()
""",
    "astream that is broken out of": """
async def main():
    number = 0
    async for event in agent().astream(TASK):
        number += 1
        if number > at:
            break
asyncio.run(main())
""",
    "an async generator in a global": """
events = None
async def main():
    global events
    events = agent().astream(TASK)
    for _ in range(at + 1):
        if await anext(events, None) is None:
            break
asyncio.run(main())
""",
    "arun that is cancelled": """
async def main():
    a = agent()
    work = asyncio.create_task(a.arun(TASK))
    for _ in range(at * 50):
        await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait([work])
asyncio.run(main())
""",
    "a loop that is closed around arun": """
loop = asyncio.new_event_loop()
work = loop.create_task(agent().arun(TASK))
loop.run_until_complete(asyncio.sleep(at / 200))
work.add_done_callback(lambda done: None)
loop.stop()
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
""",
    "a forked child that leaves a stream": """
def child():
    global events
    events = agent().stream(TASK)
    some(events)
    sys.exit(3)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
sys.exit(process.exitcode)
""",
    "a fork in the middle of a stream": """
events = agent().stream(TASK)
some(events)
child = os.fork()
if child == 0:
    sys.exit(4)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "drawing ahead": """
from omniagent.graphs.policy import LoopPolicy
a = agent()
a.config = a.config.model_copy(update={"loop": LoopPolicy(draw_ahead=True)})
events = a.stream(TASK)
some(events)
""",
}
CODES = {
    "an exception in the loop": 1,
    "sys.exit in the loop": 5,
    "os._exit in the loop": 6,
    "KeyboardInterrupt in the consumer": 7,
    "a forked child that leaves a stream": 3,
    "a fork in the middle of a stream": 4,
}
KEPT = """
def work():
    global reason
    reason = agent().run(TASK, thread_id="t").stop_reason
"""
SEEN_THROUGH = {
    "a thread that keeps the process alive": KEPT + "threading.Thread(target=work).start()",
    "a thread with two runs after each other": """
def work():
    a = agent()
    for name in ("s", "t"):
        a.run(TASK, thread_id=name)
threading.Thread(target=work).start()
""",
    "a pool": KEPT
    + """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(work)
""",
    "an asyncio loop in a thread": """
async def main():
    await agent().arun(TASK, thread_id="t")
threading.Thread(target=lambda: asyncio.run(main())).start()
""",
}


def left(code: str, scenario: str, folder: Path, at: int) -> subprocess.CompletedProcess[str]:
    """The program's end; a test fails when there is none."""
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", "-c", HEAD + code, scenario, str(folder), str(at)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("way", LEFT)
def test_a_program_that_leaves_a_run_at_a_random_point_ends(tmp_path: Path, way: str):
    points = random.Random(f"{way} {os.environ.get('OMNIAGENT_TEST_SEED', '0')}")
    scenario = points.choice(("stuck", "never_right", "repaired"))
    at = points.randrange(3, 9 if scenario == "stuck" else 12)
    done = left(LEFT[way], scenario, tmp_path, at)
    assert done.returncode == CODES.get(way, 0), (scenario, at, done.stderr)
    assert "Fatal Python error" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr


@pytest.mark.parametrize("way", ["a stream that is broken out of", "sys.exit in the loop", "a daemon thread that runs"])
def test_a_program_ends_though_its_generator_heeds_nobody(tmp_path: Path, way: str):
    done = left(LEFT[way], "deaf", tmp_path, 3)
    assert done.returncode == CODES.get(way, 0), done.stderr


@pytest.mark.bundled
@pytest.mark.parametrize(
    "way",
    [
        "a stream that is broken out of",
        "a generator that a function forgets",
        "an exception in the loop",
        "Ctrl-C twice",
        "a daemon thread that runs",
        "arun that is cancelled",
        "a forked child that leaves a stream",
    ],
)
def test_a_program_that_leaves_a_real_model_at_work_ends(tmp_path: Path, way: str):
    at = random.Random(way).randrange(4, 30)
    done = left(LEFT[way], "bundled", tmp_path, at)
    assert done.returncode == CODES.get(way, 0), (at, done.stderr)
    assert "Fatal Python error" not in done.stderr, done.stderr


@pytest.mark.parametrize("way", SEEN_THROUGH)
def test_a_run_that_a_living_thread_waits_for_is_seen_through(tmp_path: Path, way: str):
    done = left(SEEN_THROUGH[way], "repaired", tmp_path, 0)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    from omniagent import Result

    assert Result.load(tmp_path / "t").accepted


def test_a_run_that_is_left_keeps_its_best_picture(tmp_path: Path):
    code = """
events = agent().stream(TASK, thread_id="t")
for event in events:
    if event.event == "decided":
        break
"""
    assert left(code, "never_right", tmp_path, 0).returncode == 0
    from omniagent import Result

    result = Result.load(tmp_path / "t")
    assert result.stop_reason == "cancelled" and result.image is not None


def test_a_program_that_is_left_by_ctrl_c_ends_as_python_ends_it(tmp_path: Path):
    code = """
signal.signal(signal.SIGINT, signal.default_int_handler)
for event in agent().stream(TASK):
    if event.event == "attempt_made":
        raise KeyboardInterrupt
"""
    assert left(code, "never_right", tmp_path, 0).returncode == -signal.SIGINT
