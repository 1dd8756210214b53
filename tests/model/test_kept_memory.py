"""Memory that a process keeps, so that a step finds what the step before it freed."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

from omniagent.model.device import keep_freed_memory
from tests.support.paths import ROOT

COUNT = """
import resource, torch
from concurrent.futures import ThreadPoolExecutor
from omniagent.model.device import free_memory, keep_freed_memory
def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        first = torch.ones(40 * 2**18)
        second = torch.ones(48 * 2**18)
        del first, second
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def in_thread(rounds):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: [faults(4), faults(rounds)][1]).result()
def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
usual = faults(8)
assert keep_freed_memory({})
faults(4)
kept, full = faults(8), held()
free_memory()
given_back = (full - held()) // 2**20
print(usual, kept, given_back, in_thread(8))
"""


def test_kept_memory_spares_page_faults_and_is_given_back_when_models_are_freed():
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, cwd=ROOT)
    usual, kept, given_back, drawing = map(int, done.stdout.split())
    # Eight steps of 88 MiB are 180,000 pages.
    assert kept < usual / 2 and usual > 150_000
    assert given_back >= 80
    # Pictures are drawn in a thread of their own, whose heaps hold no tensor of more than 64 MiB.
    assert drawing < usual / 2


def test_an_allocator_that_is_not_glibcs_or_is_set_up_already_is_left_alone():
    asked: list[tuple[int, int]] = []

    def mallopt(parameter: int, value: int) -> int:
        asked.append((parameter, value))
        return int(value <= 2**25 or parameter == -1)

    glibc: Any = SimpleNamespace(mallopt=mallopt, gnu_get_libc_version=lambda: b"2.36")
    for environ in ({"MALLOC_MMAP_THRESHOLD_": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1"}):
        assert not keep_freed_memory(environ, lambda: glibc)
    assert not keep_freed_memory({}, lambda: SimpleNamespace(mallopt=mallopt))
    assert not keep_freed_memory({}, lambda: SimpleNamespace())
    # One that was preloaded answers for `malloc`, while `mallopt` is still glibc's.
    assert not keep_freed_memory({}, lambda: glibc, lambda _: False) and not asked
    # An old one refuses the first threshold and takes the second.
    assert keep_freed_memory({}, lambda: glibc, lambda _: True) and [value for _, value in asked] == [
        2**30,
        2**25,
        2**31 - 1,
    ]
