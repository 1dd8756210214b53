"""What an edit changed and was not to is taken back from the given picture, judged, and costs no picture."""

import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel
from rich.console import Console

from omniagent.cli.progress.watcher import Watcher
from omniagent.config import Config
from omniagent.graphs.build import build
from omniagent.graphs.doubts import to_restore
from omniagent.graphs.history import is_repair, pictures_drawn, root_of
from omniagent.graphs.leading import best_of, drifted, undecided
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.rules import decide
from omniagent.graphs.state import AgentState
from omniagent.model.requests import CancelToken, GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written
from omniagent.runs.notebook import attempt_html
from omniagent.runs.result import Result
from omniagent.simulation.histories import broken_promises
from omniagent.simulation.stage import Memory, play
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft
from omniagent.tools.record.trace import ToolErrored
from omniagent.tools.types import (
    Attempt,
    Box,
    Budget,
    Critique,
    Decision,
    Plan,
    Requirement,
    Task,
)
from tests.support.chat import page_of, text_of
from tests.support.scripted_runs import LISTED, plan_draft, scripted_agent
from tests.support.states import attempt, critique, judged, picture, state
from tests.support.two_things import GIVEN, STRAY, WANTED, scene

LINES = (
    "Is there a square (green, left)?",
    "Is there a star (blue, right)?",
    "Is the background white?",
    "Are there exactly 2 objects in total?",
)
SEEN = "white background; square (red, left); star (blue, right)"


def judged_by_pixels(prompt: Prompt, question: str) -> float:
    """A critic that sees the square and does not tell what colour the star has."""
    shown = next(part for part in prompt.parts if isinstance(part, Image.Image)).convert("RGB")
    green = shown.getpixel((20, 64)) == (0, 128, 0)
    return 0.97 if green or "square" not in question else 0.03


def edited(folder: Path, drawn: Image.Image = STRAY, **more: Any) -> tuple[Result, ScriptedGenerator]:
    def draw(request: GenerationRequest) -> list[Image.Image]:
        return [drawn for _ in request.seeds]

    generator = ScriptedGenerator(draw)
    plan = plan_draft("edit", LINES, "make the square (red, left) green").model_copy(update={"seen": (SEEN,)})
    critic = ScriptedCritic(judged_by_pixels, lambda prompt, schema: plan, profile=LISTED)
    agent = scripted_agent(folder, generator=generator, critic=critic, **more)
    return agent.run("make the red square on the left green", [GIVEN]), generator


def test_a_change_elsewhere_is_taken_back_and_the_picture_is_judged_again_without_a_drawing(tmp_path: Path):
    result, generator = edited(tmp_path, budget=Budget(max_images=1, max_rounds=1))
    assert result.accepted and result.best is not None
    assert [(one.id, one.parent, one.restored, one.round) for one in result.attempts] == [
        ("a1", None, False, 1),
        ("a2", "a1", True, 1),
    ]
    assert result.best.id == "a2" and result.critique_of(result.best) is not None
    assert (result.usage.images, result.usage.rounds, len(generator.calls)) == (1, 1, 1)
    apart = np.abs(np.asarray(result.image, dtype=int) - np.asarray(WANTED, dtype=int))
    assert apart.max() == 0
    assert result.picture(result.attempts[0]).tobytes() == STRAY.tobytes()


def test_an_edit_that_changed_nothing_else_is_returned_as_it_was_drawn(tmp_path: Path):
    result, _ = edited(tmp_path, WANTED)
    assert result.accepted and [one.id for one in result.attempts] == ["a1"]


def test_the_rule_can_be_turned_off(tmp_path: Path):
    result, _ = edited(tmp_path, config=Config(loop=LoopPolicy(restore=False)))
    assert result.accepted and [one.id for one in result.attempts] == ["a1"]


def test_every_face_tells_that_a_picture_was_restored(tmp_path: Path):
    result, _ = edited(tmp_path)
    folder, told = result.folder, io.StringIO()
    assert "restored" in (folder / "report.html").read_text()
    watcher = Watcher(Console(file=told, width=200))
    for event in result.trace:
        watcher.show(event)
    assert "restored a2: a1 with what was not to change as it was before" in told.getvalue()
    assert "restored from a1" in attempt_html(result, "a2")
    assert "← a1 restored" in text_of(page_of(list(result.trace)))
    assert json.loads((folder / "result.json").read_text())["attempts"][1]["restored"] is True


