"""Holds every lossy preset to floors against exact; `python -m tests.bench gates` exits with 1 where one is missed.

Edits of the bundled checkpoint, drawn by each preset and exactly from the same seed: PSNR and SSIM of the pictures, the
oracle's share of right ones, work in token-layers, and of presets that reuse the source a repair of the edit just
made (the second round). Time is taken on the mid-size model. LPIPS is measured where the `lpips` package and its
weights are at hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import Preset, preset_named
from omniagent.model.denoising.reuse.memory import Source
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.limits import Part
from omniagent.model.loading import load_generator
from omniagent.model.requests import GenerationRequest
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import ShapesTask, sample_task
from omniagent.shapes.training.own_pictures import painter_words
from tests.bench.lpips import NO_LPIPS, Pixels, lpips_distance
from tests.bench.midsize import EDIT
from tests.bench.timing import Way, race

CHECKPOINT = Path(__file__).parents[2] / "omniagent" / "checkpoints" / "shapes"
EDITS: Final = 150
STEPS: Final = 8
OUT: Final = Path("build/gates")
MISSED: Final = "MISSED"
MOST_PSNR: Final = 99.0
"""In place of infinity, for pictures that are equal."""
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
    faster: float | None = None


FLOORS: Final[Mapping[str, Floors]] = {
    "balanced": Floors(psnr=30, ssim=0.97, lost=1),
    "fast": Floors(psnr=30, ssim=0.97, lost=3),
    "edit": Floors(psnr=40, ssim=0.97, lost=1, outside=40, second_round=0.5, faster=2.0),
}


class Measured(BaseModel):
    """One edit by one preset.

    Attributes:
        exact: Whether the exact picture is right.
        right: Whether the preset's is.
        psnr: Decibels against the exact picture.
        ssim: The same, up to 1.
        lpips: The same, where it could be measured.
        share: Of the tokens that were found to change; None where the picture was drawn exactly.
        outside: Decibels against the exact picture outside of these.
        work: Token-layers as a share of the exact ones.
        second_round: Token-layers of a repair of the picture, as a share of those of the picture.
        kept: Decibels of that repair against its parent, outside of its region.
    """

    number: int
    preset: str
    exact: bool
    right: bool
    psnr: float
    ssim: float
    lpips: float | None = None
    share: float | None = None
    outside: float | None = None
    work: float
    second_round: float | None = None
    kept: float | None = None


class Drawn(BaseModel):
    """A picture, the work it took, and the tokens that changed, row by row; None where it was drawn exactly."""

    model_config = {"arbitrary_types_allowed": True}

    picture: Image.Image
    token_layers: int
    changed: NDArray[np.bool_] | None


def tasks(edits: int) -> list[ShapesTask]:
    """So many test edits, the same ones every time."""
    rng = np.random.default_rng(2026)
    return [sample_task(rng, "edit", "test") for _ in range(edits)]


def drawn(generator: OmniGen2Generator, request: GenerationRequest) -> Drawn:
    """One picture."""
    batch = generator.start([(generator.prepare(request), request.seeds[0])])
    while not batch.done:
        batch.step()
    (region,) = batch.regions
    changed = None
    if region is not None:
        rows, columns = (side // generator.pipeline.size_step for side in generator.bucket(request).size)
        changed = np.zeros(rows * columns, dtype=bool)
        changed[region.numpy()] = True
        changed = changed.reshape(rows, columns)
    return Drawn(picture=batch.picture(0), token_layers=batch.token_layers, changed=changed)


def psnr(one: Pixels, other: Pixels, where: NDArray[np.bool_] | None = None) -> float:
    """Decibels between two pictures (height, width, 3), of the pixels in `where` (height, width)."""
    if where is not None:
        one, other = one[where], other[where]
    if not one.size or np.array_equal(one, other):
        return MOST_PSNR
    return min(MOST_PSNR, float(cast("float", peak_signal_noise_ratio(one, other, data_range=255))))


def ssim(one: Pixels, other: Pixels) -> float:
    """Structural similarity of two pictures (height, width, 3), up to 1."""
    return float(cast("float", structural_similarity(one, other, channel_axis=-1, data_range=255)))


def measure(
    task: ShapesTask, number: int, exact: OmniGen2Generator, lossy: dict[str, OmniGen2Generator]
) -> list[Measured]:
    """An edit by every preset in `lossy`, against `exact`."""
    assert task.wanted is not None and task.target is not None
    request = GenerationRequest(
        instruction=painter_words(task), references=tuple(map(Image.fromarray, task.images)), seeds=(number,)
    )
    wanted = drawn(exact, request)
    truth, distance = np.asarray(wanted.picture), lpips_distance()
    part = _changed_part(task)
    found: list[Measured] = []
    for name, generator in lossy.items():
        made = drawn(generator, request)
        picture = np.asarray(made.picture)
        one = Measured(
            number=number,
            preset=name,
            exact=right(judge(truth, task.wanted)),
            right=right(judge(picture, task.wanted)),
            psnr=psnr(picture, truth),
            ssim=ssim(picture, truth),
            lpips=distance(picture, truth) if distance is not None else None,
            work=made.token_layers / wanted.token_layers,
        )
        if made.changed is not None and part is not None:
            again = drawn(generator, request.model_copy(update={"references": (made.picture,), "region": part}))
            one = one.model_copy(
                update={
                    "share": float(made.changed.mean()),
                    "outside": psnr(picture, truth, ~_pixels(made.changed, truth)),
                    "second_round": again.token_layers / made.token_layers,
                    "kept": None
                    if again.changed is None
                    else psnr(np.asarray(again.picture), picture, ~_pixels(again.changed, truth)),
                }
            )
        found.append(one)
    return found


def loaded(names: Sequence[str]) -> dict[str, OmniGen2Generator]:
    """The bundled generator under each preset and `quality`; those of the same number type share its weights."""
    exact = load_generator(CHECKPOINT, device="cpu")

    def under(name: str) -> OmniGen2Generator:
        if preset_named(name).half:
            return load_generator(CHECKPOINT, device="cpu", preset=name)
        return OmniGen2Generator(exact.pipeline, preset=name)

    return {"quality": exact} | {name: under(name) for name in names}


def measured(edits: int, out: Path, names: Sequence[str]) -> list[Measured]:
    """The scores of so many edits; those that `out` holds already are not measured again."""
    out.mkdir(parents=True, exist_ok=True)
    known = out / "edits.jsonl"
    lines = known.read_text().splitlines() if known.exists() else []
    found = [Measured.model_validate_json(line) for line in lines]
    done = {(one.number, one.preset) for one in found}
    generators: dict[str, OmniGen2Generator] = {}
    for number, task in enumerate(tasks(edits)):
        missing = [name for name in names if (number, name) not in done]
        if not missing:
            continue
        if not generators:
            generators = loaded(names)
        new = measure(task, number, generators["quality"], {name: generators[name] for name in missing})
        with known.open("a") as file:
            file.writelines(one.model_dump_json() + "\n" for one in new)
        found += new
    return [one for one in found if one.number < edits and one.preset in names]


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
        "kept": [one.kept for one in own],
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


def missed(name: str, found: dict[str, float], floors: Floors) -> list[str]:
    """A sentence for each figure that does not reach its floor; a figure that was not measured is none."""
    rules = (
        ("psnr", floors.psnr, 1),
        ("ssim", floors.ssim, 1),
        ("lost", floors.lost, -1),
        ("outside", floors.outside, 1),
        ("second_round", floors.second_round, -1),
        ("faster", floors.faster, 1),
    )
    return [
        f"{name}: {figure} is {found[figure]:.3f}, its {'floor' if sign > 0 else 'ceiling'} {limit:g}"
        for figure, limit, sign in rules
        if limit is not None and figure in found and sign * found[figure] < sign * limit
    ]


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
        out: Folder of scores; those that are there are kept.
        names: Of the presets.
        steps: Of the mid-size model; 0: no timing.
        floors: By preset.
    """
    scores = measured(edits, out, names)
    faults: list[str] = []
    for name in names:
        found = figures(scores, name)
        if steps and preset_named(name).reuse is not None:
            found["faster"] = times_as_fast(preset_named(name), steps)
        yield from (f"gates_{name}_{figure} {value:.4g}" for figure, value in found.items())
        faults += missed(name, found, floors[name])
        (out / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    if not any(one.lpips is not None for one in scores):
        yield f"gates_lpips not measured: {NO_LPIPS}"
    yield from (f"{MISSED} {fault}" for fault in faults)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where a gate was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gates", description=__doc__)
    parser.add_argument("--edits", type=int, default=EDITS, help="bundled edits to draw by each preset")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of scores; those that are there are kept")
    parser.add_argument("--presets", nargs="+", default=list(FLOORS), choices=list(FLOORS))
    parser.add_argument("--steps", type=int, default=STEPS, help="of the mid-size model; 0: no timing")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    failed = False
    for line in gate_lines(given.edits, given.out, given.presets, given.steps):
        print(line, flush=True)
        failed = failed or line.startswith(MISSED)
    return int(failed)


def _changed_part(task: ShapesTask) -> Part | None:
    """The box of what a task changes, as evidence would name it; None where that is nothing."""
    assert task.target is not None
    rows, columns = np.nonzero((render(task.target) != task.images[0]).any(-1))
    if not len(rows):
        return None
    height, width = task.images[0].shape[:2]
    return (
        float(columns.min() / width),
        float(rows.min() / height),
        float((columns.max() + 1) / width),
        float((rows.max() + 1) / height),
    )


def _pixels(changed: NDArray[np.bool_], picture: Pixels) -> NDArray[np.bool_]:
    """The pixels (height, width) of tokens (rows, columns)."""
    down, across = (side // count for side, count in zip(picture.shape, changed.shape, strict=False))
    return np.kron(changed, np.ones((down, across), dtype=bool)).astype(bool)


if __name__ == "__main__":
    sys.exit(main())
