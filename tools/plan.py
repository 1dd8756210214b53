"""Reading a task once, into a plan with a checklist that stays as it is."""

import re
from collections.abc import Sequence

from omniagent.model.errors import BadTask
from omniagent.model.profile import GeneratorProfile
from omniagent.model.wording import model_name
from omniagent.tools.audit import audited
from omniagent.tools.consult import Consulted, Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect, GivenTask, Reading, Unreadable
from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.parameters import call_rules, parameters
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Mode, Plan, RenderSettings, Requirement, Step, Task, Usage, Word


class PlanIn(Word):
    """A task, and the settings and the mode that the person fixed.

    `clarified` says that the task ends with the person's answer to what was asked, on a line of its own.
    """

    task: Task
    settings: RenderSettings = RenderSettings()
    mode: Mode | None = None
    clarified: bool = False


class PlanOut(Outcome):
    """The plan; its requirements are called r1, r2, …."""

    plan: Plan


def plan(arguments: PlanIn, context: ToolContext) -> PlanOut:
    """Read a task and its pictures: mode, instruction for the generator, and a checklist of yes/no questions."""
    if arguments.mode in ("edit", "compose") and not arguments.task.images:
        raise BadTask(
            f"mode={arguments.mode!r} needs a picture, but none was given; give one, or set the mode to generate"
        )
    task = given_task(arguments, context)
    most, given = context.runtime.generator.profile.references, len(arguments.task.images)
    calls, profile = context.calls.used, context.config.over(context.runtime.critic.profile)
    try:
        consulted = read_once(task, context, "plan")
        reading, usage, profile = consulted.value, consulted.usage, consulted.profile
    except Unreadable as error:
        # A plan that cannot be read must not cost the picture.
        reading, usage = unread(task, str(error)), Usage(critic_calls=context.calls.used - calls)
    if given > most and reading.mode in ("edit", "compose"):
        takes = {0: "no given picture", 1: "one given picture"}.get(most, f"{most} given pictures")
        raise BadTask(
            f"the generator {model_name(context.runtime.generator.model)} takes {takes} and the task has {given}; "
            "give fewer, or use another generator"
        )
    made = plan_of(reading, arguments, context, task, dialect_of(profile))
    return PlanOut(plan=made, usage=usage, summary=f"{made.mode}, {len(made.checklist)} requirements")


def given_task(arguments: PlanIn, context: ToolContext, *, again: bool = False) -> GivenTask:
    """The task as a dialect reads it."""
    task, generator = arguments.task, context.runtime.generator.profile
    images = tuple(context.store.get(ref) for ref in task.images)
    return GivenTask(task.instruction, images, arguments.mode, generator, arguments.clarified, again)


def read_once(task: GivenTask, context: ToolContext, tool: str) -> Consulted[Reading]:
    """One reading of a task by the critic, in its own dialect.

    Raises:
        Unreadable: its replies cannot be read. Others: as `consult`.
    """

    def read(desk: Desk) -> Reading:
        return dialect_of(desk.profile).plan(task, desk)

    return consult(context, tool, read)


def plan_of(reading: Reading, arguments: PlanIn, context: ToolContext, asked: GivenTask, dialect: Dialect) -> Plan:
    """A reading made whole by fixed rules, its checklist held against the task."""
    task, generator = arguments.task, context.runtime.generator.profile
    mode, assumptions = reading.mode, list(reading.assumptions)
    if mode == "refuse" and generator.domain is None:
        mode = _drawn(len(task.images))
        assumptions.append("the critic would have refused this task; the generator has no limits, so it is drawn")
        reading = Reading(mode, "", reading.seen)
    if mode == "generate" and task.images:
        given = "image 1 is" if len(task.images) == 1 else f"images 1 to {len(task.images)} are"
        why = (
            "the mode was set to generate"
            if arguments.mode == mode
            else "the task was read as a picture from words alone"
        )
        assumptions.append(f"{given} not used: {why}")
    # A question is asked, and a refusal explained, in the person's own words.
    own = mode in ("answer", "refuse")
    instruction = task.instruction if own else reading.instruction or task.instruction
    rules = call_rules(generator, context.config.call)
    checklist = checklist_of(mode, instruction, reading.checklist)
    held = audited(dialect.wanted(asked, reading._replace(mode=mode)), checklist, dialect.told, assumptions)
    stated = with_stated(held.checklist, dialect)
    steps = steps_of(reading, stated, dialect) if mode == "edit" and in_steps(reading, generator) else ()
    return Plan(
        mode=mode,
        instruction=instruction,
        seen=reading.seen,
        checklist=stated,
        assumptions=(*assumptions, *held.notes),
        unchecked=held.unchecked,
        settings=parameters(mode, task.instruction, task.images, arguments.settings, rules),
        sure=reading.sure,
        final=reading.held,
        steps=steps,
    )


def in_steps(reading: Reading, generator: GeneratorProfile) -> bool:
    """Whether a reading asks for more changes than the generator takes at once."""
    return generator.changes_at_once is not None and len(reading.steps) > generator.changes_at_once


def steps_of(reading: Reading, checklist: Sequence[Requirement], dialect: Dialect) -> tuple[Step, ...]:
    """The steps of a reading; lines that the audit has left out of its checklist are left out of them too."""
    known = {one.question: one for one in checklist}
    gone = {one.question for one in reading.checklist} - known.keys()
    steps: list[Step] = []
    for number, draft in enumerate(reading.steps, start=1):
        lines = [
            known.get(line.question) or Requirement(id=f"s{number}r{place}", kind=line.kind, question=line.question)
            for place, line in enumerate(draft.checklist, start=1)
            if line.question not in gone
        ]
        stated = tuple(one if one.question in known else with_stated([one], dialect)[0] for one in lines)
        steps.append(Step(instruction=draft.instruction, checklist=stated, references=draft.references))
    last = steps.pop()
    return (*steps, last.model_copy(update={"checklist": tuple(checklist)}))


def with_stated(checklist: Sequence[Requirement], dialect: Dialect) -> tuple[Requirement, ...]:
    """The lines with what they state, for the instruments."""
    return tuple(one.model_copy(update={"stated": dialect.stated(one.kind, one.question)}) for one in checklist)


def unread(task: GivenTask, fault: str) -> Reading:
    """The reading of a task that the critic could not put into a plan: its own words, checked as a whole."""
    mode = task.mode or _drawn(len(task.pictures))
    note = f"the plan could not be read, so your own words are drawn and checked as a whole ({fault})"
    return Reading(mode, task.words, assumptions=(note,), sure=0.0)


def checklist_of(mode: Mode, instruction: str, drafts: Sequence[RequirementDraft]) -> tuple[Requirement, ...]:
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


def refusal(model: str, profile: GeneratorProfile, because: Sequence[str] = ()) -> str:
    """What a person reads whose task the critic places outside of what the model can draw, and `because` of what."""
    knows = f"; it draws {profile.domain}" if profile.domain else ""
    other = f"use the model {profile.instead} (--model, or OMNIAGENT_MODEL)" if profile.instead else "use another model"
    why = f" ({'; '.join(because)})" if because else ""
    return (
        f"this task lies outside of what the model {model_name(model)} can draw{why}{knows}; for anything else {other}"
    )


def _drawn(pictures: int) -> Mode:
    return "generate" if pictures == 0 else "edit" if pictures == 1 else "compose"


PLAN = tool(plan)
