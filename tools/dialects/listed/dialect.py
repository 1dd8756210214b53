"""The dialect of a critic that was trained on the listed notation, as the bundled one is."""

import json
from collections.abc import Sequence
from typing import TypeVar

from PIL import Image
from pydantic import BaseModel, ValidationError

from omniagent.model.mllm.yes_no import json_objects, without_thought
from omniagent.model.requests import Completion, Prompt
from omniagent.tools.dialects.base import Consultation, GivenTask, Reading, SecondQuestion, Unreadable
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft
from omniagent.tools.dialects.listed import prompts
from omniagent.tools.dialects.listed.draws import Heard, heard
from omniagent.tools.dialects.listed.layouts import layout_as_counted
from omniagent.tools.dialects.listed.names import named_as_seen, questions_as_seen, questions_as_told
from omniagent.tools.dialects.listed.plain_words import plain_question, plain_request
from omniagent.tools.types import Mode, Verdict

Draft = TypeVar("Draft", bound=BaseModel)


class Listed:
    """One call reads a task; its reply is JSON whose texts are in the listed notation and are held to one another.

    Requests and questions are brought to one plain form first: case, white space and punctuation around them mean
    nothing to a model that was trained on plain words.
    """

    name = "listed"

    def plan(self, task: GivenTask, critic: Consultation) -> Reading:
        said = heard(task.words) if not task.pictures else Heard(plain_request(task.words))
        free = task.generator.domain is None or task.mode is not None
        if said.reason and not free:
            return Reading("refuse", "", assumptions=(said.reason,))
        prompt = prompts.plan_prompt(said.words, task.pictures)
        reading = reading_of(_drafted(critic, prompt, PlanDraft, critic.profile.plan_tokens), task)
        if said.unknown and not free:
            return Reading("refuse", "", reading.seen, assumptions=(unknown_words(said.unknown),))
        return as_heard(reading, said, plain_request(task.words))

    def describe(self, image: Image.Image) -> Prompt:
        return prompts.describe_prompt(image)

    def verdict(self, image: Image.Image, seen: str = "") -> Prompt:
        return prompts.verdict_prompt(image, seen)

    def question(self, text: str) -> str:
        return prompts.verdict_question(plain_question(text))

    def second_question(self, text: str) -> SecondQuestion:
        return SecondQuestion(prompts.negated_question(plain_question(text)), inverted=True)

    def repair(
        self, image: Image.Image, instruction: str, lines: Sequence[tuple[str, Verdict | None]], critic: Consultation
    ) -> RepairDraft:
        judged = [(question, "unsure" if verdict is None else verdict.answer) for question, verdict in lines]
        prompt = prompts.repair_prompt(image, instruction, judged)
        return _drafted(critic, prompt, RepairDraft, critic.profile.repair_tokens)

    def answer(self, question: str, pictures: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
        return prompts.answer_prompt(plain_request(question), pictures, seen)


def reading_of(written: PlanDraft, task: GivenTask) -> Reading:
    """A draft as a reading, its names, questions and layout held to one another by fixed rules."""
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
    return Reading(mode, told or plain_request(task.words), seen, checklist)


def unknown_words(unknown: Sequence[str]) -> str:
    """Why a task is refused with words that nobody here knows, by name."""
    named = " and ".join(f"“{word}”" for word in unknown[:3])
    return f"{named} {'is' if len(unknown) == 1 else 'are'} not among what this model knows"


def as_heard(reading: Reading, said: Heard, words: str) -> Reading:
    """The reading with what the person's words were taken for, and with the checklist of a request that was read whole.

    Rules that read every word of a request are surer of its numbers and relations than the small model that lays it out.
    """
    if reading.mode == "generate" and said.asked is not None:
        questions = said.asked.checklist
        told = layout_as_counted(reading.instruction, [one.question for one in questions])
        reading = reading._replace(checklist=questions, instruction=told)
    notes = said.assumptions if said.words == words else (f"read as “{said.words}”", *said.assumptions)
    return reading._replace(assumptions=(*reading.assumptions, *notes))


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
