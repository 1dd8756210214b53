"""DPG-Bench: long prompts, four pictures each in one grid, judged by questions that depend on one another.

Source: ELLA (arXiv 2403.05135) and the folder `dpg_bench` of TencentQQGYLab/ELLA (Apache-2.0).
"""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from PIL import Image

from omniagent.benchmarks.base import Benchmark, Column, of_any_type
from omniagent.benchmarks.data.rows import safe_name, words_of
from omniagent.benchmarks.items import Item, Look, check_keys
from omniagent.benchmarks.judgement import Identity, Judge, Judgement, JudgeOptions
from omniagent.benchmarks.judges.asks import Ask, Read
from omniagent.benchmarks.judges.dependencies import Question, by_category, zeroed
from omniagent.benchmarks.judges.derived import DerivedJudge
from omniagent.benchmarks.judges.pictures import opened
from omniagent.benchmarks.judges.vlm import VlmJudge
from omniagent.model.errors import BadSetting
from omniagent.model.mllm.yes_no import spoken_answer
from omniagent.model.wording import cut
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.store import png_bytes
from omniagent.tools.types import RenderSettings

CSV_FILE: Final = "dpg_bench.csv"
CATEGORIES: Final = ("global", "entity", "attribute", "relation", "other")
CELLS: Final = 4
ASKED: Final = "{question} Answer yes or no."
_NEEDED: Final = ("item_id", "text", "proposition_id", "dependency", "tuple", "question_natural_language")


