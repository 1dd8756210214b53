"""A whole new instruction for a picture that is not right yet, used only if it says the task and nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from omniagent.tools.dialects.base import Consultation, Faulty, Unreadable
from omniagent.tools.dialects.drafts import RefineDraft
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.consulting import written
from omniagent.tools.dialects.plain.faithful import content, lost, speaks_of
from omniagent.tools.dialects.plain.forms import REFINED, RefineForm
from omniagent.tools.dialects.plain.instruction import keeping_told, rewrite_goals
from omniagent.tools.dialects.plain.language.vocabulary import bases, english
from omniagent.tools.dialects.plain.language.wishes import begun_changes, brought_by
from omniagent.tools.dialects.plain.reply.drafts import read_refinement

_LONGEST: Final = 1200
_CHANGES: Final = re.compile(
    r"(?:add|remove|replace|delete|insert|erase|put|place|write|make|change|turn|give|paint|recolou?r|transform|convert"
    r"|dress|swap|move|draw)\b",
    re.IGNORECASE,
)
"""Verbs of wishes; others, such as fill or blend, may say how one is done."""


def refined(faulty: Faulty, critic: Consultation) -> RefineDraft:
    """The critic's new instruction for a picture, held to the person's words.

    Raises:
        Unreadable: neither of two replies says all of the task, or they ask for more.
    """
    goals = tuple(
        goal
        for goal in rewrite_goals(faulty.words, faulty.mode, len(faulty.given), faulty.generator)
        if goal != "detail"
    )
    known = " ".join((faulty.words, faulty.instruction, *(question for question, _ in faulty.lines)))

    def read(text: str) -> RefineDraft:
        draft = read_refinement(text)
        if draft.right:
            return draft
        told = draft.instruction
        if told == REFINED.instruction and not speaks_of(told, faulty.words):
            raise Unreadable("it repeats the instruction of the example")
        if len(told) > _LONGEST:
            raise Unreadable(f"the instruction has over {_LONGEST} characters")
        if missing := lost(faulty.words, told):
            raise Unreadable(f"the instruction does not say what the request says: {', '.join(missing)}")
        if english(known) and (wish := next(added_wishes(told, known), None)):
            raise Unreadable(f"the instruction asks for what the request does not: {wish}")
        return draft.model_copy(update={"instruction": keeping_told(told, faulty.mode, faulty.generator)})

    return written(critic, prompts.refine_prompt(faulty, goals), RefineForm, read, critic.profile.plan_tokens)


def added_wishes(told: str, known: str) -> Iterator[str]:
    """The changes in an instruction that bring a thing, or are of things, of which nothing known speaks."""
    spoken = {base for word in content(known) for base in bases(word)}
    for change in begun_changes(told):
        if (verb := _CHANGES.match(change)) is None:
            continue
        new, words = brought_by(change), content(change[verb.end() :])
        if (new and not bases(new) & spoken) or not any(bases(word) & spoken for word in words):
            yield change
