"""GenEval 2: prompts of three to ten atoms, each asked about by itself (Soft-TIFA).

Source: A. Kamath et al., GenEval 2 (arXiv 2512.16853), facebookresearch/GenEval2. Its data are CC-BY-NC-4.0 and not
shipped.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.data.rows import numbered_lines
from omniagent.benchmarks.items import Item, check_keys
from omniagent.benchmarks.judgement import Judge, JudgeOptions
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, fault
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import RenderSettings

DATA_FILE: Final = "geneval2_data.jsonl"
MAP_FILE: Final = "image_paths.json"
"""From prompts to pictures, as the official script wants it."""

SKILLS: Final = ("object", "attribute", "count", "position", "verb")


class _Line(BaseModel):
    """A line of the official file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: str = Field(min_length=1)
    atom_count: int = Field(ge=1)
    vqa_list: tuple[tuple[str, str], ...] = Field(min_length=1)
    skills: tuple[str, ...] = ()


class GenEval2(Benchmark):
    """The headline is the geometric mean of a prompt's probabilities, averaged over prompts, in per cent."""

    name = "geneval2"
    title = "GenEval 2"
    source = "arXiv 2512.16853; github.com/facebookresearch/GenEval2"
    settings = RenderSettings(width=1024, height=1024)
    items_in_full = 800
    columns = (
        Column("Soft-TIFA GM", "GM", scale=100, main=True),
        Column("Soft-TIFA AM", "AM", scale=100),
        *(Column(skill, skill, scale=100, weight=f"questions: {skill}") for skill in SKILLS),
        *(Column(f"{atoms} atoms", "GM", group=str(atoms), scale=100) for atoms in range(3, 11)),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        path = _data_file(data)
        found: list[Item] = []
        for number, line in numbered_lines(path):
            try:
                told = _Line.model_validate_json(line)
            except ValidationError as error:
                raise BadSetting(f"line {number} of {cut(str(path))} is none of GenEval 2's: {fault(error)}") from error
            facts: dict[str, Any] = {"vqa_list": [list(pair) for pair in told.vqa_list], "skills": list(told.skills)}
            key = f"{len(found):04d}"
            found.append(Item(key=key, group=str(told.atom_count), prompt=told.prompt, mode="generate", facts=facts))
        return check_keys(found, str(path))

    def files(self, data: Path) -> list[Path]:
        return [_data_file(data)]

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}{f'_{number}' if number else ''}.png"

    def elsewhere(self, item: Item, number: int, folder: Path) -> str:
        named = _mapped(folder).get(item.prompt)
        if named is None or number:
            return super().elsewhere(item, number, folder)
        # The official map holds paths of the machine that drew: absolute ones, or ones relative to its own folder.
        given = Path(named)
        here = [given.relative_to(folder)] if given.is_relative_to(folder) else [given, Path(given.name)]
        inside = [each for each in here if not each.is_absolute() and ".." not in each.parts]
        return next((each for each in inside if (folder / each).is_file()), inside[-1]).as_posix()

    def finish(self, folder: Path, items: Sequence[Item]) -> None:
        told = {item.prompt: self.path(item, 0) for item in items if (folder / self.path(item, 0)).is_file()}
        write_whole(folder / MAP_FILE, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        from omniagent.benchmarks.judges.atoms import AtomJudge

        return AtomJudge(options)


def _data_file(data: Path) -> Path:
    if not (path := data / DATA_FILE).is_file():
        raise BadSetting(f"{cut(str(data))} holds no {DATA_FILE}; give a checkout of facebookresearch/GenEval2")
    return path


def _mapped(folder: Path) -> dict[str, str]:
    try:
        found: Any = json.loads((folder / MAP_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {
        str(key): str(value) for key, value in cast("dict[Any, Any]", found if isinstance(found, dict) else {}).items()
    }