class Dpg(Benchmark):
    """The headline is the mean over pictures of the share of questions that hold, in per cent.

    Categories are means over all questions of a category, of all four pictures and after zeroing; with `as_published`
    of the last picture alone and before zeroing, and without the first row of the file.

    A prompt with a question that depends on one that is not there has no score, as in the published script, which fails
    on it and goes on; its pictures are counted as unreadable, and nothing is asked about them.
    """

    name = "dpg"
    title = "DPG-Bench"
    source = "arXiv 2403.05135; github.com/TencentQQGYLab/ELLA, dpg_bench/"
    samples = CELLS
    settings = RenderSettings(width=1024, height=1024)
    items_in_full = 1065
    columns = (
        *(Column(name.capitalize(), name, scale=100, weight=f"questions: {name}") for name in CATEGORIES),
        Column("Overall", "score", scale=100, main=True),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        path = _csv_file(data)
        rows: dict[str, list[dict[str, str]]] = {}
        first = ""
        for number, row in enumerate(_rows(path), start=2):
            name = safe_name(row["item_id"].strip(), f"the item_id of row {number}")
            if rows and name in rows and next(reversed(rows)) != name:
                raise BadSetting(f"row {number} of {cut(str(path))} is of {name}, which had ended; sort the file")
            rows.setdefault(name, []).append(row)
            first = first or name
        found: list[Item] = []
        for name, of_item in rows.items():
            questions = [_question(row, path) for row in of_item]
            facts: dict[str, Any] = {"questions": [each.facts for each in questions], "first": name == first}
            if (lacks := _lacking(questions)) is not None:
                facts["lacks"] = f"{name}: question {lacks[0]} depends on {lacks[1]}, which {CSV_FILE} does not hold"
            written = path.parent / "prompts" / f"{name}.txt"
            if written.is_file():
                prompt = words_of(written.read_text(encoding="utf-8").strip(), "prompt", cut(str(written)))
            else:
                prompt = words_of(of_item[0]["text"].strip(), "text", f"{cut(str(path))}, item {name}")
            found.append(Item(key=name, prompt=prompt, mode="generate", facts=facts))
        return check_keys(found, str(path))

    def files(self, data: Path) -> list[Path]:
        path = _csv_file(data)
        return [path, *sorted((path.parent / "prompts").glob("*.txt"))]

    def path(self, item: Item, number: int) -> str:
        return f"cells/{item.key}_{number}.png"

    def elsewhere(self, item: Item, number: int, folder: Path) -> str:
        return of_any_type(folder, f"{item.key}.png")

    def finish(self, folder: Path, items: Sequence[Item]) -> None:
        for item in items:
            cells = [folder / self.path(item, number) for number in range(CELLS)]
            grid = folder / f"{item.key}.png"
            if all(cell.is_file() for cell in cells) and not grid.is_file():
                write_whole(grid, png_bytes(grid_of([opened(cell) for cell in cells])))

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        identity = Identity(
            name="vlm",
            settings={"wording": hashlib.sha256(ASKED.encode()).hexdigest()[:16]},
            differs=(
                "not comparable with published rows: these were judged by mPLUG-large, whose answers differ from those "
                "of other models by several points",
            ),
        )

        def derive(look: Look, made: Judgement) -> Judgement:
            return scores_of(look, made, as_published=options.as_published)

        return DerivedJudge(VlmJudge(identity, options, _asks, _yes_in), derive)


def grid_of(cells: Sequence[Image.Image]) -> Image.Image:
    """Four pictures in one, row by row, each at the size of the first."""
    width, height = cells[0].size
    grid = Image.new("RGB", (2 * width, 2 * height))
    for number, cell in enumerate(cells):
        fitted = cell if cell.size == (width, height) else cell.resize((width, height))
        grid.paste(fitted, (number % 2 * width, number // 2 * height))
    return grid


def cell_of(look: Look) -> Image.Image:
    """The picture of a sample: its own file, or its quarter of the official grid."""
    picture = opened(look.picture)
    if look.sample.path.startswith("cells/"):
        return picture
    width, height = picture.width // 2, picture.height // 2
    left, top = look.sample.number % 2 * width, look.sample.number // 2 * height
    return picture.crop((left, top, left + width, top + height))


def questions_of(item: Item) -> list[Question]:
    """The questions about an item, in the order of the file."""
    listed = cast("list[Any]", item.facts["questions"])
    return [
        Question(int(n), tuple(int(p) for p in parents), str(kind), str(words)) for n, parents, kind, words in listed
    ]


def scores_of(look: Look, made: Judgement, *, as_published: bool = False) -> Judgement:
    """A picture's score and its categories, from the answers to its questions, 1 for yes."""
    item, answers = look.sample.item, {int(name): value for name, value in made.scores.items()}
    if (lacks := item.facts.get("lacks")) is not None:
        return made.model_copy(update={"outcome": "unreadable", "reason": str(lacks)})
    questions = questions_of(item)
    if as_published and item.facts["first"]:
        questions = questions[1:]
    answers = {question.number: answers[question.number] for question in questions}
    try:
        counted = zeroed(answers, questions)
        score = sum(counted.values()) / len(counted)
    except (KeyError, ZeroDivisionError):
        # The official script leaves the first row out, fails on what depends on it, and goes on without the prompt.
        why = "as published: the file's first row is skipped, and questions of this prompt depend on it"
        return made.model_copy(update={"outcome": "unreadable", "scores": {}, "reason": why})
    scores = {"score": score}
    if not as_published or look.sample.number == CELLS - 1:
        for name, (mean, number) in by_category(answers if as_published else counted, questions).items():
            scores |= {name: mean, f"questions: {name}": float(number)}
    evidence = tuple(
        f"{question.words} {'yes' if answers[question.number] else 'no'}"
        f"{', counts 0' if counted[question.number] != answers[question.number] else ''}"
        for question in questions
    )
    return made.model_copy(update={"scores": scores, "evidence": evidence, "reason": ""})


def _asks(look: Look) -> Sequence[Ask]:
    if "lacks" in look.sample.item.facts:
        return ()
    picture = png_bytes(cell_of(look))
    return [
        Ask(str(question.number), ASKED.format(question=question.words), (picture,), kind="png", tokens=16)
        for question in questions_of(look.sample.item)
    ]


def _yes_in(ask: Ask, answer: str) -> Read | None:
    said = spoken_answer(answer)
    return None if said is None else Read({ask.name: said})


def _csv_file(data: Path) -> Path:
    for path in (data / CSV_FILE, data / "dpg_bench" / CSV_FILE):
        if path.is_file():
            return path
    raise BadSetting(f"{cut(str(data))} holds no {CSV_FILE}; give a checkout of TencentQQGYLab/ELLA, or its dpg_bench")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if lacking := [name for name in _NEEDED if name not in (reader.fieldnames or ())]:
                raise BadSetting(f"{cut(str(path))} has no column {lacking[0]}; give DPG-Bench's own file")
            return [{name: row[name] or "" for name in _NEEDED} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadSetting(f"{cut(str(path))} cannot be read: {error}") from error


def _lacking(questions: Sequence[Question]) -> tuple[int, int] | None:
    """The first question that depends on one that is not there, and which that is; None where there is none."""
    numbers = {question.number for question in questions}
    return next(((each.number, one) for each in questions for one in each.parents if one not in numbers), None)


def _question(row: dict[str, str], path: Path) -> Question:
    try:
        number = int(row["proposition_id"])
        parents = tuple(int(each) for each in row["dependency"].split(",") if int(each))
    except ValueError as error:
        raise BadSetting(
            f"{cut(str(path))}, item {row['item_id']}: {row['proposition_id']!r} with the dependency "
            f"{row['dependency']!r} is no question of DPG-Bench ({error})"
        ) from error
    category = row["tuple"].partition("(")[0].strip().lower()
    return Question(number, parents, category, row["question_natural_language"].strip())