def test_a_repair_that_broke_something_beside_it_is_restored_from_the_picture_that_it_repairs(tmp_path: Path):
    names = {(0, 128, 0): "green", (255, 0, 0): "red", (0, 0, 255): "blue", (128, 0, 128): "purple"}

    def colours(prompt: Prompt) -> tuple[str, str]:
        shown = next(part for part in prompt.parts if isinstance(part, Image.Image)).convert("RGB")
        return names[shown.getpixel((20, 64))], names[shown.getpixel((106, 68))]

    def judge(prompt: Prompt, question: str) -> float:
        square, star = colours(prompt)
        wrong = ("square" in question and square != "green") or ("star" in question and star != "blue")
        return 0.03 if wrong else 0.97

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        if schema is PlanDraft:
            return plan_draft("generate", LINES, "a green square and a blue star")
        if schema is RepairDraft:
            return RepairDraft(instruction="make the square green", seen="")
        square, star = colours(prompt)
        return f"white background; square ({square}, left); star ({star}, right)"

    profile = LISTED.model_copy(update={"describe_first": True})
    generator = ScriptedGenerator(lambda request: [STRAY if request.references else GIVEN])
    agent = scripted_agent(
        tmp_path,
        generator=generator,
        critic=ScriptedCritic(judge, write, profile=profile),
        budget=Budget(max_images=2, max_rounds=2),
    )
    result = agent.run("a green square and a blue star")
    assert result.accepted and result.best is not None
    assert [(one.id, one.parent, one.restored) for one in result.attempts] == [
        ("a1", None, False),
        ("a2", "a1", False),
        ("a3", "a2", True),
    ]
    assert [one.action for one in result.decisions] == ["edit", "accept"]
    assert np.asarray(result.image).tobytes() == np.asarray(WANTED).tobytes()


def restored(name: str, of: Attempt) -> Attempt:
    return of.model_copy(update={"id": name, "parent": of.id, "restored": True, "image": picture(name)})


def edits(attempts: list[Attempt], critiques: list[Critique], policy: LoopPolicy | None = None) -> AgentState:
    made = state(attempts, critiques, mode="edit", policy=policy)
    return made.model_copy(update={"task": Task(instruction="make it red", images=(picture("given"),))})


def test_a_restored_picture_takes_over_if_it_loses_nothing_and_is_put_to_no_choice():
    drawn = attempt("a1", 1)
    both = [drawn, restored("a2", drawn)]
    for first, second, best in (("yy", "yy", "a2"), ("yn", "yn", "a2"), ("yn", "ny", "a1"), ("yy", "y?", "a1")):
        made = edits(both, [critique("a1", first), critique("a2", second)])
        found = best_of(made)
        assert found is not None and found.id == best, (first, second)
        assert undecided(made) is None


def test_each_leading_edit_is_looked_at_once_and_only_where_there_is_something_to_hold_it_beside():
    one, seen = attempt("a1", 1), critique("a1", "yn")
    assert to_restore(edits([one], [seen])) == one
    assert to_restore(edits([one], [seen]).model_copy(update={"compared": ("a1",)})) is None
    assert to_restore(edits([one], [seen], LoopPolicy(restore=False))) is None
    assert to_restore(edits([one], [seen.model_copy(update={"blank": True})])) is None
    assert to_restore(state([one], [seen])) is None
    spent = edits([one], [seen]).model_copy(update={"budget": Budget(max_critic_calls=3)})
    assert to_restore(spent) is None
    both = edits([one, restored("a2", one)], [seen, critique("a2", "yn")])
    assert to_restore(both.model_copy(update={"compared": ("a1",)})) is None


