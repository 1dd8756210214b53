"""Worker threads that GNU OpenMP, by which torch computes on a CPU, keeps for each thread that has computed.

Where more of them live than there are cores, those at work sleep at once when they wait for each other, which they do
hundreds of times in a denoising step, and to be woken takes longer than a small product. Models that take turns on a
CPU compute in threads of their own, so each gives its workers back when its turn ends; they are made anew in a fraction
of a millisecond.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from omniagent.model import lifetime

_SOFT = 1
"""`omp_pause_soft` (OpenMP 5.0, section 3.6): what can be made again is freed."""


def release_workers() -> bool:
    """End the idle workers of the calling thread, which is not in the middle of computing; others keep theirs.

    Returns:
        Whether that was done: on Linux, where torch has come with GNU OpenMP and was imported. Not in a forked process,
        nor in a main thread that may be one's: the library would wait there for workers that stayed with its parent.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.__file__ or lifetime.is_child():
        return False
    if threading.current_thread() is threading.main_thread() and not lifetime.before_torch():
        return False
    pause = _pause(Path(torch.__file__).parent)
    return pause is not None and pause(_SOFT) == 0


@functools.cache
def _pause(torch: Path) -> Callable[[int], int] | None:
    """`omp_pause_resource_all` of torch's own GNU OpenMP; in another library it ends the workers of all threads."""
    if not sys.platform.startswith("linux"):
        return None
    for library in (torch / "lib").glob("libgomp*.so*"):
        try:
            # A library that is not in use by now is no other thread's concern, and none of ours.
            opened = ctypes.CDLL(str(library), mode=os.RTLD_NOLOAD)
        except OSError:
            continue
        if not hasattr(opened, "kmp_set_blocktime") and hasattr(opened, "omp_pause_resource_all"):
            found: Callable[[int], int] = opened.omp_pause_resource_all
            return found
    return None


def one_thread_after_fork() -> None:
    """Let torch compute in one thread where the process was forked from one that had computed.

    GNU OpenMP waits for ever for the threads of its parent when the thread that forked computes with several.
    """
    torch = sys.modules.get("torch")
    if torch is not None and lifetime.is_child():
        torch.set_num_threads(1)
