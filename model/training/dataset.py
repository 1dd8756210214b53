"""Training examples in the published file format: JSON lines of instructions and pictures, mixed by YAML files.

A record holds `task_type`, `instruction`, `output_image` and, where there are any, `input_images`; a mix holds
`data`, a list of sources with `path` (JSON lines, another mix, or a folder of them), `ratio` and `type`. Paths of
pictures are relative to a folder that the caller names; paths of sources to the file that names them.

Ratios are honoured here. The published loader ignores them: it joins all sources whole, so the same mix trains on
other shares there.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, cast

import torch
import yaml
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.mllm.prompts import (
    DRAW_SYSTEM_PROMPT,
    MAX_TEXT_TOKENS,
    UNCONDITIONAL_SYSTEM_PROMPT,
    Tokenizer,
    chat_prompt,
    tokenize,
)
from omniagent.model.pictures import Size, preprocess, reference_size
from omniagent.model.wording import fault

LEAD_INS = tuple(f"The image {verb} " for verb in ("portrays", "depicts", "captures", "highlights", "shows"))
"""Openings of captions that say nothing about what to draw."""


class Record(BaseModel):
    """One line of a source. Where `used_instruction` names another field, that one holds the instruction."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_type: str
    instruction: str
    output_image: str
    input_images: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: object) -> object:
        if not isinstance(values, dict) or "used_instruction" not in values:
            return values
        fields = cast("dict[str, object]", values)
        if not isinstance(name := fields["used_instruction"], str) or name not in fields:
            raise ValueError(f"used_instruction names {name!r}, which is no field of this record")
        return fields | {"instruction": fields[name]}


class ItemRules(BaseModel):
    """How records become examples.

    The sides of pictures are cut to multiples of `side_step`; larger ones are shrunk to the limits, never enlarged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_output_pixels: int = Field(default=1024 * 1024, ge=256)
    max_input_pixels: tuple[int, ...] = Field(
        default=(1024 * 1024, 512 * 512, 512 * 512, 384 * 384, 384 * 384),
        min_length=1,
        description="limit for one input picture, for each of two, and so on; the last one holds for more",
    )
    max_side_length: int = Field(default=2048, ge=16, le=4096)
    side_step: int = Field(default=16, ge=1)
    prompt_dropout: float = Field(default=0.0, ge=0, le=1)
    reference_dropout: float = Field(default=0.0, ge=0, le=1, description="of those whose prompt was dropped")
    lead_in_removal: float = Field(default=0.5, ge=0, le=1, description="of text-to-image captions that have one")


@dataclass(frozen=True, slots=True)
class ChatExample:
    """What the network learns from: pictures (1, 3, H, W) in [-1, 1] and a whole chat string."""

    task_type: str
    chat: str
    output: torch.Tensor
    inputs: tuple[torch.Tensor, ...]
    output_file: str
    input_files: tuple[str, ...]


class Source(NamedTuple):
    """Records that share one share of the draws, and where each was read, as `file:line`.

    `pictures` is the folder that a mix names for their pictures; None where none does.
    """

    records: tuple[Record, ...]
    share: float
    places: tuple[str, ...]
    pictures: Path | None = None


class MixedDataset:
    """All records of a mix. A record is turned into an example when it is asked for.

    Args:
        mix: A YAML mix, or a single JSON-lines file.
        pictures: Folder that paths of pictures are relative to; None means what a mix names for a source as `pictures`
            (relative to that mix), else the folder `mix` lies in.
        rules: How records become examples.

    Attributes:
        sources: Records by source, with their shares of draws, which add up to 1.
        records: The same one after the other.
        places: Where each of them was read, as `file:line`.
    """

    def __init__(self, mix: Path, pictures: Path | None = None, rules: ItemRules | None = None) -> None:
        """Read the records.

        Raises:
            BadSetting: a file is missing or broken, a ratio is negative, or there are no records.
        """
        self._rules = rules or ItemRules()
        self.sources = tuple(_sources(mix))
        self.records = tuple(record for source in self.sources for record in source.records)
        self._folders = tuple(
            pictures or source.pictures or mix.parent for source in self.sources for _ in source.records
        )
        self.places = tuple(place for source in self.sources for place in source.places)
        if not any(source.records and source.share for source in self.sources):
            raise BadSetting(f"{mix} holds no records to draw; give one with at least one line, whose ratio is not 0")

    def __len__(self) -> int:
        return len(self.records)

    def under(self, rules: ItemRules) -> MixedDataset:
        """The same records, turned into examples by other rules."""
        changed = copy.copy(self)
        changed._rules = rules
        return changed

    def digest(self) -> str:
        """SHA-256, in hex, of all records and their shares; what the pictures show is not part of it."""
        found = hashlib.sha256()
        for source in self.sources:
            found.update(f"{source.share!r} {len(source.records)}\n".encode())
            for record in source.records:
                found.update(record.model_dump_json().encode() + b"\n")
        return found.hexdigest()

    def check_pictures(self) -> None:
        """Return if every picture that a record names is a file; none is opened.

        Raises:
            BadImage: naming the first record whose picture is missing.
        """
        seen: set[Path] = set()
        for place, record, folder in zip(self.places, self.records, self._folders, strict=True):
            for path in {folder / name for name in (record.output_image, *(record.input_images or ()))} - seen:
                if not path.is_file():
                    raise BadImage(f"{place} names the training picture {path}, which is missing")
                seen.add(path)

    def draws(self, seed: int) -> Iterator[int]:
        """Endless numbers of records: a source by its share, then one of its records, each once before any again."""
        random, starts = Random(seed), [0]
        for source in self.sources:
            starts.append(starts[-1] + len(source.records))
        left: list[list[int]] = [[] for _ in self.sources]
        # A source without records has nothing to draw.
        shares = [source.share if source.records else 0.0 for source in self.sources]
        while True:
            (chosen,) = random.choices(range(len(self.sources)), shares)
            if not left[chosen]:
                left[chosen] = list(range(starts[chosen], starts[chosen + 1]))
                random.shuffle(left[chosen])
            yield left[chosen].pop()

    def example(self, number: int, random: Random) -> ChatExample:
        """The example of record `number`; `random` decides what is dropped.

        A dropped prompt is an empty turn under the system line for drawing anything; references go only with it.

        Raises:
            BadImage: a picture is missing, broken or too small; the message names the record.
        """
        record, rules = self.records[number], self._rules
        instruction = record.instruction
        if "t2i" in record.task_type or "text_to_image" in record.task_type:
            instruction = _without_lead_in(instruction) if random.random() < rules.lead_in_removal else instruction
        dropped = random.random() < rules.prompt_dropout
        alone = dropped and random.random() < rules.reference_dropout
        names = () if alone else record.input_images or ()
        limit = rules.max_input_pixels[min(len(names), len(rules.max_input_pixels)) - 1]
        return ChatExample(
            record.task_type,
            chat_prompt("", UNCONDITIONAL_SYSTEM_PROMPT) if dropped else chat_prompt(instruction, DRAW_SYSTEM_PROMPT),
            self._picture(number, record.output_image, rules.max_output_pixels),
            tuple(self._picture(number, name, limit) for name in names),
            record.output_image,
            names,
        )

    def _picture(self, number: int, name: str, max_pixels: int) -> torch.Tensor:
        path, rules = self._folders[number] / name, self._rules
        try:
            with Image.open(path) as picture:
                rgb = picture.convert("RGB")
            size = reference_size(Size(rgb.height, rgb.width), max_pixels, rules.max_side_length, rules.side_step)
        except (OSError, UnidentifiedImageError, BadImage, Image.DecompressionBombError) as error:
            raise BadImage(f"the training picture {path} of {self.places[number]} cannot be used: {error}") from error
        return preprocess(rgb, size)


def collate_texts(
    tokenizer: Tokenizer, examples: Sequence[ChatExample], max_tokens: int = MAX_TEXT_TOKENS
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (B, L) of a batch, padded and cut on the right; pictures stay lists of their own sizes."""
    return tokenize(tokenizer, [example.chat for example in examples], max_tokens)


