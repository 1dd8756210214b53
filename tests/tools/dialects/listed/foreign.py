"""Requests in other people's words with what they ask for, and how the bundled planner reads them.

`python -m tests.tools.dialects.listed.foreign` prints each that is not read rightly, and the counts.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from PIL import Image

from omniagent import Agent
from omniagent.model.requests import CancelToken
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import COLOURS, FILLS, RELATIONS, SHAPES, SIZES, Item, Scene
from omniagent.shapes.words.phrases import checklist
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.tools.answer import ANSWER, AnswerIn
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Plan, Task

FILE = Path(__file__).with_name("foreign.yaml")
SCENE = Scene(
    "white",
    (
        Item("circle", "red", "solid", 24, 24, 11),
        Item("triangle", "green", "solid", 104, 24, 11),
        Item("star", "yellow", "dotted", 24, 102, 18),
        Item("square", "blue", "solid", 102, 102, 19),
    ),
)
"""What edits and questions are about."""
Outcome = Literal["right", "refused", "misread"]


class Foreign(NamedTuple):
    """A request, what it asks for (as the file says it), and the kind of request it is."""

    kind: str
    says: str
    wants: str


def foreign() -> Iterator[Foreign]:
    """Every request of the file."""
    for kind, entries in yaml.safe_load(FILE.read_text(encoding="utf-8")).items():
        for says, wants in entries.items():
            yield Foreign(kind, str(says), wants)


def wanted_of(text: str) -> Wanted:
    """The wanted picture that a line like ``1 red circle; 2 blue star; 0 left of 1; on black`` tells."""
    groups: list[Group] = []
    relations: list[Relation] = []
    background: str | None = None
    for part in text.split("; "):
        if part.startswith("on "):
            background = part[3:]
        elif found := re.fullmatch(rf"(\d) ({'|'.join(RELATIONS)}) (\d)", part):
            relations.append(Relation(first=int(found[1]), name=found[2], second=int(found[3])))
        else:
            count, _, rest = part.partition(" ")
            words, _, place = rest.partition(" @")
            said = words.split()
            picked = [next((w for w in said if w in kind), None) for kind in (SIZES, FILLS, COLOURS, SHAPES)]
            size, fill, colour, shape = picked
            group = Group(
                count=int(count), size=size, fill=fill or "solid", colour=colour, shape=shape, place=place or None
            )
            groups.append(group)
    total = sum(group.count for group in groups)
    return Wanted(groups=tuple(groups), relations=tuple(relations), background=background, total=total)


_TURNED = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def _facts(questions: Iterator[str] | list[str]) -> Counter[str]:
    """Checklist questions so that a relation told either way round is the same."""
    facts: Counter[str] = Counter()
    for question in questions:
        found = re.fullmatch(r"(?:Is|Are) the (.+?) (left of|right of|above|below) the (.+)\?", question)
        if found and found[2] in ("right of", "below"):
            facts[f"{found[3]} {_TURNED[found[2]]} {found[1]}"] += 1
        elif found:
            facts[f"{found[1]} {found[2]} {found[3]}"] += 1
        else:
            facts[question] += 1
    return facts


class Planner:
    """The bundled planner, without drawing."""

    def __init__(self, folder: Path) -> None:
        self._agent = Agent(runs_dir=folder)
        self._context = ToolContext(
            runtime=self._agent.runtime,
            store=ImageStore(folder / "images"),
            trace=Trace(folder / "trace.jsonl", "plans"),
            token=CancelToken(),
            calls=CallMeter(100_000),
            config=self._agent.config.tools,
        )

    def plan(self, words: str, pictures: tuple[Image.Image, ...] = ()) -> Plan:
        """The plan of a task."""
        task = Task(instruction=words, images=tuple(self._context.store.put(one) for one in pictures))
        return PLAN(PlanIn(task=task), self._context).plan

    def answer(self, words: str, picture: Image.Image) -> str:
        """The answer to a question."""
        task = Task(instruction=words, images=(self._context.store.put(picture),))
        return ANSWER(AnswerIn(task=task), self._context).answer

    def outcome(self, one: Foreign) -> tuple[Outcome, str]:
        """Whether a request is read rightly, and what was made of it."""
        picture = Image.fromarray(render(SCENE))
        given = (picture,) if one.kind in ("edits", "questions") else ()
        plan = self.plan(one.says, given)
        notes = " | ".join(plan.assumptions)
        if one.kind == "outside":
            named = one.wants.casefold() in notes.casefold()
            made = f"{plan.mode}; {notes}"
            return ("right" if plan.mode == "refuse" and named else "misread"), made
        if plan.mode == "refuse":
            return "refused", notes
        if one.kind == "questions":
            told = self.answer(one.says, picture) if plan.mode == "answer" else plan.mode
            return ("right" if told == one.wants else "misread"), f"{told}; {notes}"
        if one.kind == "edits":
            right = plan.mode == "edit" and plan.instruction == one.wants
            return ("right" if right else "misread"), f"{plan.instruction}; {notes}"
        asked = [line.question for line in plan.checklist]
        wanted = wanted_of(one.wants)
        truth = _facts([line.question for line in checklist(wanted)])
        right = plan.mode == "generate" and _facts(asked) == truth
        return ("right" if right else "misread"), f"{asked}; {notes}"


def main() -> None:
    """Print what is not read rightly, and the counts by kind."""
    counts: Counter[tuple[str, Outcome]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        planner = Planner(Path(folder))
        for one in foreign():
            outcome, made = planner.outcome(one)
            counts[one.kind, outcome] += 1
            if outcome != "right":
                print(f"{outcome:8} {one.kind}: {one.says}\n         {made}", flush=True)
    for (kind, outcome), number in sorted(counts.items()):
        print(f"{kind:10} {outcome:8} {number}")


if __name__ == "__main__":
    main()
