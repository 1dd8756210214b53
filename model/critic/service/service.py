"""The critic's service of this machine: planned for a checkpoint, kept in the foreground, found, and stopped."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from omniagent.model.checkpoint.settings import read_profiles
from omniagent.model.critic.service.keeper import Keeper
from omniagent.model.critic.service.memory import (
    CHATS_AT_ONCE,
    CHATS_OF_AN_AGENT,
    Card,
    context_of,
    kv_bytes_per_token,
    memory_for,
    weight_bytes,
)
from omniagent.model.critic.service.process import ServerProcess, end_group, free_port
from omniagent.model.critic.service.record import LOG_FILE, Record, owned, read_record, write_record
from omniagent.model.critic.service.settings import ServeSettings, find_python
from omniagent.model.errors import BadSetting, HardFailure
from omniagent.model.pipeline.memory import Need, need_of

DEFAULT_PORT = 8765
LONGEST_CONTEXT = 8192


def card_of(device: str | None = None) -> Card | None:
    """The memory of the GPU that models of this process would use, or None."""
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info(device or None)
    return Card(total, free)


def plan_service(
    checkpoint: Path,
    *,
    python: Path | None = None,
    name: str | None = None,
    port: int | None = None,
    key: str | None = None,
    card: Card | None = None,
    shared: bool = True,
    threads: int | None = None,
    more: tuple[str, ...] = (),
    generator: Path | None = None,
    chats: int = CHATS_AT_ONCE,
    host: int | None = None,
) -> ServeSettings:
    """How a checkpoint's critic would be served: its `critic/` folder, or else its `mllm/`.

    Args:
        checkpoint: A folder in the published layout, or one that holds a Qwen2.5-VL with its processor.
        python: The Python of the vLLM environment; None looks for one.
        name: What the model is called in requests; None: the checkpoint's folder.
        port: A port of the loopback interface; None prefers 8765, 0 takes any.
        key: The API key; None makes one up.
        card: The GPU to serve on, or None for the CPU.
        shared: Whether the generator needs the same card.
        threads: CPU threads.
        more: Further arguments for vLLM.
        generator: The checkpoint of the generator that shares the card, where it is another one than `checkpoint`.
        chats: Chats of full length that keys and values are wanted for; fewer where only these fit.
        host: Bytes of main memory; None: enough.

    Raises:
        BadSetting: there is no environment with vLLM, or the port is taken.
        BadCheckpoint: the checkpoint holds no critic.
        OutOfMemory: the card is too small.
    """
    found = find_python(python)
    if found is None:
        raise BadSetting(
            "there is no environment with vLLM; make one (omniagent critic install), or name the Python of one that "
            "you have with --python or OMNIAGENT_CRITIC_PYTHON"
        )
    weights = next((checkpoint / each for each in ("critic", "mllm") if (checkpoint / each).is_dir()), checkpoint)
    processor = checkpoint / "processor" if (checkpoint / "processor").is_dir() else checkpoint
    context = min(LONGEST_CONTEXT, context_of(weights))
    per_token = kv_bytes_per_token(weights, 4 if card is None else 2)
    beside = generator or (checkpoint if checkpoint != weights else None)
    drawer = drawer_of(beside) if card is not None and shared and beside is not None else None
    caches = [per_token * context * each for each in dict.fromkeys((chats, min(chats, CHATS_OF_AN_AGENT)))]
    wanted = DEFAULT_PORT if port is None else port
    chosen = free_port(wanted)
    if port and chosen != port:
        raise BadSetting(f"port {port} is taken; give another one, or 0 for any")
    return ServeSettings(
        python=found,
        weights=weights.absolute(),
        processor=processor.absolute(),
        name=name or checkpoint.name,
        key=key or secrets.token_urlsafe(24),
        port=chosen,
        memory=memory_for(
            card,
            weights=0 if card is None else weight_bytes(weights, 2),
            drawer=drawer,
            caches=caches,
            host=host,
        ),
        context=context,
        gpu=card is not None,
        # The CPU computes in the numbers of the in-process critic, so that both say the same.
        dtype="float32" if card is None else "bfloat16",
        threads=threads,
        more=more,
    )


def drawer_of(checkpoint: Path) -> Need:
    """What the generator of a checkpoint needs on a GPU, at its default size.

    Raises:
        BadCheckpoint: it is no whole checkpoint.
    """
    profile = read_profiles(checkpoint).generator
    return need_of(checkpoint, max(profile.width, profile.height), 2)


def run_service(
    settings: ServeSettings, folder: Path, *, ready: Callable[[Record], None], stop: threading.Event, **options: Any
) -> None:
    """Keep a server up, with its record in `folder`, until `stop` is set.

    Args:
        settings: What to serve.
        folder: Of record and log.
        ready: Told the record once the server answers for the first time.
        stop: Ends the service.
        options: Of the `Keeper`.

    Raises:
        BadSetting: a service is at work there already.
        OutputUnwritable: the folder cannot be written.
        CriticUnavailable: the server does not start, or was given up.
    """
    with owned(folder):
        log, started = folder / LOG_FILE, time.time()
        log.touch(mode=0o600)

        def note(server: ServerProcess) -> None:
            record = Record(
                pid=os.getpid(),
                server=server.pid,
                url=settings.url,
                key=settings.key,
                name=settings.name,
                weights=str(settings.weights),
                log=str(log),
                sleep=settings.memory.sleep,
                drawing=settings.memory.drawing,
                started=started,
            )
            write_record(folder, record)

        keeper = Keeper(settings, log, on_start=note, **options)
        try:
            told = False
            while not stop.wait(0.2) and not keeper.join(0):
                if keeper.ready and not told and (record := read_record(folder)) is not None:
                    told = True
                    ready(record)
        finally:
            keeper.close()
        if keeper.fault is not None and not stop.is_set():
            raise keeper.fault


def stop_service(folder: Path, patience: float = 30.0) -> Record | None:
    """Stop the service of a folder, and wait for its end; its record, or None when none was at work.

    Raises:
        HardFailure: it is still there after `patience` seconds and a kill.
    """
    record = read_record(folder)
    if record is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    if not _gone(folder, patience):
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGKILL)
        end_group(record.server, 1.0, lambda: None)
        if not _gone(folder, 5.0):
            raise HardFailure(f"the critic's service (process {record.pid}) does not end; end it by hand")
    _wait_for(record.pid)
    return record


def _wait_for(process: int, patience: float = 10.0) -> None:
    """Wait until a process that is on its way out is gone; one that was not waited for counts as gone at the end."""
    until = time.monotonic() + patience
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < until:
            os.kill(process, 0)
            time.sleep(0.05)


def _gone(folder: Path, patience: float) -> bool:
    until = time.monotonic() + patience
    while read_record(folder) is not None:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