def _without_lead_in(text: str) -> str:
    return next((text.removeprefix(opening) for opening in LEAD_INS if text.startswith(opening)), text)


def _sources(path: Path, above: tuple[Path, ...] = ()) -> Iterator[Source]:
    """Sources below `path`; their shares add up to 1. `above` are the mixes that led here."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in (".json", ".jsonl"))
    elif path.suffix in (".json", ".jsonl"):
        files = [path]
    elif path.suffix in (".yml", ".yaml"):
        if path.resolve() in above:
            raise BadSetting(f"{path} is a mix that names itself; take it out of its own sources")
        yield from _mixed(path, (*above, path.resolve()))
        return
    else:
        raise BadSetting(f"{path} is no source of training records; give .jsonl, .json, .yml, .yaml or a folder")
    read = [found for file in files for found in _records(file)]
    yield Source(tuple(record for _, record in read), 1.0, tuple(place for place, _ in read))


def _mixed(path: Path, above: tuple[Path, ...]) -> Iterator[Source]:
    text = _read(path)
    try:
        mix: Any = yaml.safe_load(text)
        entries = [
            (path.parent / str(each["path"]), float(each.get("ratio", 1.0)), each.get("pictures"))
            for each in mix["data"]
        ]
    except (yaml.YAMLError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise BadSetting(f"{path} is no mix ({error!r}); it needs data: a list of path, ratio and type") from error
    total = sum(ratio for _, ratio, _ in entries)
    if any(ratio < 0 for _, ratio, _ in entries) or not 0 < total < math.inf:
        raise BadSetting(f"{path} has ratios {[ratio for _, ratio, _ in entries]}; give numbers from 0, not all 0")
    for below, ratio, pictures in entries:
        own = None if pictures is None else path.parent / str(pictures)
        for source in _sources(below, above):
            # What the inner mix says of its own pictures stands.
            yield source._replace(share=source.share * ratio / total, pictures=source.pictures or own)


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    # Not splitlines: a text may hold other characters that end a line.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if line.strip():
            try:
                yield f"{path}:{number}", Record.model_validate(json.loads(line))
            except ValidationError as error:
                raise BadSetting(f"{path}:{number} is no training record: {fault(error)}") from error
            except (ValueError, RecursionError) as error:
                raise BadSetting(f"{path}:{number} is no training record: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from error
