"""Runs a benchmark in processes that are killed at random moments, a hundred times: `python -m … FOLDER`.

They are forked from this one, which imports no torch, so that each costs milliseconds.
"""

import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

from omniagent.agent import Agent
from omniagent.benchmarks.catalogue import benchmark_named
from omniagent.benchmarks.running.draw import Drawn
from omniagent.benchmarks.running.folder import RunFolder
from omniagent.benchmarks.running.judge import Judged
from omniagent.benchmarks.running.ledger import LineFile
from omniagent.benchmarks.session import Chosen, Session
from omniagent.comparison import Variant
from omniagent.config import Config
from tests.support.benchmark_data import ShadeJudge, at_once, write_geneval

SINGLE = Variant("single", "single")
KILLS = 100


def session_in(out: Path) -> Session:
    return Session(benchmark_named("geneval"), out, Chosen(data=out.parent / "prompts", samples=2))


def both_phases(out: Path) -> None:
    session = session_in(out)
    folder = session.run_folder(SINGLE, 1)
    session.generate(_no_agent, Config(), SINGLE, 1, folder, spread=at_once)
    session.judge(folder, ShadeJudge("correct"))


def _no_agent() -> Agent:
    raise AssertionError("no agent is made here")


def killed_child(out: Path, at: int) -> bool:
    """Whether a child was killed at that file operation of its own, before its work was done."""
    child = os.fork()
    if child == 0:
        left = at

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("open", "os.rename", "os.mkdir", "os.remove"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            both_phases(out)
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


def tear(out: Path, rng: random.Random) -> None:
    """Cut off the end of some files of lines, as a machine that loses power leaves them half-written."""
    for path in [*out.glob("*/drawn.jsonl"), *out.glob("*/judged/*.jsonl")]:
        data = path.read_bytes()
        whole = data.rfind(b"\n", 0, max(0, len(data) - 1)) + 1
        if data and rng.random() < 0.3:
            path.write_bytes(data[: rng.randint(whole, len(data))])


def wrong_in(out: Path) -> list[str]:
    """Keys that are not there exactly once, of pictures and of judgements."""
    session = session_in(out)
    folder = session.run_folder(SINGLE, 1)
    expected = Counter(sample.key for sample in session.samples)
    drawn = Counter(line.key for path in folder.drawn_files for line in LineFile(path, Drawn).lines())
    judged = Counter(line.key for path in folder.judged_files("shade") for line in LineFile(path, Judged).lines())
    missing = [sample.key for sample in session.samples if not (folder.pictures / sample.path).is_file()]
    return [key for key in expected if drawn[key] != 1 or judged[key] != 1] + missing + [*(drawn - expected)]


def report_of(out: Path) -> bytes:
    session = session_in(out)
    folder: RunFolder = session.run_folder(SINGLE, 1)
    session.report(folder)
    return (folder.path / "report.html").read_bytes() + (folder.path / "report.json").read_bytes()


def main(home: Path) -> None:
    rng = random.Random(5)
    write_geneval(home / "prompts")
    # What is imported on the way is imported now, not in every child.
    both_phases(home / "first")
    killed, rounds, wrong = 0, 0, list[str]()
    while killed < KILLS:
        out = home / f"out-{rounds}"
        while killed < KILLS and killed_child(out, rng.randint(1, 90)):
            killed += 1
            tear(out, rng)
        both_phases(out)
        wrong += wrong_in(out)
        rounds += 1
    reports = {report_of(home / f"out-{number}") for number in (0, rounds - 1)}
    print(json.dumps({"killed": killed, "rounds": rounds, "wrong": wrong, "reports": len(reports)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
