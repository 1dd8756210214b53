"""Scores of one edit of the bundled checkpoint under a preset, against the exact picture of the same seed."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.requests import GenerationRequest
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.painting.own_pictures import generator_words
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import ShapesTask, sample_task
from omniagent.tools.drawing.mend import cut_out, frame_of, put_back
from omniagent.tools.types import Box
from tests.bench.lpips import Pixels, lpips_distance

MOST_PSNR: Final = 99.0
"""In place of infinity, for pictures that are equal."""


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
        second_round: Token-layers of a repair of the picture inside the box of the change, by the loop's own way
            (`cut_out`), as a share of those of the picture.
        mended: Whether the given picture is right after the same repair of it.
        key: Of what was measured.
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
    mended: bool | None = None
    key: str = ""


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
        instruction=generator_words(task), references=tuple(map(Image.fromarray, task.images)), seeds=(number,)
    )
    wanted = drawn(exact, request)
    truth, distance = np.asarray(wanted.picture), lpips_distance()
    box = local_box(task)
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
        if made.changed is not None:
            outside = psnr(picture, truth, ~_pixels(made.changed, truth))
            one = one.model_copy(update={"share": float(made.changed.mean()), "outside": outside})
        if made.changed is not None and box is not None:
            again, first = (mended(generator, each, box, request) for each in (made.picture, request.references[0]))
            one = one.model_copy(
                update={
                    "second_round": again.token_layers / made.token_layers,
                    "mended": right(judge(np.asarray(first.picture), task.wanted)),
                }
            )
        found.append(one)
    return found


def mended(generator: OmniGen2Generator, source: Image.Image, box: Box, request: GenerationRequest) -> Drawn:
    """A picture repaired inside a box by the words of a request, as the loop does it."""
    cut = cut_out(source, box, generator.profile, reuses=generator.reuses_source)
    width, height = cut.size or (None, None)
    asked = {"references": (cut.picture,), "region": cut.part, "width": width, "height": height}
    made = drawn(generator, request.model_copy(update=asked))
    return made.model_copy(update={"picture": put_back(source, made.picture, cut)})


def local_box(task: ShapesTask) -> Box | None:
    """The box of what a task changes, as evidence names it; None where it is no local change (`frame_of`), or none."""
    assert task.target is not None
    rows, columns = np.nonzero((render(task.target) != task.images[0]).any(-1))
    if not len(rows):
        return None
    height, width = task.images[0].shape[:2]
    left, top, right, bottom = (float(each) for each in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    box = Box(label="", left=left, top=top, right=right, bottom=bottom)
    return None if frame_of(box, (width, height)) is None else box


def _pixels(changed: NDArray[np.bool_], picture: Pixels) -> NDArray[np.bool_]:
    """The pixels (height, width) of tokens (rows, columns)."""
    down, across = (side // count for side, count in zip(picture.shape, changed.shape, strict=False))
    return np.kron(changed, np.ones((down, across), dtype=bool)).astype(bool)
