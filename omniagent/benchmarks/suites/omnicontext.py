"""OmniContext: pictures from characters, objects and scenes of given pictures, judged by a vision model.

Source: OmniGen2 (arXiv 2506.18871), section 4, and the folder `omnicontext` of VectorSpaceLab/OmniGen2.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from omniagent.benchmarks.base import Benchmark, Column, HubData
from omniagent.benchmarks.data.rows import picture_of, read_rows, row_files, safe_name
from omniagent.benchmarks.items import Item, Look, check_keys
from omniagent.benchmarks.judgement import Identity, Judge, JudgeOptions
from omniagent.benchmarks.judges.answers import json_in, number_in, with_mean
from omniagent.benchmarks.judges.asks import Ask, Read
from omniagent.benchmarks.judges.pictures import given, jpeg, opened, within
from omniagent.benchmarks.judges.vlm import VlmJudge
from omniagent.benchmarks.judges.wording import Wording, constants_of
from omniagent.benchmarks.statistics import mean_of_strata
from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.tools.types import RenderSettings

TASKS: Final = {
    "single_character": "single char",
    "single_object": "single obj",
    "multi_character": "multi char",
    "multi_object": "multi obj",
    "multi_character_object": "multi char+obj",
    "scene_character": "scene char",
    "scene_object": "scene obj",
    "scene_character_object": "scene char+obj",
}
_NEGATIVE: Final = (
    "(((deformed))), blurry, over saturation, bad anatomy, disfigured, poorly drawn face, mutation, mutated, "
    "(extra_limb), (ugly), (poorly drawn hands), fused fingers, messy drawing, broken legs censor, censored, censor_bar"
)
_RULE: Final = "_prompts_0shot_in_context_generation_rule_"
_CONTEXT: Final = "_context_no_delimit"
_KINDS: Final = ("Single_and_Multiple", "Scene")
_PARTS: Final = ("PF", "SC")
WORDING: Final = (_CONTEXT, *(f"{_RULE}{part}_{kind}" for part in _PARTS for kind in _KINDS))
"""The constants of the official `prompt_generator.py` that the judge is asked in."""


class OmniContext(Benchmark):
    name = "omnicontext"
    title = "OmniContext"
    source = "arXiv 2506.18871; github.com/VectorSpaceLab/OmniGen2, omnicontext/"
    hub = HubData("OmniGen2/OmniContext", ("*.parquet", "**/*.parquet"))
    items_in_full = 400
    needs_wording = "a checkout of VectorSpaceLab/OmniGen2 (Apache-2.0), or its omnicontext/prompt_generator.py"
    settings = RenderSettings(
        width=1024, height=1024, steps=50, text_guidance=5.0, image_guidance=2.0, negative=_NEGATIVE
    )
    columns = (
        *(Column(label, "overall", group=task) for task, label in TASKS.items()),
        Column("average", "overall", aggregate=mean_of_strata, main=True),
        Column("PF", "PF", aggregate=mean_of_strata),
        Column("SC", "SC", aggregate=mean_of_strata),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        found: list[Item] = []
        for row in read_rows(data, ("key", "task_type", "instruction", "input_images"), "train"):
            task = safe_name(str(row["task_type"]), "the task type")
            key = safe_name(str(row["key"]), "the key")
            if task not in TASKS:
                raise BadSetting(f"the task type {shown(task)} is not known; give OmniContext's own data")
            if row.get("instruction_language", "en") != "en":
                continue
            images = tuple(picture_of(one, data, work) for one in row["input_images"])
            # A file of the official layout is named by both, so keys of two tasks may be equal.
            found.append(
                Item(key=f"{task}/{key}", group=task, prompt=row.words("instruction"), images=images, mode="compose")
            )
        return check_keys(found, str(data))

    def files(self, data: Path) -> list[Path]:
        return row_files(data, "train")

    def path(self, item: Item, number: int) -> str:
        return f"fullset/{item.key}{f'_{number}' if number else ''}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        words = constants_of(
            options.wording,
            "omnicontext/prompt_generator.py",
            WORDING,
            repository="github.com/VectorSpaceLab/OmniGen2",
        )
        identity = Identity(name="vlm", settings={"wording": words.digest})

        def asks(look: Look) -> Sequence[Ask]:
            return asks_of(look, words)

        return VlmJudge(
            identity, options, asks, score_in, combine=with_mean("overall"), published="GPT-4.1", faults=(3, 0, 10)
        )


def asks_of(look: Look, words: Wording) -> list[Ask]:
    """The two questions about a picture: how it follows the words, and whether the subjects are those of the inputs.

    Inputs are shrunk to a megapixel, sides to multiples of 16; all pictures go as JPEG, the output last.
    """
    item = look.sample.item
    pictures = [within(given(path), 1024 * 1024, 16) for path in item.images] + [opened(look.picture)]
    files = tuple(jpeg(picture) for picture in pictures)
    kind = _KINDS["scene" in item.group]
    return [
        Ask(
            part,
            (words.texts[_CONTEXT] + words.texts[f"{_RULE}{part}_{kind}"]).replace("<instruction>", item.prompt),
            files,
        )
        for part in _PARTS
    ]


def score_in(ask: Ask, answer: str) -> Read | None:
    """The score, 0 to 10, of an answer in JSON, or of one that is a number alone."""
    found = json_in(answer)
    if found is None:
        score = number_in(answer.strip(), 0, 10)
        return None if score is None else Read({ask.name: score})
    score = number_in(found.get("score"), 0, 10)
    return None if score is None else Read({ask.name: score}, str(found.get("reasoning", "")))
