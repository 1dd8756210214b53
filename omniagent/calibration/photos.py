"""The packaged photos: crops of freely licensed pictures with faults planted by code (`photos/photos.yaml`)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from omniagent.calibration import faults
from omniagent.calibration.cases import KnownLine, KnownPicture
from omniagent.calibration.faults import Box
from omniagent.tools.dialects.plain.dialect import Plain
from omniagent.tools.types import RequirementKind

_AT_A_TURN = 2

FOLDER = Path(__file__).parent / "photos"

Place = tuple[int, int]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pasted(_Data):
    """A part of a photo, brought to a width, with its middle at a place."""

    file: str
    box: Box
    at: Place
    width: int = Field(gt=0)
    oval: bool = True


class Recoloured(_Data):
    """Which hues, in degrees, within which box take which hue."""

    box: Box
    hues: tuple[tuple[int, int], ...]
    to: int = Field(ge=0, lt=360)
    least: int = Field(default=60, ge=0, le=255)


class Sign(_Data):
    """A sign with its text; `letters` is their height in pixels."""

    text: str
    at: Place
    letters: int


class Plant(_Data):
    """One thing that is done to a picture; `breaks` names the lines that do not hold any more."""

    mask: Box | None = None
    recolour: Recoloured | None = None
    paste: Pasted | None = None
    remove: int | None = Field(default=None, ge=1, description="so many of the last pasted parts are left out")
    misspell: int | None = Field(default=None, ge=0, description="which letter of the sign is exchanged")
    mirror: bool = False
    flip: bool = False
    grey: bool = False
    sketch: bool = False
    tint: tuple[int, int, int] | None = Field(default=None, description="the colour that white becomes")
    lift: bool = Field(default=False, description="with a tint: black takes that colour, and white stays")
    breaks: tuple[str, ...] = ()


class Edit(_Data):
    """A change in words, how it is made, and what else may be spoilt: another thing, or a person's face."""

    words: str
    by: Plant
    spoil: Plant
    face: Plant | None = None
    people: bool = False


class Base(_Data):
    """A crop, what is pasted on it, and the lines that hold of it."""

    name: str
    file: str
    crop: Box | None = None
    size: Place | None = None
    paste: tuple[Pasted, ...] = ()
    sign: Sign | None = None
    lines: dict[str, tuple[RequirementKind, str]]
    faults: Annotated[tuple[Plant, ...], Field(min_length=1)]
    edits: tuple[Edit, ...] = ()

    @model_validator(mode="after")
    def _known_lines(self) -> "Base":
        for plant in self.faults:
            if not plant.breaks or not set(plant.breaks) <= self.lines.keys():
                raise ValueError(f"a fault of {self.name} breaks {plant.breaks}, of {', '.join(self.lines)}")
        return self

    def drawn(self, plant: Plant | None = None) -> Image.Image:
        """The picture, with a fault if one is given."""
        photo = _photo(self.file)
        image = photo if self.crop is None else photo.crop(self.crop)
        if self.size is not None:
            image = image.resize(self.size, Image.Resampling.BICUBIC)
        left = 0 if plant is None or plant.remove is None else plant.remove
        for part in self.paste[: len(self.paste) - left]:
            image = _with(image, part)
        if self.sign is not None:
            turn = None if plant is None else plant.misspell
            text = self.sign.text if turn is None else faults.misspelt(self.sign.text, turn)
            image = faults.lettered(image, text, self.sign.at, self.sign.letters)
        return image if plant is None else _planted(image, plant)


def photo_pictures() -> Iterator[KnownPicture]:
    """Every base crop, right and with each of its faults, and the pairs of its edits."""
    bases = load()
    streams = [_of(bases[place]) for place in np.random.default_rng(5).permutation(len(bases))]
    # A few of each crop by turns, so that the first ones already are of many kinds, right and wrong.
    while streams:
        taken = [(stream, tuple(islice(stream, _AT_A_TURN))) for stream in streams]
        yield from (picture for _, pictures in taken for picture in pictures)
        streams = [stream for stream, pictures in taken if len(pictures) == _AT_A_TURN]


def load() -> tuple[Base, ...]:
    """The base crops."""
    told = yaml.safe_load((FOLDER / "photos.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(tuple[Base, ...]).validate_python(told)


def _of(base: Base) -> Iterator[KnownPicture]:
    return (replace(picture, group=f"photos/{base.name}") for picture in _made(base))


def _made(base: Base) -> Iterator[KnownPicture]:
    lines = tuple(KnownLine(kind, question, True) for kind, question in base.lines.values())
    yield KnownPicture(f"photos/{base.name}", base.drawn(), lines)
    for number, plant in enumerate(base.faults, start=1):
        broken = tuple(
            KnownLine(kind, question, name not in plant.breaks) for name, (kind, question) in base.lines.items()
        )
        yield KnownPicture(f"photos/{base.name}/fault-{number}", base.drawn(plant), broken)
    for number, edit in enumerate(base.edits, start=1):
        yield from _pairs(f"photos/{base.name}/edit-{number}", base.drawn(), edit)


def _pairs(name: str, before: Image.Image, edit: Edit) -> Iterator[KnownPicture]:
    """The change made, nothing changed, and the change made with something spoilt."""

    def lines(*broken: Literal["change", "scene", "people"]) -> tuple[KnownLine, ...]:
        words = Plain()
        asked = [(one, words.stated(one.kind, one.question)) for one in words.kept(edit.words)]
        return tuple(
            KnownLine(one.kind, one.question, ("change" if stated.change else stated.keeps) not in broken)
            for one, stated in asked
            if edit.people or stated.keeps != "people"
        )

    done = _planted(before, edit.by)
    yield KnownPicture(name, done, lines(), before, edit.words)
    yield KnownPicture(f"{name}/unchanged", faults.encoded_again(before), lines("change"), before, edit.words)
    yield KnownPicture(f"{name}/spoilt", _planted(done, edit.spoil), lines("scene"), before, edit.words)
    if edit.face is not None:
        identity = KnownLine("identity", "Is the person the same one as in the given picture?", False)
        face = _planted(done, edit.face)
        yield KnownPicture(f"{name}/face", face, (*lines("people"), identity), before, edit.words)
        yield KnownPicture(f"{name}/same", done, (identity._replace(holds=True),), before, edit.words)


def _planted(image: Image.Image, plant: Plant) -> Image.Image:
    made = image
    if plant.mask is not None:
        made = faults.masked(made, plant.mask)
    if plant.recolour is not None:
        how = plant.recolour
        made = faults.recoloured(made, how.box, how.hues, how.to, how.least)
    if plant.paste is not None:
        made = _with(made, plant.paste)
    made = faults.mirrored(made) if plant.mirror else made
    made = ImageOps.flip(made) if plant.flip else made
    made = faults.in_grey(made) if plant.grey else made
    made = faults.as_sketch(made) if plant.sketch else made
    return made if plant.tint is None else faults.tinted(made, plant.tint, lift=plant.lift)


def _with(image: Image.Image, part: Pasted) -> Image.Image:
    cutout = _photo(part.file).crop(part.box)
    size = (part.width, round(cutout.height * part.width / cutout.width))
    return faults.pasted(image, cutout.resize(size, Image.Resampling.LANCZOS), part.at, oval=part.oval)


def _photo(name: str) -> Image.Image:
    with Image.open(FOLDER / f"{name}.webp") as file:
        return file.convert("RGB")
