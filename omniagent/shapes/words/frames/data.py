"""Reads the frames' files."""

import re
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from omniagent.shapes.words.requirements import Relation

Wording = Literal["train", "test"]
"""Which frames and synonyms may be used: those that lessons are made of, or those that they never show."""

Form = Literal["phrase", "sentence"]

_SLOT = re.compile(r"\{([^{}]*)\}")
_FIXED = re.compile(r"([a-d]) (left of|right of|above|below|inside) ([a-d])")
_FOLDER = "omniagent.shapes.words.frames"
_GROUP = re.compile(r"[a-d]")


class Slot(NamedTuple):
    """`{not ab.side}`: the name `ab` in the form `side`, of something that is not meant; `{all|, }`: joined so."""

    name: str
    form: str = ""
    wrong: bool = False
    joined: str | None = None


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Limits(_Data):
    one: str = Field(default="", description="letters of the groups that are one object each")
    many: str = Field(default="", description="letters of the groups of several objects")
    same: Literal["shape", "colour"] | None = Field(default=None, description="what all groups have in common")
    differ: Literal["shape"] | None = Field(default=None, description="what no two groups have in common")
    groups: tuple[int, int] = Field(default=(1, 3), description="how many groups `{all}` may list")
    relations: tuple[str, ...] = Field(default=(), description="relations in the frame's own words, as `a above b`")
    places: dict[str, str] = Field(default_factory=dict[str, str], description="places in the frame's own words")


class _Written(_Limits):
    say: str


class _Section(_Limits):
    kind: str
    form: Form = "sentence"
    picture: bool = False
    train: tuple[str | _Written, ...]
    test: tuple[str | _Written, ...] = Field(min_length=1)


class Frame(_Limits):
    """One way to say something of its kind."""

    text: str
    kind: str
    form: Form
    wording: Wording
    picture: bool = False

    @property
    def parts(self) -> tuple[str | Slot, ...]:
        """The text and its slots, in order."""
        return _parts(self.text)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots alone."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def letters(self) -> tuple[str, ...]:
        """The groups that the frame names, in the order in which it does."""
        return _letters(self.text)

    @property
    def fixed(self) -> tuple[Relation, ...]:
        """The relations in the frame's own words; groups are numbered by their letters."""
        return tuple(_relation(text) for text in self.relations)


@cache
def _parts(text: str) -> tuple[str | Slot, ...]:
    pieces = _SLOT.split(text)
    return tuple(_slot(piece) if number % 2 else piece for number, piece in enumerate(pieces) if piece or number % 2)


def _slot(text: str) -> Slot:
    name, bar, joined = text.partition("|")
    wrong = name.startswith("not ")
    name, _, form = name.removeprefix("not ").partition(".")
    return Slot(name, form, wrong, joined if bar else None)


@cache
def _letters(text: str) -> tuple[str, ...]:
    slots = [part for part in _parts(text) if isinstance(part, Slot)]
    return tuple(dict.fromkeys(slot.name for slot in slots if _GROUP.fullmatch(slot.name)))


def _relation(text: str) -> Relation:
    found = _FIXED.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no relation of two groups; write it as 'a above b'")
    return Relation(first=ord(found[1]) - ord("a"), name=found[2], second=ord(found[3]) - ord("a"))


@cache
def all_frames() -> tuple[Frame, ...]:
    """Every frame of every file."""
    sections = TypeAdapter(tuple[_Section, ...])
    found: list[Frame] = []
    for file in sorted(resources.files(_FOLDER).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            for section in sections.validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))):
                found += _frames(section)
    return tuple(found)


def _frames(section: _Section) -> list[Frame]:
    common = section.model_dump(exclude={"train", "test"})
    wordings: tuple[tuple[Wording, tuple[str | _Written, ...]], ...] = (
        ("train", section.train),
        ("test", section.test),
    )
    return [_frame(common, one, wording) for wording, written in wordings for one in written]


def _frame(common: dict[str, object], written: str | _Written, wording: Wording) -> Frame:
    own = {} if isinstance(written, str) else written.model_dump(exclude={"say"}, exclude_unset=True)
    text = written if isinstance(written, str) else written.say
    return Frame.model_validate({**common, **own, "text": text, "wording": wording})


@cache
def frames_of(kind: str, wording: Wording, form: Form | None = None) -> tuple[Frame, ...]:
    """The frames of a kind that are used in such a wording, of one form or of both."""
    found = (one for one in all_frames() if one.kind == kind and one.wording == wording)
    return tuple(one for one in found if form in (None, one.form))
