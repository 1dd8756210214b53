"""Checks of every record: what users of published sets complain of most (ImgEdit 35, X2I2 133, OpenGPT-4o-Image 1)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError
from pydantic import TypeAdapter, ValidationError

from omniagent.data.inspection.lines import Line, records_in
from omniagent.data.models.describer import Describer
from omniagent.data.records import Subject
from omniagent.model.limits import MAX_REFERENCES
from omniagent.tools.instruments.similarity import distance, perceptual_hash
from omniagent.tools.types import Word

_NUMBERED: Final = re.compile(r"\bimages?\s+(\d+)|\b(\d+)(?:st|nd|rd|th)\s+image", re.IGNORECASE)
_SUBJECTS: Final = TypeAdapter(tuple[Subject, ...])
_SIZES: Final = TypeAdapter(dict[str, tuple[int, int]])


class Finding(Word):
    """Something wrong with a record: where it stands, which check found it, and what it is."""

    place: str
    check: str
    problem: str


def check(folder: Path, describer: Describer | None = None, *, least: float = 0.5) -> Iterator[Finding]:
    """Everything that is wrong with the records of an output folder, line by line.

    Args:
        folder: A build's output.
        describer: Asked of each record whether its words fit, and whether the named subjects are seen.
        least: The probability from which its answer counts as yes.

    Raises:
        BadSetting: the folder holds no records.
        RetryableError: the describer does not answer.
    """
    seen: dict[tuple[str, ...], str] = {}
    for place, line, problem in records_in(folder):
        if line is None:
            yield Finding(place=place, check="line", problem=problem)
            continue
        names = (*line.inputs, line.output_image)
        key = (line.instruction, *names)
        if key in seen:
            yield Finding(place=place, check="duplicate", problem=f"the record of {seen[key]} again")
        seen.setdefault(key, place)
        found = [("words", said) for said in _words(line)]
        pictures: dict[str, Image.Image] = {}
        for name in names:
            try:
                pictures[name] = _opened(folder, name)
            except ValueError as error:
                found.append(("picture", str(error)))
        found += [("size", said) for said in _sizes(line, pictures)]
        if len(pictures) == len(set(names)):
            found += [("near duplicate", said) for said in _near(line, pictures)]
            if describer is not None:
                found += [("critic", said) for said in _judged(line, pictures, describer, least)]
        yield from (Finding(place=place, check=name, problem=said) for name, said in found)


def _opened(folder: Path, name: str) -> Image.Image:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"the path {name} leads out of the folder")
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except FileNotFoundError as error:
        raise ValueError(f"the picture {name} is missing") from error
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture {name} cannot be opened: {error}") from error


def _words(line: Line) -> Iterator[str]:
    if not line.instruction.strip():
        yield "the instruction is empty"
    count = len(line.inputs)
    if count > MAX_REFERENCES:
        yield f"it has {count} input pictures, and {MAX_REFERENCES} are read"
    if not count and "t2i" not in line.task_type and "text_to_image" not in line.task_type:
        yield f"a record of the type {line.task_type} has no input picture"
    # A sequence also counts the picture that is to be drawn.
    most = count + 1 if line.task_type == "interleave" else count
    numbers = {int(first or second) for first, second in _NUMBERED.findall(line.instruction)}
    if beyond := sorted(number for number in numbers if not 1 <= number <= most):
        yield f"the words name image {beyond[0]}, and there are {count} input pictures"


def _sizes(line: Line, pictures: dict[str, Image.Image]) -> Iterator[str]:
    try:
        told = _SIZES.validate_python((line.model_extra or {}).get("sizes", {}))
    except ValidationError:
        yield "the field sizes is no map from paths to (width, height)"
        return
    for name, size in told.items():
        if name in pictures and pictures[name].size != size:
            yield f"the picture {name} is {pictures[name].size}, and the record says {size}"


def _near(line: Line, pictures: dict[str, Image.Image]) -> Iterator[str]:
    target = pictures[line.output_image]
    for name in line.inputs:
        if name == line.output_image:
            yield f"the input {name} is the target itself"
        elif pictures[name].size == target.size and pictures[name].tobytes() == target.tobytes():
            yield f"the input {name} has the pixels of the target"
        elif line.task_type == "ic" and distance(perceptual_hash(pictures[name]), perceptual_hash(target)) == 0:
            yield f"the input {name} is a near copy of the target"


def _judged(line: Line, pictures: dict[str, Image.Image], describer: Describer, least: float) -> Iterator[str]:
    inputs = [pictures[name] for name in line.inputs]
    chance = describer.fits(line.instruction, inputs, pictures[line.output_image])
    if chance < least:
        yield f"the words do not fit the pictures (p = {chance:.2f}): {line.instruction[:200]}"
    try:
        subjects = _SUBJECTS.validate_python((line.model_extra or {}).get("subjects", ()))
    except ValidationError:
        yield "the field subjects cannot be read"
        return
    for one in subjects:
        if one.picture in pictures and (chance := describer.shows(pictures[one.picture], one.thing)) < least:
            yield f"{one.thing} is not seen in {one.picture} (p = {chance:.2f})"
