"""Readings of requests and of plans: what a task says in the model's own words, and a draft held to it by rules."""

from collections.abc import Sequence

from omniagent.tools.dialects.base import (
    GivenTask,
    Reading,
)
from omniagent.tools.dialects.drafts import PlanDraft, StepDraft
from omniagent.tools.dialects.listed import lexicon
from omniagent.tools.dialects.listed.changes import (
    Changes,
    Composition,
    Grounded,
    changes_in,
    composed,
    composition_in,
    grounded,
)
from omniagent.tools.dialects.listed.draws import heard
from omniagent.tools.dialects.listed.draws.scene import Asked
from omniagent.tools.dialects.listed.layouts import layout_as_counted
from omniagent.tools.dialects.listed.lexicon import Replaced, Understood
from omniagent.tools.dialects.listed.names import named_as_seen, questions_as_seen, questions_as_told
from omniagent.tools.dialects.listed.notation import read_layout
from omniagent.tools.dialects.listed.plain_words import plain_request
from omniagent.tools.types import Mode


def understood_as(task: GivenTask) -> tuple[Understood, Asked | Changes | Composition | None]:
    """The task in the model's own words, and what it asks for where rules read a request whole."""
    if not task.pictures:
        said = heard(task.words, held_out=lexicon.with_held_out())
        if said.asked is not None:
            plain = plain_request(task.words)
            changes = () if said.words == plain else (Replaced(plain, said.words),)
            return Understood(said.words, changes, assumptions=said.assumptions), said.asked
        if said.reason:
            return Understood(plain_request(task.words), refusals=(said.reason,)), None
    understood = lexicon.load().read(task.words)
    asked: Changes | Composition | None = None
    pictures, held_out = len(task.pictures), lexicon.with_held_out()
    if task.mode in (None, "compose"):
        asked = composition_in(task.words, pictures, held_out=held_out)
    if asked is None and pictures == 1 and task.mode in (None, "edit"):
        asked = changes_in(task.words, held_out=held_out)
    if asked is None or not (understood.changes or understood.refusals):
        # A request of the model's own grammar keeps its words.
        return understood, asked
    replaced = (Replaced(plain_request(task.words), asked.text),)
    return Understood(asked.text, replaced, assumptions=asked.assumptions), asked


def as_composed(reading: Reading, asked: Composition) -> Reading:
    """The reading of a request to put pictures together that was read whole, as `as_changed` does for one picture."""
    told = composed(asked, reading.seen, reading.instruction)
    return reading if told is None else _as_told(reading, "compose", told)


def as_changed(reading: Reading, changes: Changes) -> Reading:
    """The reading of a request for changes that was read whole: what they are of is looked up in what was seen.

    A plan that is right keeps the order of its lines; one in prose, and one whose description the changes do not fit,
    is left alone.
    """
    told = grounded(changes.wishes, reading.seen[0], reading.instruction) if reading.seen else None
    if told is None:
        return reading
    return _as_told(reading, "edit", told)._replace(steps=_steps(changes, reading, told))


def _steps(changes: Changes, reading: Reading, told: Grounded) -> tuple[StepDraft, ...]:
    """The changes one after the other, each named of the picture that the ones before it lead to."""
    steps, said = list[StepDraft](), ""
    for number in range(1, len(changes.wishes) + 1):
        sofar = told
        if number < len(changes.wishes):
            found = grounded(changes.wishes[:number], reading.seen[0], reading.instruction)
            if found is None:
                return ()
            sofar = found
        new = sofar.change.removeprefix(f"{said} and ") if said else sofar.change
        if sofar.change != said:
            steps.append(StepDraft(instruction=new, checklist=sofar.checklist))
        said = sofar.change
    return tuple(steps) if len(steps) > 1 else ()


def _as_told(reading: Reading, mode: Mode, told: Grounded) -> Reading:
    same = {one.question for one in reading.checklist} == {one.question for one in told.checklist}
    return reading._replace(
        mode=mode,
        instruction=told.change,
        checklist=reading.checklist if same else told.checklist,
        assumptions=(*reading.assumptions, *told.assumptions),
        held=True,
    )


def as_asked(reading: Reading, asked: Asked) -> Reading:
    """The reading with the checklist of a request that was read whole, and its layout held to that.

    Rules that read every word of a request are surer of its numbers and relations than the small model is. A plan in
    prose is left alone.
    """
    if reading.mode != "generate" or read_layout(reading.instruction) is None:
        return reading
    told = layout_as_counted(reading.instruction, [one.question for one in asked.checklist])
    return reading._replace(checklist=asked.checklist, instruction=told, held=True)


def as_understood(reading: Reading, understood: Understood, task: GivenTask) -> Reading:
    """The reading with what the lexicon assumed; a refusal where the words ask for what the model has no words for.

    A mode that the person set is theirs: there the reasons are assumptions. A generator without limits has none.
    """
    notes = understood.assumptions
    if understood.refusals and task.generator.domain is not None:
        if task.mode is None:
            return Reading("refuse", "", reading.seen, assumptions=understood.refusals)
        notes = (*notes, *understood.refusals)
    if understood.changes:
        notes = (f"read as “{understood.words}”", *notes)
    return reading._replace(assumptions=(*notes, *reading.assumptions))


def reading_of(written: PlanDraft, task: GivenTask, words: str) -> Reading:
    """A draft as a reading, its names, questions and layout held to one another by fixed rules; `words` are used
    where it has no instruction.
    """
    mode = _settled(task.mode or written.mode, len(task.pictures))
    seen = written.seen[: len(task.pictures)]
    told = written.model_copy(update={"mode": mode}).told
    questions: Sequence[str | None] = [one.question for one in written.checklist]
    asked = [one.question for one in written.checklist]
    match mode:
        case "edit":
            told = named_as_seen(told, seen)
            questions = questions_as_seen(asked, seen, told)
        case "compose":
            told = named_as_seen(told, seen)
            questions = questions_as_told(asked, seen, told)
        case "generate":
            told = layout_as_counted(told, asked)
        case _:
            return Reading(mode, "", seen)
    lines = zip(written.checklist, questions, strict=True)
    checklist = tuple(one.model_copy(update={"question": new}) for one, new in lines if new)
    return Reading(mode, told or words, seen, checklist)


def _settled(mode: Mode, pictures: int) -> Mode:
    """The mode, or the nearest one that can be done: without pictures nothing can be edited or put together."""
    return "generate" if mode in ("edit", "compose") and pictures == 0 else mode
