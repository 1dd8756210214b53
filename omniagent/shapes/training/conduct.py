"""Carries out a recipe: prepares the work folder, and runs its groups one after the other in processes of their own."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from omniagent.model.errors import BadSetting, HardFailure
from omniagent.shapes.training.publish import WEIGHTS, publish
from omniagent.shapes.training.recipe import Recipe, Run, RunPart, stage_of, start_of
from omniagent.shapes.training.stages import Stage


class Conductor:
    """One carrying out of a recipe.

    Args:
        recipe: What to run; a run whose training lies in the work folder already goes on with it.
        work: Folder of logs, resume states and weights.
        seconds: In place of the recipe's.
        only: Names of the runs wanted; all if empty.
        published: Folder that each save's weights and logs go to as small files; none if None.
    """

    def __init__(
        self,
        recipe: Recipe,
        work: Path,
        *,
        seconds: float | None = None,
        only: Iterable[str] = (),
        published: Path | None = None,
    ) -> None:
        """Prepare the work folder from the recipe's checkpoint, as far as it is not yet.

        Raises:
            BadSetting: no run has a wanted name, or the recipe's checkpoint is missing.
        """
        self._ends_at = time.time() + (seconds or recipe.seconds or float("inf"))
        self._work, self._published = work, published
        self._start = start_of(recipe)
        wanted = set(only) or set(recipe.runs)
        if strange := wanted - set(recipe.runs):
            raise BadSetting(f"the recipe has no run {min(strange)!r}; it has {', '.join(recipe.runs)}")
        self._groups = [{name: run for name, run in group.items() if name in wanted} for group in recipe.parts]
        self._running: dict[str, SpawnProcess] = {}
        self._stopped = False
        if self._start is not None:
            _prepare(work, self._start)

    def run(self) -> None:
        """Run all groups; what goes on after one of them has failed is run to its end first.

        Raises:
            HardFailure: a run failed; the text names it.
        """
        for group in self._groups:
            if self._stopped:
                return
            failed = self._together(group)
            if failed and not self._stopped:
                raise HardFailure(f"{', '.join(failed)} failed; its own lines say why")

    def stop(self) -> bool:
        """Have every run save and end; safe in a signal's handler."""
        self._stopped = True
        for process in self._running.values():
            process.terminate()
        return True

    def _together(self, group: Mapping[str, Run]) -> list[str]:
        context = multiprocessing.get_context("spawn")
        for name, run in group.items():
            stage = stage_of(run, self._work, self._start, self._ends_at)
            process = context.Process(target=carry_out, args=(name, run.part, stage, self._published), name=name)
            with _surroundings(stage.threads or 1):
                process.start()
            self._running[name] = process
            if self._stopped:
                process.terminate()
        for process in self._running.values():
            process.join()
        failed = [name for name, process in self._running.items() if process.exitcode]
        self._running = {}
        return failed


def carry_out(name: str, part: RunPart, stage: Stage, published: Path | None) -> None:
    """One run, in a process of its own: prints its lines, and publishes its weights after each save."""
    from omniagent.model.training.loop import ask_to_stop

    def stop(*_: object) -> None:
        ask_to_stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(os, "setpgrp"):
        # What a terminal or `timeout` sends to all at once would end the processes that make batches first.
        os.setpgrp()
    conductor = multiprocessing.parent_process()
    for line in trainer_of(part)(stage):
        print(f"[{name}] {told(line)}", flush=True)
        if conductor is not None and not conductor.is_alive():
            ask_to_stop()
        if published is not None and any(key.startswith("val_") for key in line):
            publish(stage.work, part, published, int(line["step"]))


def trainer_of(part: RunPart) -> Callable[[Stage], Iterator[dict[str, Any]]]:
    """The training of a part."""
    from omniagent.shapes.training import parts
    from omniagent.shapes.training.paint import paint_lessons

    trainers: dict[RunPart, Callable[[Stage], Iterator[dict[str, Any]]]] = {
        "vae": parts.train_vae,
        "vision": parts.train_vision,
        "text": parts.train_text,
        "mllm": parts.train_mllm,
        "dit": parts.train_dit,
        "paint": paint_lessons,
    }
    return trainers[part]


def told(line: Mapping[str, Any]) -> str:
    """A log line for people."""
    return " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items())


def _prepare(work: Path, start: Path) -> None:
    """Lay the checkpoint's parts where trainings look for what they stand on; what is there already stays."""
    folders = {start / name: work / part / "weights" / name for part, (name, _) in WEIGHTS.items()}
    for source, target in (folders | {start / "processor": work / "processor"}).items():
        if not target.exists():
            shutil.copytree(source, target)


@contextmanager
def _surroundings(threads: int) -> Generator[None]:
    """Processes started here compute in so many threads, whatever library they use, and may fork."""
    wanted = {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
