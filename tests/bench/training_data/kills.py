"""Builds that are killed at random moments and go on: nothing twice, nothing lost, little work again."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.data.build import build
from omniagent.data.inspection.check import check
from omniagent.data.recipe import Recipe, load_recipe
from omniagent.model.perception.masks import Mask
from omniagent.shapes.perception.filler import ShapesFiller
from omniagent.shapes.perception.words import RuledDescriber
from omniagent.shapes.videos.write import write_stills
from tests.bench.training_data.truth import Figure

KILLS = int(os.environ.get("KILLS", "200"))
_ITEMS = 5
_TRIES = 2
"""Holes of an item."""
_WORK = 2 * _TRIES
"""Calls that an item's work is counted by: each hole is filled once, and each pair is worded once."""


class _Log:
    """A file that grows by a byte for each call that is begun, whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begun(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(b".")


class _Filler(ShapesFiller):
    """Counts what it fills."""

    def __init__(self, log: _Log) -> None:
        self._log = log

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        self._log.begun()
        return super().fill(picture, mask, prompt=prompt, seed=seed)


class _Describer(RuledDescriber):
    """Counts what it words."""

    def __init__(self, log: _Log) -> None:
        self._log = log

    def change(self, before: Image.Image, after: Image.Image) -> str:
        self._log.begun()
        return super().change(before, after)


class Kills:
    """Builds in processes of their own; each is killed after a random time until one comes to its end.

    Args:
        folder: Gets the pictures, a build without a kill, and the others.
        seed: Of the moments.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._rng = np.random.default_rng([seed, 61])
        self._folder = folder
        self.source = folder / "in"
        write_stills(self.source, _ITEMS)
        # The processes are made from one that has imported everything and computed nothing.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__, "omniagent.shapes.perception.features"])
        self._whole(folder / "warm")
        self.seconds = self._whole(folder / "whole")
        self._rounds = 0

    def round(self, most: int) -> tuple[int, bool, float]:
        """One folder, killed at most so often until its build is whole.

        Returns:
            How often it was killed, whether its records are those of the build without a kill, with all their pictures,
            and how many items' work was done again, in parts of an item.
        """
        out = self._folder / f"round-{self._rounds}"
        self._rounds += 1
        kills = 0
        while True:
            worker = self._processes.Process(target=_build, args=(self.source, out))
            worker.start()
            worker.join(float(self._rng.uniform(0, 0.7 * self.seconds)) if kills < most else None)
            if worker.exitcode is not None:
                assert worker.exitcode == 0, f"the build ended with {worker.exitcode}"
                break
            worker.kill()
            worker.join()
            kills += 1
        same = _records(out) == _records(self._folder / "whole") and not list(check(out))
        begun = (out / "log").stat().st_size - (self._folder / "whole" / "log").stat().st_size
        return kills, same, begun / _WORK

    def _whole(self, out: Path) -> float:
        started = time.monotonic()
        worker = self._processes.Process(target=_build, args=(self.source, out))
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        return time.monotonic() - started


def compare() -> Iterator[Figure]:
    """Kills, builds that came out as the one without, and items worked on again for each kill."""
    kills = rounds = whole = 0
    again = most = 0.0
    with tempfile.TemporaryDirectory() as folder:
        killed = Kills(Path(folder))
        while kills < KILLS:
            number, same, more = killed.round(KILLS - kills)
            kills, again, rounds, whole = kills + number, again + more, rounds + 1, whole + same
            most = max(most, more / max(number, 1))
    yield Figure("kills", kills, "at random moments")
    yield Figure("builds_as_without_a_kill", 100 * whole / rounds, f"% of {rounds}")
    yield Figure("work_again_a_kill", again / max(kills, 1), "of an item's")
    yield Figure("most_work_again_a_kill", most, "of an item's, in one build")


def recipe() -> Recipe:
    """Pictures with two holes each, by rules."""
    return load_recipe("inpaint-edit", ["test_share=0", f"holes.tries={_TRIES}"], "shapes")


def _build(source: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    log = _Log(out / "log")
    build(recipe(), source, out, models={"filler": _Filler(log), "describer": _Describer(log)})


def _records(out: Path) -> bytes:
    return (out / "train" / "1-of-1.jsonl").read_bytes()
