"""The lines of an output folder, of all processes that wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault


class Line(BaseModel):
    """A record of the published format; what else a line holds is kept as it is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    task_type: str
    instruction: str
    input_images: tuple[str, ...] | None = None
    output_image: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The paths of the input pictures; none of text-to-image records."""
        return self.input_images or ()


class Placed(NamedTuple):
    """A line with where it stands; `line` is None where it cannot be read, and `problem` then says why."""

    place: str
    line: Line | None
    problem: str


def records_in(folder: Path, kinds: tuple[str, ...] = ("train", "test")) -> Iterator[Placed]:
    """All records of an output folder, in the order of their files.

    Raises:
        BadSetting: the folder holds no record files.
    """
    files = sorted(path for kind in kinds for path in (folder / kind).glob("*.jsonl"))
    if not files:
        raise BadSetting(f"{folder} holds no {' or '.join(f'{kind}/*.jsonl' for kind in kinds)}; give a build's output")
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                place = f"{file.relative_to(folder).as_posix()}:{number}"
                try:
                    yield Placed(place, Line.model_validate(json.loads(text)), "")
                except ValidationError as error:
                    yield Placed(place, None, fault(error))
                except ValueError as error:
                    yield Placed(place, None, str(error))
