"""Scripted agents for the tests of tools, loop and faces: a plan, verdicts by picture, and a repair."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Texts, Verdicts, Written
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft, RequirementDraft
from omniagent.tools.types import Mode, Scope

LISTED = CriticProfile(name="listed", dialect="listed", plan_tokens=640, repair_tokens=256, answer_tokens=48)
"""Of fakes that write whole plans in one reply, as the bundled critic does."""

QUESTIONS = ("Is there a circle?", "Is the circle red?", "Is the background white?")


def plan_draft(
    mode: Mode = "generate", questions: Sequence[str] = QUESTIONS, instruction: str = "a red circle"
) -> PlanDraft:
    """A plan as the critic writes it."""
    return PlanDraft(
        mode=mode,
        instruction=instruction,
        checklist=tuple(RequirementDraft(kind="presence", question=question) for question in questions),
    )


def texts(
    plan: Written | None = None, repair: str = "make the circle red", scope: Scope = "local", answer: str = "two"
) -> Callable[[Prompt, type[BaseModel] | None], Written]:
    """Plans, repairs and answers by what is asked for."""

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        if schema is PlanDraft:
            return plan if plan is not None else plan_draft()
        if schema is RepairDraft:
            return RepairDraft(instruction=repair, scope=scope, seen="a blue circle")
        return answer

    return write


def by_picture(*verdicts: Sequence[float]) -> Callable[[Prompt, str], float]:
    """p(yes) for the questions of the first, second, … picture looked at; the last row serves all later ones.

    A question that is none of `QUESTIONS` is answered as the last of them.
    """
    order: list[bytes] = []

    def judge(prompt: Prompt, question: str) -> float:
        pixels = next(part for part in prompt.parts if isinstance(part, Image.Image)).tobytes()
        if pixels not in order:
            order.append(pixels)
        row = verdicts[min(order.index(pixels), len(verdicts) - 1)]
        index = next((index for index, known in enumerate(QUESTIONS) if known in question), -1)
        return 1 - row[index] if "Is the answer to this no?" in question else row[index]

    return judge


def scripted_agent(
    folder: Path,
    verdicts: Verdicts | None = None,
    written: Texts | None = None,
    *,
    generator: ScriptedGenerator | None = None,
    critic: ScriptedCritic | None = None,
    **more: Any,
) -> Agent:
    """An agent on fakes that waits for nothing."""
    return Agent(
        generator=generator if generator is not None else ScriptedGenerator(),
        critic=critic
        if critic is not None
        else ScriptedCritic(verdicts, written if written is not None else texts(), profile=LISTED),
        config=more.pop("config", Config(tools=ToolConfig(backoff=0))),
        runs_dir=folder,
        **more,
    )
