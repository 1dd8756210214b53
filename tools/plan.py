"""Reading a task once, into a plan with a checklist that stays as it is."""

import re
from collections.abc import Sequence

from omniagent.model.wording import model_name
from omniagent.tools.consult import draft
from omniagent.tools.listing import things_as_asked
from omniagent.tools.naming import named_as_seen, questions_as_seen, questions_as_told
from omniagent.tools.parameters import parameters
from omniagent.tools.plain import plain_request
from omniagent.tools.prompts import PlanDraft, RequirementDraft, plan_prompt
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Mode, Plan, RenderSettings, Requirement, Task, Word


class PlanIn(Word):
    """A task, and the settings that the person fixed."""

    task: Task
    settings: RenderSettings = RenderSettings()


class PlanOut(Outcome):
    """The plan; its requirements are called r1, r2, …."""

    plan: Plan


def settled_mode(mode: Mode, images: int) -> Mode:
    """The mode, or the nearest one that can be done: without pictures nothing can be edited or put together."""
    return "generate" if mode in ("edit", "compose") and images == 0 else mode


def checklist_of(mode: Mode, instruction: str, drafts: tuple[RequirementDraft, ...]) -> tuple[Requirement, ...]:
    """The requirements, each question once. A picture without any gets one: that it shows the instruction."""
    if mode not in ("generate", "edit", "compose"):
        return ()
    questions: dict[str, Requirement] = {}
    for one in drafts:
        key = re.sub(r"\W+", " ", one.question).strip().lower()
        questions.setdefault(key, Requirement(id=f"r{len(questions) + 1}", kind=one.kind, question=one.question))
    if questions:
        return tuple(questions.values())
    return (Requirement(id="r1", kind="presence", question=f"Does the picture show this: {instruction}?"),)


def plan_of(written: PlanDraft, arguments: PlanIn, context: ToolContext) -> Plan:
    """The critic's draft made whole by fixed rules."""
    mode = settled_mode(written.mode, len(arguments.task.images))
    # A question is asked, and a refusal explained, in the person's own words.
    own = mode in ("answer", "refuse")
    images = arguments.task.images
    seen = written.seen[: len(images)]
    told = written.model_copy(update={"mode": mode}).told
    if mode in ("edit", "compose"):
        told = named_as_seen(told, seen)
    elif mode == "generate":
        told = things_as_asked(told, [one.question for one in written.checklist])
    instruction = arguments.task.instruction if own else told or _read(arguments.task, context)
    asked: Sequence[str | None] = [one.question for one in written.checklist]
    if mode == "edit":
        asked = questions_as_seen([one.question for one in written.checklist], seen, told)
    elif mode == "compose":
        asked = questions_as_told([one.question for one in written.checklist], seen, told)
    drafts = tuple(
        one.model_copy(update={"question": new}) for one, new in zip(written.checklist, asked, strict=True) if new
    )
    return Plan(
        mode=mode,
        instruction=instruction,
        seen=seen,
        checklist=checklist_of(mode, instruction, drafts),
        settings=parameters(mode, instruction, images, arguments.settings, context.config.call),
    )


def _read(task: Task, context: ToolContext) -> str:
    """The person's words as the models get them."""
    return plain_request(task.instruction) if context.config.plain_requests else task.instruction


def refusal(model: str, domain: str | None) -> str:
    """What a person is told whose task the critic places outside of what the model can draw."""
    knows = f"; it draws {domain}" if domain else ""
    return (
        f"this task lies outside of what the model {model_name(model)} can draw{knows}; "
        "for anything else use the model OmniGen2/OmniGen2 (--model, or OMNIAGENT_MODEL)"
    )


def plan(arguments: PlanIn, context: ToolContext) -> PlanOut:
    """Read a task and its pictures: mode, instruction for the painter, and a checklist of yes/no questions."""
    images = [context.store.get(ref) for ref in arguments.task.images]
    prompt = plan_prompt(_read(arguments.task, context), images)
    written, usage = draft(context, "plan", prompt, PlanDraft, context.config.plan_tokens)
    made = plan_of(written, arguments, context)
    return PlanOut(plan=made, usage=usage, summary=f"{made.mode}, {len(made.checklist)} requirements")


PLAN = tool(plan)
