"""Devices: which one to use, in which number type, and out-of-memory faults as our own error."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import torch

from omniagent.model.errors import BadSetting, OutOfMemory
from omniagent.model.wording import cut, shown

T = TypeVar("T")

_MEMORY_MARKS = ("out of memory", "not enough memory", "can't allocate memory", "defaultcpuallocator", "_alloc_failed")


_ALLOCATOR_VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt`, from glibc's malloc.h."""


def _c_library() -> Any:
    return ctypes.CDLL(None)


class _Place(ctypes.Structure):
    """`Dl_info` of dlfcn.h."""

    _fields_ = (
        ("dli_fname", ctypes.c_char_p),
        ("dli_fbase", ctypes.c_void_p),
        ("dli_sname", ctypes.c_char_p),
        ("dli_saddr", ctypes.c_void_p),
    )


def _is_glibcs_own(c: Any) -> bool:
    """Whether memory comes from glibc, and not from an allocator that was preloaded, as jemalloc or mimalloc."""

    def home_of(name: str) -> tuple[int | None, bytes | None]:
        place = _Place()
        found = c.dladdr(ctypes.cast(getattr(c, name), ctypes.c_void_p), ctypes.byref(place))
        return (place.dli_fbase, place.dli_fname) if found else (None, None)

    glibc, _ = home_of("gnu_get_libc_version")
    # Of a function whose address a program takes, that may lie in the program itself, which goes by its first argument.
    homes = [home_of(name) for name in ("malloc", "calloc", "realloc", "free", "posix_memalign", "malloc_usable_size")]
    return glibc is not None and all(base == glibc or file == os.fsencode(sys.orig_argv[0]) for base, file in homes)


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The named device, or CUDA, then MPS, then the CPU, whichever is there first.

    Raises:
        BadSetting: the name is no device, or that device is not there, or a forked process may not use it.
    """
    if name is None:
        if torch.cuda.is_available():
            try:
                return torch.device("cuda", torch.cuda.current_device())
            except RuntimeError as error:
                raise BadSetting(f"the GPU cannot be used here ({error}); give another device, such as cpu") from error
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadSetting(
            f"device={shown(str(name))} cannot be used here ({cut(str(error))}); give cpu, or a device that is there"
        ) from error
    return device


def pick_dtype(device: torch.device, dtype: torch.dtype | None = None) -> torch.dtype:
    """The given number type, or bfloat16 on an accelerator and float32 on the CPU."""
    return dtype or (torch.float32 if device.type == "cpu" else torch.bfloat16)


def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16 products (AVX-512 BF16 or AMX); without, they are slower."""
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(test is not None and test() for test in tests)


def is_memory_fault(error: BaseException) -> bool:
    """Whether an error of a library says that memory ran out."""
    return isinstance(error, MemoryError) or any(mark in str(error).lower() for mark in _MEMORY_MARKS)


def with_memory_fault(
    device: torch.device, what: str, work: Callable[[], T], drop: Callable[[], None] | None = None
) -> T:
    """The result of `work`, whose running out of memory becomes `OutOfMemory`, with the device's memory freed.

    The error is raised after the failed frames are gone, so that their tensors do not live on in its traceback.

    Args:
        device: Named in the error.
        what: Named in the error too.
        work: Is done.
        drop: Lets go of what is kept to be faster, before memory is freed.
    """
    try:
        return work()
    except (MemoryError, RuntimeError) as error:
        if not is_memory_fault(error):
            raise
        text = str(error)
        reason = text.splitlines()[0] if text else "no reason given"
    if drop is not None:
        drop()
    free_memory()
    raise OutOfMemory(
        f"{device} has too little memory for {what} ({reason}); ask for smaller or fewer pictures at once"
    )


def keep_freed_memory(
    environ: Mapping[str, str] = os.environ,
    library: Callable[[], Any] = _c_library,
    own: Callable[[Any], bool] = _is_glibcs_own,
) -> bool:
    """Have glibc keep what the process frees, so that each step finds the memory of the one before it.

    By default it gives tensors of more than 32 MiB, and what lies on top of its heap, back to the system, and the next
    step waits while the system makes the pages anew. In the main thread all that is kept; other threads have heaps of
    64 MiB, so that theirs keep no larger tensor, and a heap that gets empty is given back. `free_memory` still gives
    back what is free.

    Args:
        environ: The process's variables. An allocator that they set up is left alone.
        library: Gives the C library.
        own: Whether the process's memory comes from that.

    Returns:
        Whether that holds now; False for another allocator than glibc's, or one that is set up already.
    """
    if any(name in environ for name in _ALLOCATOR_VARIABLES) or "glibc.malloc" in environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        c = library()
        # Only glibc has both.
        if not hasattr(c, "gnu_get_libc_version") or not own(c):
            return False
        # Older ones refuse thresholds above half a heap.
        thresholds = any(c.mallopt(_MMAP_THRESHOLD, size) for size in (2**30, 2**25))
        return bool(thresholds and c.mallopt(_TRIM_THRESHOLD, 2**31 - 1))
    except (AttributeError, OSError, TypeError):
        return False


def free_memory() -> None:
    """Give what is no longer held back to the devices and to the system."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        _c_library().malloc_trim(0)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def wake(module: torch.nn.Module) -> None:
    """Bring an offloaded module to its device before parts of it are called directly, as its own call would."""
    hook = getattr(module, "_hf_hook", None)
    if hook is not None and hasattr(hook, "pre_forward"):
        hook.pre_forward(module)
