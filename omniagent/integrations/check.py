"""Checking a picture from elsewhere, with the agent's own tools."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omniagent.agent import Agent, Picture
from omniagent.model.errors import BadTask
from omniagent.model.requests import CancelToken
from omniagent.model.wording import shown
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.intake.task import read_images, read_instruction
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Critique, Requirement, Task

MAX_QUESTIONS = 32


class Checked(NamedTuple):
    """The requirements, the verdict of each, and the parts of the task that none asks for."""

    checklist: tuple[Requirement, ...]
    critique: Critique
    unchecked: tuple[str, ...] = ()


def check_image(agent: Agent, image: Picture, questions: Sequence[str] = (), *, task: str | None = None) -> Checked:
    """Ask the critic yes/no questions about a picture, or those that a task's plan asks; nothing is kept.

    Args:
        agent: Whose critic looks, within the time limit of its budget.
        image: A path, bytes or a PIL image.
        questions: 1 to 32 yes/no questions; a yes is what is wanted.
        task: Where no questions are given: the words that the picture should fit.

    Raises:
        BadImage: the picture cannot be read.
        BadTask: neither questions nor a task that asks for a picture was given.
        CriticUnavailable, CriticTimeout, CriticBadOutput: the critic gave no verdict.
    """
    picture = read_images([image], allow_urls=agent.config.allow_urls)[0]
    asked = [read_instruction(question) for question in questions]
    if len(asked) > MAX_QUESTIONS or not (asked or task):
        raise BadTask(f"{len(asked)} questions were given; give 1 to {MAX_QUESTIONS}, or a task")
    budget = agent.config.budget
    with tempfile.TemporaryDirectory(prefix="omniagent-") as folder:
        context = ToolContext(
            runtime=agent.runtime,
            store=ImageStore(Path(folder) / "images"),
            trace=Trace(Path(folder) / "trace.jsonl", "check"),
            token=CancelToken(time.monotonic() + budget.time_limit),
            calls=CallMeter(budget.max_critic_calls),
            config=agent.config.tools,
        )
        checklist, unchecked = _own(asked) if asked else _planned(read_instruction(task or ""), context)
        attempt = Attempt(id="given", image=context.store.put(picture), instruction=task or "", seed=0)
        made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist), context)
        return Checked(checklist, made.critique, unchecked)


def _own(questions: Sequence[str]) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    numbered = enumerate(questions, start=1)
    return tuple(Requirement(id=f"r{number}", kind="attribute", question=one) for number, one in numbered), ()


def _planned(task: str, context: ToolContext) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """The checklist of a task's plan, and what it does not ask for."""
    plan = PLAN(PlanIn(task=Task(instruction=task)), context).plan
    if not plan.checklist:
        raise BadTask(f"the task {shown(task)} asks for no picture that could be checked; give yes/no questions")
    return plan.checklist, plan.unchecked
