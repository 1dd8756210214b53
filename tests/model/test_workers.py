"""Threads that torch's OpenMP keeps for a thread that computed on a CPU: a turn leaves none of them behind."""

import subprocess
import sys

import pytest

from omniagent.model.turns.workers import release_workers
from tests.support.paths import ROOT

COUNT = """
import os, threading
from omniagent.model.turns.lock import DeviceLock
from omniagent.model.turns.workers import release_workers
import torch

def compute():
    return torch.ones(400_000).exp().log().sum().div(1000).round().item()

def here():
    return len(os.listdir("/proc/self/task"))

def beside(work):
    # A thread that lives on, as those of runs and of the drawing do; its workers end with it.
    done, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (work(), done.set(), over.wait()))
    thread.start()
    done.wait()
    return lambda: (over.set(), thread.join())
"""
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")


def told_by(code: str, head: str = COUNT) -> list[str]:
    words = [sys.executable, "-c", head + code]
    environment = {"OMP_NUM_THREADS": "2", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@LINUX
def test_a_turn_on_a_cpu_leaves_no_workers_behind_and_the_next_computes_the_same():
    code = """
lock = DeviceLock("cpu")
alone, found = here(), []
def turn():
    for _ in range(2):
        with lock.held():
            found.append(compute())
ends = [beside(turn), beside(turn)]
print(here() - alone, *found)
for end in ends: end()
"""
    # The two that took turns.
    assert told_by(code) == ["2", "400.0", "400.0", "400.0", "400.0"]


@LINUX
def test_workers_of_a_thread_that_is_in_the_middle_of_computing_are_left_alone():
    code = """
end = beside(compute)
before = here()
with DeviceLock("cpu").held():
    compute()
print(here() - before)
with DeviceLock("cuda").held():
    compute()
print(here() - before, torch.get_num_threads() - 1)
end()
"""
    after, beside, workers = told_by(code)
    # The thread beside keeps its own; this one has none after a turn on a CPU, and some after one elsewhere.
    assert after == "0" and beside == workers


@LINUX
def test_a_process_whose_workers_may_have_stayed_with_its_parent_waits_for_none_of_them():
    code = """
compute()
child = os.fork()
if child == 0:
    # Of torch's work before omniagent was imported nothing is known here.
    from omniagent.model.turns.workers import release_workers
    beside = []
    thread = threading.Thread(target=lambda: (torch.ones(400_000).exp(), beside.append(release_workers())))
    thread.start()
    thread.join()
    os._exit(2 * beside[0] + release_workers())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
from omniagent.model.turns.workers import release_workers
child = os.fork()
if child == 0:
    os._exit(release_workers())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    head = "import os, threading, torch\ndef compute(): torch.ones(400_000).exp()\n"
    assert told_by(code, head) == ["2", "0"]


def test_where_torch_was_not_imported_there_is_nothing_to_give_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert not release_workers()