def test_a_repair_starts_from_the_restored_picture_and_no_budget_counts_it():
    one = attempt("a1", 1)
    two = restored("a2", one)
    both = edits([one, two], [critique("a1", "yn"), critique("a2", "yn", repair="make it red")])
    both = both.model_copy(
        update={
            "policy": LoopPolicy(whole_repairs=("edit",)),
            "budget": Budget(max_images=2),
            "compared": ("a1",),
        }
    )
    made = decide(both)
    assert (made.action, made.target) == ("edit", "a2")
    assert pictures_drawn(both) == 1 and not is_repair(both, two) and root_of(both, two) == two
    three = attempt("a3", 2, parent="a2")
    four = restored("a4", three)
    later = both.model_copy(update={"attempts": (one, two, three, four)})
    assert is_repair(later, four) and root_of(later, four) == two and pictures_drawn(later) == 2


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_whatever_is_said_of_restored_pictures_a_run_ends_within_its_caps_with_its_best(first: int):
    graph, seen = build(), 0
    for number in range(first, first + 20):
        chance, store = random.Random(number), Memory()
        likely = chance.choices((0.97, 0.5, 0.03), k=3)

        def draw(request: GenerationRequest, chance: random.Random = chance) -> list[Image.Image]:
            colours = ("green", "purple", "blue", "red")
            return [scene(chance.choice(colours), chance.choice(colours)) for _ in request.seeds]

        def answer(
            prompt: Prompt, question: str, chance: random.Random = chance, likely: list[float] = likely
        ) -> float:
            return chance.choice(likely)

        lines = tuple(Requirement(id=f"r{n}", kind="presence", question=line) for n, line in enumerate(LINES, 1))
        entry = {
            "task": Task(instruction="make the square green", images=(store.put(GIVEN),)),
            "plan": Plan(mode="edit", instruction="make it green", checklist=lines, seen=(SEEN,), final=True),
            "seed": number,
            "policy": LoopPolicy(
                first_candidates=chance.randint(1, 3),
                whole_repairs=chance.choice([(), ("edit",)]),
                sure_verdict=chance.choice([0.0, 0.95]),
            ),
        }
        budget = Budget(
            max_rounds=chance.randint(1, 5),
            max_images=chance.randint(1, 8),
            max_critic_calls=chance.choice([6, 40, 200]),
            candidates=chance.randint(1, 2),
        )
        critic = ScriptedCritic(answer, lambda prompt, schema: RepairDraft(instruction="x", seen=""), profile=LISTED)
        ended = play(graph, entry, ScriptedGenerator(draw), critic, store=store, budget=budget, token=CancelToken())
        assert broken_promises(ended) == [], number
        parents = [one.parent for one in ended.attempts if one.restored]
        assert len(set(parents)) == len(parents), number
        seen += len(parents)
    assert seen > 4


def test_an_edit_that_changed_nothing_but_something_else_is_not_made_the_given_picture_again(tmp_path: Path):
    result, _ = edited(tmp_path, scene("red", "purple"), budget=Budget(max_images=1, max_rounds=1))
    assert not result.accepted and [one.id for one in result.attempts] == ["a1"]


def test_where_both_hold_a_restored_picture_brings_no_new_doubt():
    drawn = attempt("a1", 1)
    both = [drawn, restored("a2", drawn)]
    for first, second, best in (((0.99, 0.97), (0.99, 0.8), "a1"), ((0.99, 0.8), (0.99, 0.85), "a2")):
        found = best_of(edits(both, [judged("a1", first), judged("a2", second)]))
        assert found is not None and found.id == best, (first, second)


def test_a_restored_repair_in_a_box_has_not_drifted():
    one, box = attempt("a1", 1), Box(label="it", left=0, top=0, right=4, bottom=4)
    two = attempt("a2", 2, parent="a1")
    three = restored("a3", two)
    seen = [critique("a1", "yn"), critique("a2", "yy"), critique("a3", "yy", over_edit=0.9)]
    made = edits([one, two, three], seen).model_copy(
        update={"decisions": (Decision(action="edit", reason="a local failure", target="a1", box=box),)}
    )
    assert not drifted(made, three, one)
    assert drifted(made.model_copy(update={"decisions": ()}), three, one)


def test_a_fault_while_restoring_leaves_the_picture_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*given: object) -> None:
        raise ValueError("no such plane")

    monkeypatch.setattr("omniagent.tools.drawing.restore.strays", fail)
    result, _ = edited(tmp_path)
    assert result.accepted and [one.id for one in result.attempts] == ["a1"]
    assert any(isinstance(event, ToolErrored) and event.tool == "restore" for event in result.trace)
