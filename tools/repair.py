"""Writing one located repair for a picture that is nearly right. Asked only when a repair may follow."""

from omniagent.tools.consult import draft
from omniagent.tools.prompts import RepairDraft, repair_prompt
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
    answers = {verdict.requirement: verdict.answer for verdict in arguments.critique.verdicts}
    lines = [(one.question, answers.get(one.id, "unsure")) for one in arguments.checklist]
    prompt = repair_prompt(context.store.get(arguments.attempt.image), arguments.instruction, lines)
    written, usage = draft(context, "suggest", prompt, RepairDraft, context.config.repair_tokens)
    return SuggestOut(
        repair=written.instruction.strip(),
        scope=written.scope,
        seen=written.seen,
        usage=usage,
        summary=f"{written.scope}: {written.instruction}",
    )


SUGGEST = tool(suggest)
