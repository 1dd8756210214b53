"""Writing one located repair for a picture that is nearly right. Asked only when a repair may follow."""

from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Attempt, Critique, Requirement, Scope, Word


class SuggestIn(Word):
    """An attempt, what it should be, and the verdicts on it."""

    attempt: Attempt
    instruction: str
    checklist: tuple[Requirement, ...]
    critique: Critique


class SuggestOut(Outcome):
    """The change that mends the picture, whether it is local, and what the critic sees."""

    repair: str
    scope: Scope
    seen: str


def suggest(arguments: SuggestIn, context: ToolContext) -> SuggestOut:
    """Say in one sentence what to change in a picture so that every requirement holds."""
    verdicts = {verdict.requirement: verdict for verdict in arguments.critique.verdicts}
    lines = [(one.question, verdicts.get(one.id)) for one in arguments.checklist]
    image = context.store.get(arguments.attempt.image)

    def write(desk: Desk) -> RepairDraft:
        return dialect_of(desk.profile).repair(image, arguments.instruction, lines, desk)

    consulted = consult(context, "suggest", write)
    written = consulted.value
    return SuggestOut(
        repair=written.instruction.strip(),
        scope=written.scope,
        seen=written.seen,
        usage=consulted.usage,
        summary=f"{written.scope}: {written.instruction}",
    )


SUGGEST = tool(suggest)
