"""Holds every lossy preset to floors against exact; `python -m tests.bench gates` exits with 1 where one is missed.

Edits of the bundled checkpoint, drawn by each preset and exactly from the same seed: PSNR and SSIM of the pictures, the
oracle's share of right ones, work in token-layers, and of presets that reuse the source a repair inside the box of
the change, by the loop's own way: of the edit just made (the second round), and of the given picture (mended). Time is
taken on the mid-size model. LPIPS is measured where the `lpips` package and its weights are at hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from pydantic import BaseModel

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import Preset, preset_named
from omniagent.model.denoising.reuse.memory import Source
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.limits import Part
from omniagent.model.loading import load_generator
from tests.bench import edit_scores
from tests.bench.edit_scores import Measured, measure, tasks
from tests.bench.lpips import NO_LPIPS
from tests.bench.midsize import EDIT
from tests.bench.timing import Way, race

PACKAGE = Path(__file__).parents[2] / "omniagent"
CHECKPOINT = PACKAGE / "checkpoints" / "shapes"
EDITS: Final = 150
STEPS: Final = 8
OUT: Final = Path("build/gates")
MISSED: Final = "MISSED"
QUARTER: Part = (0.0, 0.0, 0.5, 0.5)


class Floors(BaseModel):
    """What a preset must reach: means over edits, decibels, shares and points of success.

    30 dB and 0.97 are those of vllm-omni's regression tests against diffusers.
    """

    psnr: float
    ssim: float
    lost: float
    outside: float | None = None
    second_round: float | None = None
    mended_lost: float | None = None
    faster: float | None = None


FLOORS: Final[Mapping[str, Floors]] = {
    "balanced": Floors(psnr=30, ssim=0.97, lost=1),
    "fast": Floors(psnr=30, ssim=0.97, lost=3),
    "edit": Floors(psnr=40, ssim=0.97, lost=1, outside=40, second_round=0.5, mended_lost=10, faster=2.0),
}


def loaded(names: Sequence[str]) -> dict[str, OmniGen2Generator]:
    """The bundled generator under each preset and `quality`; those of the same number type share its weights."""
    exact = load_generator(CHECKPOINT, device="cpu")

    def under(name: str) -> OmniGen2Generator:
        if preset_named(name).half:
            return load_generator(CHECKPOINT, device="cpu", preset=name)
        return OmniGen2Generator(exact.pipeline, preset=name)

    return {"quality": exact} | {name: under(name) for name in names}


def key_of(name: str) -> str:
    """What the scores of a preset hang on: its settings, the checkpoint, and the code that draws and scores."""
    told = hashlib.sha256(str(preset_named(name)).encode())
    folders = (
        (PACKAGE / "model", "*.py"),
        (PACKAGE / "tools", "*.py"),
        (PACKAGE / "shapes", "*.py"),
        (CHECKPOINT, "*"),
    )
    files = [path for folder, kind in folders for path in sorted(folder.rglob(kind)) if path.is_file()]
    for path in (*files, Path(edit_scores.__file__)):
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def measured(edits: int, out: Path, names: Sequence[str]) -> list[Measured]:
    """The scores of so many edits; those that `out` holds already, of the same `key_of`, are not measured again."""
    out.mkdir(parents=True, exist_ok=True)
    known, keys = out / "edits.jsonl", {name: key_of(name) for name in names}
    lines = known.read_text().splitlines() if known.exists() else []
    found = [one for one in map(Measured.model_validate_json, lines) if keys.get(one.preset) == one.key]
    done = {(one.number, one.preset) for one in found}
    generators: dict[str, OmniGen2Generator] = {}
    for number, task in enumerate(tasks(edits)):
        missing = [name for name in names if (number, name) not in done]
        if not missing:
            continue
        if not generators:
            generators = loaded(names)
        new = [
            one.model_copy(update={"key": keys[one.preset]})
            for one in measure(task, number, generators["quality"], {name: generators[name] for name in missing})
        ]
        with known.open("a") as file:
            file.writelines(one.model_dump_json() + "\n" for one in new)
        found += new
    return [one for one in found if one.number < edits]


def figures(scores: Iterable[Measured], name: str) -> dict[str, float]:
    """What the edits of a preset say, by figure."""
    own = [one for one in scores if one.preset == name]
    lost = 100 * np.array([one.exact - one.right for one in own], dtype=float)
    made = {
        "edits": float(len(own)),
        "right_exact": 100 * float(np.mean([one.exact for one in own])),
        "right": 100 * float(np.mean([one.right for one in own])),
        "lost": float(lost.mean()),
        "lost_error": float(lost.std() / np.sqrt(len(own))),
        "psnr": float(np.mean([one.psnr for one in own])),
        "psnr_least": min(one.psnr for one in own),
        "ssim": float(np.mean([one.ssim for one in own])),
        "ssim_least": min(one.ssim for one in own),
        "work": float(np.mean([one.work for one in own])),
    }
    several = {
        "share": [one.share for one in own],
        "outside": [one.outside for one in own],
        "second_round": [one.second_round for one in own],
        "mended": [None if one.mended is None else 100.0 * one.mended for one in own],
        "mended_lost": [None if one.mended is None else 100.0 * (one.exact - one.mended) for one in own],
    }
    for figure, values in several.items():
        there = [value for value in values if value is not None]
        if there:
            made |= {figure: float(np.mean(there)), f"{figure}_least": min(there), f"{figure}_most": max(there)}
            made[f"{figure}_of"] = float(len(there))
    return made


def times_as_fast(preset: Preset, steps: int) -> float:
    """How many times as fast as exact an edit of the mid-size model is, a quarter of which changes.

    The region is given, as a model with random weights changes all; the steps are made in full that would be made in
    full to find it.
    """
    assert preset.reuse is not None
    load = replace(EDIT, steps=steps)
    looked = replace(preset.reuse, known=preset.reuse.found)
    ways = {"exact": Way(Computation()), "preset": Way(Computation(), None, looked, Source(QUARTER))}
    found = race(load, ways)
    return found["exact"].seconds / found["preset"].seconds


def missed(
    name: str, found: Mapping[str, float], floors: Floors, *, edits: bool = True, timed: bool = True
) -> list[str]:
    """A sentence for each figure that does not reach its floor, or could not be measured.

    Args:
        name: Of the preset.
        found: Its figures.
        floors: What they must reach.
        edits: Whether edits were asked for.
        timed: Whether timing was asked for.
    """
    rules = (
        ("psnr", floors.psnr, 1),
        ("ssim", floors.ssim, 1),
        ("lost", floors.lost, -1),
        ("outside", floors.outside, 1),
        ("second_round", floors.second_round, -1),
        ("mended_lost", floors.mended_lost, -1),
        ("faster", floors.faster, 1),
    )
    faults: list[str] = []
    for figure, limit, sign in rules:
        if limit is None or not (timed if figure == "faster" else edits):
            continue
        value, bound = found.get(figure, math.nan), f"{'floor' if sign > 0 else 'ceiling'} {limit:g}"
        # No number reaches a floor by being none.
        if not sign * value >= sign * limit:
            told = f"is {value:.3f}" if figure in found else "was not measured"
            faults.append(f"{name}: {figure} {told}, its {bound}")
    return faults


def gate_lines(
    edits: int = EDITS,
    out: Path = OUT,
    names: Sequence[str] = tuple(FLOORS),
    steps: int = STEPS,
    floors: Mapping[str, Floors] = FLOORS,
) -> Iterator[str]:
    """Lines of figures, then one for each gate that was missed, which begins with `MISSED`.

    Args:
        edits: Bundled edits to draw by each preset.
        out: Folder of scores; those that are there are kept while code, checkpoint and preset are the same.
        names: Of the presets.
        steps: Of the mid-size model; 0: no timing.
        floors: By preset.
    """
    scores = measured(edits, out, names)
    faults: list[str] = []
    for name in names:
        found = figures(scores, name) if scores else {}
        if steps and preset_named(name).reuse is not None:
            found["faster"] = times_as_fast(preset_named(name), steps)
        yield from (f"gates_{name}_{figure} {value:.4g}" for figure, value in found.items())
        faults += missed(name, found, floors[name], edits=edits > 0, timed=steps > 0)
        (out / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    if scores and not any(one.lpips is not None for one in scores):
        yield f"gates_lpips not measured: {NO_LPIPS}"
    yield from (f"{MISSED} {fault}" for fault in faults)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where a gate was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gates", description=__doc__)
    parser.add_argument("--edits", type=int, default=EDITS, help="bundled edits for each preset; 0: timing alone")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of scores; those of the same code are kept")
    parser.add_argument("--presets", nargs="+", default=list(FLOORS), choices=list(FLOORS))
    parser.add_argument("--steps", type=int, default=STEPS, help="of the mid-size model; 0: no timing")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    failed = False
    for line in gate_lines(given.edits, given.out, given.presets, given.steps):
        print(line, flush=True)
        failed = failed or line.startswith(MISSED)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
