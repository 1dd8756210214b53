"""The dialect of a critic that was trained on the listed notation, as the bundled one is."""

import json
from collections.abc import Sequence
from typing import TypeVar

from PIL import Image
from pydantic import BaseModel, ValidationError

from omniagent.model.mllm.yes_no import json_objects, without_thought
from omniagent.model.requests import Completion, Prompt
from omniagent.model.wording import cut
from omniagent.tools.audit.mention import Mention, Told
from omniagent.tools.dialects.base import (
    Consultation,
    Faulty,
    GivenTask,
    Reading,
    SecondQuestion,
    Touched,
    Unreadable,
)
from omniagent.tools.dialects.drafts import PlanDraft, RefineDraft, RepairDraft, StepDraft
from omniagent.tools.dialects.listed import lexicon, prompts
from omniagent.tools.dialects.listed.changes import (
    Changes,
    Composition,
    Grounded,
    changes_in,
    composed,
    composition_in,
    grounded,
)
from omniagent.tools.dialects.listed.described import asked_place, holds_as_described, places_of
from omniagent.tools.dialects.listed.draws import heard
from omniagent.tools.dialects.listed.draws.scene import Asked
from omniagent.tools.dialects.listed.layouts import layout_as_counted
from omniagent.tools.dialects.listed.lexicon import Replaced, Understood
from omniagent.tools.dialects.listed.mending import mended
from omniagent.tools.dialects.listed.names import named_as_seen, questions_as_seen, questions_as_told
from omniagent.tools.dialects.listed.notation import NAME, read_asked_background, read_count, read_layout
from omniagent.tools.dialects.listed.plain_words import plain_question, plain_request, said_otherwise
from omniagent.tools.dialects.listed.wanted import told_of, wanted_of
from omniagent.tools.types import Box, Mode, Requirement, RequirementKind, Scope, Stated, Verdict

Draft = TypeVar("Draft", bound=BaseModel)


