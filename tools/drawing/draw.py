"""What the three drawing tools share: one batch from one request, stored by content."""

import hashlib
import time
from collections.abc import Callable
from typing import Final

from PIL import Image
from pydantic import Field

from omniagent.model.errors import BadSetting, GenerationFailed
from omniagent.model.limits import Part
from omniagent.model.requests import GenerationRequest, Previews
from omniagent.tools.instruments.similarity import perceptual_hash
from omniagent.tools.record.trace import Estimated
from omniagent.tools.tool import Outcome, ToolContext
from omniagent.tools.types import ImageRef, RenderSettings, Usage, Word

_WORTH_TELLING: Final = 5.0
"""Seconds of a picture."""


class DrawIn(Word):
    """One batch: a picture for each seed."""

    instruction: str = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    settings: RenderSettings = RenderSettings()


class DrawOut(Outcome):
    """The pictures in the order of the seeds, and their perceptual hashes (see `similarity`)."""

    images: tuple[ImageRef, ...]
    hashes: tuple[str, ...]


def remarks(arguments: DrawIn, references: tuple[ImageRef, ...], context: ToolContext) -> tuple[str, ...]:
    """In which ways the generator will not draw this as it was asked for, as sentences; none where it says nothing.

    Raises:
        BadSetting: a setting is outside the generator's range.
    """
    pictures = tuple(context.store.get(ref) for ref in references)
    return context.runtime.generator.remarks(_request(arguments, arguments.settings, pictures, context))


def draw(name: str, arguments: DrawIn, references: tuple[ImageRef, ...], context: ToolContext) -> DrawOut:
    """Draw with the runtime's generator from stored references; outside of the run's region their pixels are kept.

    Raises: as `drawn`.
    """
    masked = context.region if references else None
    pictures = tuple(context.store.get(ref) for ref in references)
    keep, part = (_as_drawn, None) if masked is None else (masked.kept, masked.part)
    return drawn(name, arguments, arguments.settings, pictures, context, keep, part)


def drawn(
    name: str,
    arguments: DrawIn,
    settings: RenderSettings,
    references: tuple[Image.Image, ...],
    context: ToolContext,
    finished: Callable[[Image.Image], Image.Image],
    part: Part | None = None,
) -> DrawOut:
    """Draw with the runtime's generator and keep the pictures, each as `finished` makes it of what was drawn.

    `part` is what changes of the first reference: left, top, right, bottom as shares of its sides; None: anything.

    A batch that this run drew before is not drawn again: a killed run repeats the node it was in, but not the work.

    Raises:
        BadSetting: a setting is outside the generator's range.
        Cancelled, OutOfMemory, GenerationFailed: see `Generator.generate`.
        StorageFull, OutputUnwritable: the pictures cannot be kept.
    """
    key = _key(name, context.runtime.generator.model, arguments)
    if (known := context.store.recall(key)) is not None:
        return DrawOut.model_validate_json(known)
    request = _request(arguments, settings, references, context).model_copy(update={"region": part})
    started = time.perf_counter()
    pictures = context.runtime.generator.generate(
        request, token=context.token, on_step=_Telling(name, request, context)
    )
    seconds = time.perf_counter() - started
    if len(pictures) != len(arguments.seeds):
        raise GenerationFailed(
            f"{context.runtime.generator.model} gave {len(pictures)} pictures for {len(arguments.seeds)} seeds; "
            f"use another model"
        )
    pictures = [finished(picture) for picture in pictures]
    made = DrawOut(
        images=tuple(context.store.put(picture) for picture in pictures),
        hashes=tuple(perceptual_hash(picture) for picture in pictures),
        usage=Usage(images=len(pictures), generator_seconds=seconds),
        summary=f"{len(pictures)} of {_size_of(pictures[0], arguments.settings)}: {arguments.instruction}",
    )
    context.store.remember(key, made.model_dump_json().encode())
    return made


def _as_drawn(picture: Image.Image) -> Image.Image:
    return picture


class _Telling:
    """A step callback for the trace; how long drawing takes is told now, or as soon as steps were timed."""

    def __init__(self, name: str, request: GenerationRequest, context: ToolContext) -> None:
        self._progress, self._request, self._context = context.progress(name), request, context
        self._told = _foretold(request, context)

    def look(self, previews: Previews) -> None:
        self._progress.look(previews)

    def __call__(self, done: int, steps: int) -> None:
        if not self._told and done > 1:
            self._told = _foretold(self._request, self._context)
        self._progress(done, steps)


def _foretold(request: GenerationRequest, context: ToolContext) -> bool:
    """Tell the time that pictures will take, where it is known and worth a word; whether it is known."""
    pace = context.runtime.pace(request)
    if pace is not None and pace.seconds >= _WORTH_TELLING:
        context.trace.add(Estimated(seconds=pace.seconds, pictures=len(request.seeds), source=pace.source))
    return pace is not None


def _size_of(picture: Image.Image, settings: RenderSettings) -> str:
    """The size drawn, beside the size asked for where a generator could not keep to it."""
    asked = (settings.width or picture.width, settings.height or picture.height)
    drawn = f"{picture.width}x{picture.height}"
    return drawn if asked == picture.size else f"{drawn} instead of {asked[0]}x{asked[1]}"


def _request(
    arguments: DrawIn, settings: RenderSettings, references: tuple[Image.Image, ...], context: ToolContext
) -> GenerationRequest:
    generator = context.runtime.generator
    if settings.loras and not generator.takes_loras:
        raise BadSetting(f"the generator {generator.model} takes no LoRA; leave it out, or use another generator")
    return GenerationRequest(
        instruction=arguments.instruction,
        references=references,
        negative=settings.negative or "",
        seeds=arguments.seeds,
        width=settings.width,
        height=settings.height,
        steps=settings.steps,
        text_guidance=settings.text_guidance,
        image_guidance=settings.image_guidance,
        max_side=settings.max_side,
        loras=settings.loras,
    )


def _key(name: str, model: str, arguments: DrawIn) -> str:
    return hashlib.sha256(f"{name}\n{model}\n{arguments.model_dump_json()}".encode()).hexdigest()
