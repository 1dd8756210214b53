"""A second reading of a task, in other words and another order, held against the first by fixed rules."""

from omniagent.model.errors import RetryableError
from omniagent.tools.audit import audited, joined
from omniagent.tools.dialects import dialect_of
from omniagent.tools.plan import PlanIn, checklist_of, given_task, read_once, with_stated
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Plan, Usage


class RereadIn(PlanIn):
    """A task with the plan that was made of it. `fruitless`: rounds by that plan brought nothing."""

    plan: Plan
    fruitless: bool = False


class RereadOut(Outcome):
    """The plan after both readings; it is final."""

    plan: Plan


def reread(arguments: RereadIn, context: ToolContext) -> RereadOut:
    """Read a task a second time, and make one checklist of both readings.

    Where rounds brought nothing, the pictures to come are drawn by the instruction of the second reading. A second
    reading that fails, or is of another mode, leaves the plan as it is, and the plan says so.
    """
    plan, task = arguments.plan, given_task(arguments, context, again=True)
    used = context.calls.used
    try:
        consulted = read_once(task, context, "reread")
    except RetryableError as error:
        note = f"the task could not be read a second time ({error})"
        return RereadOut(plan=_final(plan, note), usage=Usage(critic_calls=context.calls.used - used), summary=note)
    reading, dialect = consulted.value, dialect_of(consulted.profile)
    if reading.mode != plan.mode:
        note = f"read a second time, the task would be one to {reading.mode}; it was kept as one to {plan.mode}"
        return RereadOut(plan=_final(plan, note), usage=consulted.usage, summary=note)
    instruction = reading.instruction or plan.instruction
    wanted = dialect.wanted(task, reading)
    both = joined(plan.checklist, checklist_of(plan.mode, instruction, reading.checklist), wanted, dialect.told)
    held = audited(wanted, both.checklist, dialect.told, (*plan.assumptions, *both.notes))
    known = {one.id: one for one in plan.checklist}
    checklist = tuple(one if known.get(one.id) == one else with_stated([one], dialect)[0] for one in held.checklist)
    made = plan.model_copy(
        update={
            "checklist": checklist,
            "instruction": instruction if arguments.fruitless else plan.instruction,
            "assumptions": tuple(dict.fromkeys((*plan.assumptions, *both.notes, *held.notes))),
            "unchecked": held.unchecked,
            "final": True,
        }
    )
    added = len({one.question for one in checklist} - {one.question for one in plan.checklist})
    dropped = len({one.question for one in plan.checklist} - {one.question for one in checklist})
    return RereadOut(plan=made, usage=consulted.usage, summary=f"{added} requirements more, {dropped} less")


def _final(plan: Plan, note: str) -> Plan:
    return plan.model_copy(update={"final": True, "assumptions": (*plan.assumptions, note)})


REREAD = tool(reread)
