"""Critics that judge badly: whatever they answer, a run ends for a known reason and keeps its best picture."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import CRITICS
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written
from omniagent.runs.result import Result
from omniagent.runs.status import describe
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.forms import ChecklistForm, Line, RepairForm, RewriteForm
from omniagent.tools.record.trace import RunEnded
from omniagent.tools.types import Budget, Evidence

DRAW: Final = 'Two foxes left of a tent, with a sign that says "OPEN"'
CHANGE: Final = 'Add two foxes left of the tent and a sign that says "OPEN"'
LINES: Final = (
    Line(kind="presence", question="Is there a tent?"),
    Line(kind="count", question="Are there exactly two foxes?"),
    Line(kind="relation", question="Are the foxes left of the tent?"),
    Line(kind="text", question='Does the sign say "OPEN"?'),
)
FOX: Final = '{"bbox_2d": [4, 40, 30, 60], "label": "fox"}'
FOXES: Final = (
    f'[{FOX}, {{"bbox_2d": [4, 70, 30, 90], "label": "fox"}}, {{"bbox_2d": [70, 40, 120, 100], "label": "tent"}}]'
)
"""What a critic sees that sees truly: both foxes, left of the tent."""


@dataclass(frozen=True)
class Odd:
    """How a critic answers: p(yes), boxes, what it reads, which option it chooses (None: it says something else)."""

    says: Callable[[str], float] = lambda question: 0.95
    boxes: str = FOXES
    reads: str = "OPEN"
    chooses: Callable[[tuple[str, ...]], str | None] = lambda options: "2" if "2" in options else options[0]

    def critic(self) -> ScriptedCritic:
        def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
            if schema is ChecklistForm:
                return ChecklistForm(facts=("two foxes", "a tent", "a sign"), checklist=LINES)
            if schema is RewriteForm:
                return RewriteForm(instruction=DRAW)
            if schema is RepairForm:
                return RepairForm(seen="a tent", instruction="Add two foxes left of the tent.", scope="local")
            return self.boxes if "bbox_2d" in str(prompt.parts[-1]) else self.reads

        def choose(prompt: Prompt, options: tuple[str, ...]) -> str:
            if (chosen := self.chooses(options)) is None:
                raise CriticBadOutput("the critic says “a few”, which is none of the options")
            return chosen

        return ScriptedCritic(
            lambda prompt, question: self.says(question), write, choices=choose, profile=CRITICS["qwen2.5-vl"]
        )


def at_random() -> Callable[[str], float]:
    draw = random.Random(7)
    return lambda question: draw.random()


def boxed(corners: str) -> str:
    return f'[{{"bbox_2d": {corners}, "label": "fox"}}, {{"bbox_2d": {corners}, "label": "tent"}}]'


UNREADABLE: Final = {
    "boxes outside": Odd(boxes=boxed("[4000, 4000, 4100, 4100]")),
    "negative boxes": Odd(boxes=boxed("[-50, -60, 20, 20]")),
    "boxes as text": Odd(boxes=boxed('"left half, near the middle"')),
    "counts for boxes": Odd(boxes="There are three foxes and a tent."),
    "a torn list": Odd(boxes=f"[{FOX}, {{"),
}
ODD: Final = UNREADABLE | {
    "always yes": Odd(boxes="[]", reads="yes", chooses=lambda options: options[-1]),
    "always no": Odd(says=lambda question: 0.02, boxes="[]", reads="", chooses=lambda options: options[0]),
    "random": Odd(says=at_random(), chooses=lambda options: random.Random(len(options)).choice(options)),
    "swapped boxes": Odd(boxes=FOXES.replace("[4, 40, 30, 60]", "[30, 60, 4, 40]")),
    "counts as words": Odd(chooses=lambda options: None),
    "reads nothing": Odd(reads=""),
    "prefers the first": Odd(chooses=lambda options: options[0]),
    "not a number": Odd(says=lambda question: float("nan")),
    "in percent": Odd(says=lambda question: 95.0),
}
ENDS: Final = ("accepted", "unchecked", "round_limit", "stagnation", "oscillation", "critic_unavailable")


def ran(folder: Path, odd: Odd, *, edit: bool) -> Result:
    agent = Agent(
        generator=ScriptedGenerator(),
        critic=odd.critic(),
        runs_dir=folder,
        config=Config(tools=ToolConfig(backoff=0)),
        budget=Budget(max_rounds=2),
    )
    given = [Image.effect_noise((128, 128), 90).convert("RGB")] if edit else []
    return agent.run(CHANGE if edit else DRAW, given, seed=3)


def evidence(result: Result, instrument: str) -> list[Evidence]:
    return [
        one
        for critique in result.critiques
        for verdict in critique.verdicts
        for one in verdict.evidence
        if one.instrument == instrument
    ]


@pytest.mark.slow
@pytest.mark.parametrize("edit", [False, True], ids=["generate", "edit"])
@pytest.mark.parametrize("name", ODD)
def test_a_run_with_an_odd_critic_ends_once_and_keeps_its_best_picture(tmp_path: Path, name: str, edit: bool) -> None:
    result = ran(tmp_path, ODD[name], edit=edit)
    assert result.stop_reason in ENDS, result.message
    assert result.best is not None and result.image is not None and result.image_path is not None
    assert result.plan is not None and result.plan.mode == ("edit" if edit else "generate")
    assert len([event for event in result.trace if isinstance(event, RunEnded)]) == 1
    assert result.message and result.message in describe(result)
    judged = [critique.quality for critique in result.critiques]
    assert all(0 <= quality <= 1 for quality in judged)
    if result.stop_reason == "critic_unavailable":
        assert result.error is not None and "critic" in result.message
    assert (result.folder / "report.html").is_file()


@pytest.mark.parametrize("name", UNREADABLE)
def test_boxes_at_fault_are_unsure_evidence_that_says_what_was_wrong(tmp_path: Path, name: str) -> None:
    found = evidence(ran(tmp_path, UNREADABLE[name], edit=False), "boxes")
    assert found and {one.answer for one in found} == {"unsure"} and not any(one.boxes for one in found)
    assert all(one.note.startswith("its boxes cannot be read: ") for one in found)


def test_swapped_corners_are_the_same_boxes(tmp_path: Path) -> None:
    result = ran(tmp_path, ODD["swapped boxes"], edit=False)
    assert (result.stop_reason, {one.answer for one in evidence(result, "boxes")}) == ("accepted", {"yes"})


@pytest.mark.parametrize("edit", [False, True], ids=["generate", "edit"])
def test_a_critic_that_always_says_yes_is_not_believed_against_its_own_counts_and_boxes(
    tmp_path: Path, edit: bool
) -> None:
    result = ran(tmp_path, ODD["always yes"], edit=edit)
    assert not result.accepted and result.critique is not None
    answers = {verdict.requirement: verdict.answer for verdict in result.critique.verdicts}
    assert list(answers.values())[:4] == ["unsure"] * 4


def test_a_critic_that_always_says_no_is_given_up_with_the_best_picture(tmp_path: Path) -> None:
    result = ran(tmp_path, ODD["always no"], edit=False)
    assert not result.accepted and result.critique is not None and result.critique.passed == 0


def test_counts_in_words_leave_a_count_to_its_question_and_boxes(tmp_path: Path) -> None:
    result = ran(tmp_path, ODD["counts as words"], edit=False)
    assert result.stop_reason == "accepted" and not evidence(result, "number")
    assert all(one.answer == "yes" for one in evidence(result, "boxes"))


def test_text_that_is_not_read_is_never_accepted(tmp_path: Path) -> None:
    result = ran(tmp_path, ODD["reads nothing"], edit=False)
    assert not result.accepted and {one.note for one in evidence(result, "reading")} == {"reads no text"}
