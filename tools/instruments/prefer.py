"""Which of two pictures shows the task better, chosen by the critic in both orders."""

from omniagent.model.errors import CriticBadOutput
from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.instruments.forced_choice import chosen
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Attempt, ImageRef, Preference, Usage, Word


class PreferIn(Word):
    """Two attempts at an instruction, the earlier first; `source` is the picture that both were made from."""

    first: Attempt
    second: Attempt
    instruction: str
    source: ImageRef | None = None


class PreferOut(Outcome):
    """The attempt that was chosen, if one was."""

    preference: Preference


def prefer(arguments: PreferIn, context: ToolContext) -> PreferOut:
    """Choose between two pictures that hold equally many requirements, shown in both orders.

    A choice that turns with the order, or that cannot be read, is none, and the earlier picture stays.
    """
    first, second = context.store.get(arguments.first.image), context.store.get(arguments.second.image)
    source = None if arguments.source is None else context.store.get(arguments.source)
    names = (arguments.first.id, arguments.second.id)

    def choose(desk: Desk) -> int | None:
        return chosen(desk, dialect_of(desk.profile), (first, second), arguments.instruction, source)

    used = context.calls.used
    try:
        consulted = consult(context, "prefer", choose)
        pick, usage = consulted.value, consulted.usage
    except CriticBadOutput:
        pick, usage = None, Usage(critic_calls=context.calls.used - used)
    better = None if pick is None else names[pick]
    other = None if pick is None else names[1 - pick]
    said = f"{better} rather than {other}, in both orders" if better else f"neither of {' and '.join(names)} for sure"
    return PreferOut(preference=Preference(pair=names, better=better), usage=usage, summary=said)


PREFER = tool(prefer)