class Listed:
    """One call reads a task; its reply is JSON whose texts are in the listed notation and are held to one another.

    The person's words are brought to the model's own first (`lexicon`): in one plain form, since case and punctuation
    mean nothing to it, and in the words that it was trained on. The reading says so, and names unknown words.
    """

    name = "listed"

    def plan(self, task: GivenTask, critic: Consultation) -> Reading:
        understood, asked = understood_as(task)
        words = said_otherwise(understood.words, len(task.pictures)) if task.again else understood.words
        prompt = prompts.plan_prompt(words, task.pictures)
        written = _drafted(critic, prompt, PlanDraft, critic.profile.plan_tokens)
        reading = reading_of(written, task, understood.words)
        match asked:
            case Asked():
                reading = as_asked(reading, asked)
            case Composition():
                reading = as_composed(reading, asked)
            case Changes():
                reading = self._changed(reading, asked, task, critic)
            case None:
                pass
        return as_understood(reading, understood, task)

    def _changed(self, reading: Reading, asked: Changes, task: GivenTask, critic: Consultation) -> Reading:
        """As `as_changed`; a picture that the plan says nothing of, taken for a question or refused, is described."""
        if reading.mode not in ("answer", "refuse"):
            return as_changed(reading, asked)
        said = critic.write(self.describe(task.pictures[0]), max_tokens=critic.profile.description_tokens)
        described = Reading("edit", "", (" ".join(said.text.split()),))
        changed = as_changed(described, asked)
        return reading if changed is described else changed

    def contradictions(self, words: str) -> tuple[tuple[str, str], ...]:
        # Its rules read what is said later as a correction, and refuse relations that contradict each other.
        return ()

    def wanted(self, task: GivenTask, reading: Reading) -> tuple[Mention, ...]:
        return () if reading.held else wanted_of(understood_as(task)[0].words, task, reading)

    def told(self, line: Requirement) -> Told:
        return told_of(line)

    def describe(self, image: Image.Image) -> Prompt:
        return prompts.describe_prompt(image)

    def verdict(self, image: Image.Image, seen: str = "") -> Prompt:
        return prompts.verdict_prompt(image, seen)

    def question(self, text: str) -> str:
        return prompts.verdict_question(_own_question(text))

    def stated(self, kind: RequirementKind, question: str) -> Stated:
        if read_asked_background(question) is not None:
            return Stated(reach="surroundings")
        counted = read_count(question)
        return Stated() if counted is None else Stated(thing=counted.phrase, number=counted.number)

    def described(self, question: str, seen: str) -> bool | None:
        return holds_as_described(question, seen)

    def place_of(self, question: str, size: tuple[int, int]) -> Box | None:
        return asked_place(question, size)

    def places(self, question: str, seen: str, size: tuple[int, int]) -> tuple[Box, ...]:
        return places_of(question, seen, size)

    def count_question(self, thing: str) -> str | None:
        return None

    def locate(self, image: Image.Image, things: Sequence[str], critic: Consultation) -> tuple[Box, ...] | None:
        return None

    def change_in(self, question: str) -> str:
        return ""

    def touched(self, image: Image.Image, change: str, critic: Consultation, *, done: bool) -> Touched | None:
        return None

    def pair(self, before: Image.Image, after: Image.Image) -> Prompt | None:
        return None

    chooses = False

    def choice(
        self, first: Image.Image, second: Image.Image, instruction: str, source: Image.Image | None = None
    ) -> Prompt | None:
        # It was trained on one picture at a time.
        return None

    def read_aloud(self, image: Image.Image) -> Prompt | None:
        return None

    def second_question(self, text: str) -> SecondQuestion:
        return SecondQuestion(prompts.negated_question(_own_question(text)), inverted=True)

    def confirmations(self, text: str) -> tuple[SecondQuestion, ...]:
        # Its model knows one wording of a question and its opposite.
        return ()

    def twin(self, kind: RequirementKind, question: str) -> str | None:
        # Its second question is inverted already.
        return None

    def repair(
        self,
        image: Image.Image,
        instruction: str,
        lines: Sequence[tuple[str, Verdict | None]],
        critic: Consultation,
        seen: str = "",
    ) -> RepairDraft:
        judged = [(question, "unsure" if verdict is None else verdict.answer) for question, verdict in lines]
        if (told := mended(judged, seen)) is not None:
            # What is described as it should be and called wrong is no fault that an edit could mend.
            scope: Scope = "local" if told else "global"
            return RepairDraft(seen=cut(seen, 600), instruction=cut(told or instruction, 400), scope=scope)
        prompt = prompts.repair_prompt(image, instruction, judged)
        return _drafted(critic, prompt, RepairDraft, critic.profile.repair_tokens)

    refines = False

    def refine(self, faulty: Faulty, critic: Consultation) -> RefineDraft | None:
        # Its generator knows one wording of each task.
        return None

    def answer(self, question: str, pictures: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
        return prompts.answer_prompt(lexicon.load().read(question).words, pictures, seen)


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


def _own_question(text: str) -> str:
    """A yes/no question in the model's own words; lines of the notation are in these already."""
    if NAME.search(text) or read_count(text):
        return plain_question(text)
    return plain_question(lexicon.load().read(text).words)


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


def _drafted(critic: Consultation, prompt: Prompt, schema: type[Draft], max_tokens: int) -> Draft:
    first = critic.write(prompt, max_tokens=max_tokens, schema=schema)
    try:
        return _parsed(first, schema)
    except ValidationError:
        # The model knows no other prompt than this one, so only more room can help.
        second = critic.write(prompt, max_tokens=max_tokens * 2 if first.cut else max_tokens, schema=schema)
    try:
        return _parsed(second, schema)
    except ValidationError as error:
        state = "cut" if second.cut else "not of the schema"
        raise Unreadable(
            f"the critic was asked twice for {schema.__name__}, its answer is {state}: {second.text[:160]!r}; "
            "say the task in other words, or use a stronger critic"
        ) from error


def _parsed(completion: Completion, schema: type[Draft]) -> Draft:
    """The first object in a text that fits.

    Raises:
        ValidationError: of the first object, or of the whole text where it holds none.
    """
    said = without_thought(completion.text)
    fault: ValidationError | None = None
    for found in json_objects(said):
        try:
            return schema.model_validate_json(json.dumps(found))
        except ValidationError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    return schema.model_validate_json(said)
