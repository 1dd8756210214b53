"""The checklist of a task, in a call of its own, from the person's words."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.tools.dialects.base import Consultation, Unreadable
from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.consulting import written
from omniagent.tools.dialects.plain.faithful import speaks_of
from omniagent.tools.dialects.plain.forms import CHANGED, DRAWN, ChecklistForm
from omniagent.tools.dialects.plain.questions import LONGEST, cut, key_of
from omniagent.tools.dialects.plain.reply.drafts import read_checklist
from omniagent.tools.types import Mode

_EXAMPLES: Final = tuple(frozenset(key_of(line.question) for line in example.checklist) for example in (DRAWN, CHANGED))

UNREAD: Final = (
    "the critic's checklist could not be read, so a single question asks for the whole task at once; "
    "its verdict is weaker than that of a checklist"
)


class Checklist(NamedTuple):
    """The lines, what was assumed for want of a readable reply, and how sure the critic is of them, 0 to 1."""

    lines: tuple[RequirementDraft, ...]
    assumptions: tuple[str, ...] = ()
    sure: float = 1.0


def checklist_for(
    words: str, pictures: Sequence[Image.Image], mode: Mode, critic: Consultation, *, again: bool = False
) -> Checklist:
    """The checklist that the critic writes of a task; after two unreadable replies, one line for the whole task.

    `again` asks for it in other words and another order than the first time.
    """

    def read(text: str) -> tuple[RequirementDraft, ...]:
        lines = read_checklist(text)
        _check_own(lines, words)
        return lines

    ask = prompts.second_checklist_prompt if again else prompts.checklist_prompt
    prompt = ask(words, pictures, mode)
    try:
        return Checklist(written(critic, prompt, ChecklistForm, read, critic.profile.plan_tokens))
    except CriticBadOutput:
        if again:
            raise
        return Checklist((whole_task(words, mode),), (UNREAD,), sure=0.0)


def whole_task(words: str, mode: Mode) -> RequirementDraft:
    """One line that asks for a whole task; words beyond its 200 characters are left out."""
    head = "Does the picture show the result of this change: " if mode == "edit" else "Does the picture show this: "
    bare = " ".join(words.split()).rstrip(" .?!。？！")
    return RequirementDraft(kind="presence", question=f"{head}{cut(bare, LONGEST - len(head) - 1)}?")


def _check_own(lines: Sequence[RequirementDraft], words: str) -> None:
    """Small models repeat a worked example instead of following it."""
    asked = {key_of(line.question) for line in lines}
    copied = any(asked <= example for example in _EXAMPLES)
    if copied and not any(speaks_of(line.question, words) for line in lines):
        raise Unreadable("it repeats the questions of an example instead of asking about the request")
