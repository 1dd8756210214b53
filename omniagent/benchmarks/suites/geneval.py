"""GenEval: objects, counts, colours and positions, judged by a detector.

Source: D. Ghosh, H. Hajishirzi, L. Schmidt, GenEval (arXiv 2310.11513), github.com/djghosh13/geneval (MIT).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.data.rows import numbered_lines
from omniagent.benchmarks.items import Item, check_keys
from omniagent.benchmarks.judgement import Judge, JudgeOptions
from omniagent.benchmarks.judges.geneval_rules import Metadata
from omniagent.benchmarks.statistics import mean_of_strata
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, fault, unknown
from omniagent.tools.types import RenderSettings

METADATA_FILE: Final = "evaluation_metadata.jsonl"
SHIPPED: Final = Path(__file__).parents[1] / "shipped" / "geneval"
"""Prompts and class names, with their notice."""

TAGS: Final = {
    "single_object": "single object",
    "two_object": "two object",
    "counting": "counting",
    "colors": "colors",
    "position": "position",
    "color_attr": "color attribution",
}


class GenEval(Benchmark):
    name = "geneval"
    title = "GenEval"
    source = "arXiv 2310.11513; github.com/djghosh13/geneval"
    local = True
    samples = 4
    settings = RenderSettings(width=1024, height=1024)
    items_in_full = 553
    right = "correct"
    columns = (
        *(Column(label, "correct", group=tag) for tag, label in TAGS.items()),
        Column("overall", "correct", aggregate=mean_of_strata, main=True),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        path = metadata_file(data)
        found: list[Item] = []
        for number, line in numbered_lines(path):
            try:
                told = Metadata.model_validate_json(line)
            except ValidationError as error:
                raise BadSetting(f"line {number} of {cut(str(path))} is none of GenEval's: {fault(error)}") from error
            if told.tag not in TAGS:
                raise BadSetting(f"line {number} of {cut(str(path))} has the tag {unknown(told.tag, TAGS)}")
            key = f"{len(found):05d}"
            facts: dict[str, Any] = json.loads(line)
            found.append(Item(key=key, group=told.tag, prompt=told.prompt, mode="generate", facts=facts))
        return check_keys(found, str(path))

    def files(self, data: Path) -> list[Path]:
        return [metadata_file(data)]

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}/samples/{number:04d}.png"

    def companions(self, item: Item) -> Mapping[str, bytes]:
        return {f"{item.key}/metadata.jsonl": json.dumps(item.facts).encode() + b"\n"}

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        from omniagent.benchmarks.judges.geneval import GenEvalJudge

        return GenEvalJudge(options, SHIPPED.joinpath("object_names.txt").read_text(encoding="utf-8").splitlines())


def metadata_file(data: Path) -> Path:
    """The prompts: those in the folder of the data, else those that come with the package."""
    own = next((path for path in (data / METADATA_FILE, data / "prompts" / METADATA_FILE) if path.is_file()), None)
    return own or SHIPPED / METADATA_FILE
