"""GEdit-Bench: edits of real photographs in English and Chinese, judged by VIEScore.

Source: Step1X-Edit (arXiv 2504.17761) and the folder `GEdit-Bench` of stepfun-ai/Step1X-Edit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from omniagent.benchmarks.base import Benchmark, Column, HubData
from omniagent.benchmarks.data.rows import picture_of, read_rows, row_files, safe_name
from omniagent.benchmarks.items import Item, Look, check_keys
from omniagent.benchmarks.judgement import Judge, Judgement, JudgeOptions
from omniagent.benchmarks.judges.pictures import given
from omniagent.benchmarks.statistics import mean_of_strata
from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.tools.record.store import png_bytes

GROUPS: Final = (
    "background_change", "color_alter", "material_alter", "motion_change", "ps_human", "style_change", "subject-add",
    "subject-remove", "subject-replace", "text_change", "tone_transfer",
)  # fmt: skip
LANGUAGES: Final = ("en", "cn")
_PARTS: Final = ("SC", "PQ", "O")


def columns_of(headline: str) -> tuple[Column, ...]:
    """G_SC, G_PQ and G_O of both languages, over the full set and over instructions that both languages have."""
    return tuple(
        Column(
            f"{language.upper()} {within}G_{part}",
            f"{language} {within}{part}",
            aggregate=mean_of_strata,
            digits=3,
            main=(language, within, part) == (headline, "", "O"),
        )
        for language in LANGUAGES
        for within in ("", "intersection ")
        for part in _PARTS
    )


class GEdit(Benchmark):
    """Both languages; totals are means of the means of eleven groups."""

    name = "gedit"
    title = "GEdit-Bench"
    source = "arXiv 2504.17761; github.com/stepfun-ai/Step1X-Edit, GEdit-Bench/"
    hub = HubData("stepfun-ai/GEdit-Bench", ("*.parquet", "**/*.parquet"))
    items_in_full = 1212
    columns = columns_of("en")
    rows_of = "gedit-en"
    languages: ClassVar[tuple[str, ...]] = LANGUAGES

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        found: list[Item] = []
        needed = ("key", "task_type", "instruction", "instruction_language", "input_image", "Intersection_exist")
        for row in read_rows(data, needed, "train"):
            group, language = str(row["task_type"]), str(row["instruction_language"])
            if group not in GROUPS or language not in LANGUAGES:
                raise BadSetting(f"{shown(group)} in {shown(language)} is not known; give GEdit-Bench's own data")
            if language not in self.languages:
                continue
            source = picture_of(row["input_image"], data, work)
            given = row.get("input_image_raw") or row["input_image"]
            found.append(
                Item(
                    key=f"{group}/{language}/{safe_name(str(row['key']), 'the key')}",
                    group=group,
                    prompt=row.words("instruction"),
                    images=(picture_of(given, data, work),),
                    mode="edit",
                    source=source,
                    facts={
                        "language": language,
                        "intersection": bool(row["Intersection_exist"]),
                    },
                )
            )
        return check_keys(found, str(data))

    def files(self, data: Path) -> list[Path]:
        return row_files(data, "train")

    def path(self, item: Item, number: int) -> str:
        # What draws several edits an item, EditScore's scripts among them, calls the further ones so.
        return f"fullset/{item.key}{f'_sample{number}' if number else ''}.png"

    def companions(self, item: Item) -> Mapping[str, bytes]:
        return {f"fullset/{item.key}_SRCIMG.png": png_bytes(given(item.source or item.images[0]))}

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        from omniagent.benchmarks.judges.derived import DerivedJudge
        from omniagent.benchmarks.judges.viescore import viescore_judge

        return DerivedJudge(viescore_judge(options), by_language)


class GEditEnglish(GEdit):
    """The English half, which most papers give."""

    name = "gedit-en"
    title = "GEdit-Bench-EN"
    items_in_full = 606
    columns = tuple(column for column in columns_of("en") if column.label.startswith("EN"))
    languages = ("en",)


class GEditChinese(GEdit):
    """The Chinese half."""

    name = "gedit-cn"
    title = "GEdit-Bench-CN"
    items_in_full = 606
    columns = tuple(column for column in columns_of("cn") if column.label.startswith("CN"))
    rows_of = ""
    languages = ("cn",)


def by_language(look: Look, made: Judgement) -> Judgement:
    """The scores under the names of their columns, those of the intersection twice."""
    facts = look.sample.item.facts
    within = ("", "intersection ") if facts["intersection"] else ("",)
    scores = {f"{facts['language']} {each}{part}": value for each in within for part, value in made.scores.items()}
    return made.model_copy(update={"scores": scores})
