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
from omniagent.tools.dialects.drafts import PlanDraft, RefineDraft, RepairDraft
from omniagent.tools.dialects.listed import lexicon, prompts
from omniagent.tools.dialects.listed.changes import (
    Changes,
    Composition,
)
from omniagent.tools.dialects.listed.described import asked_place, changed_places, holds_as_described, places_of
from omniagent.tools.dialects.listed.draws.scene import Asked
from omniagent.tools.dialects.listed.mending import mended
from omniagent.tools.dialects.listed.notation import NAME, read_asked_background, read_count
from omniagent.tools.dialects.listed.plain_words import plain_question, said_otherwise
from omniagent.tools.dialects.listed.readings import (
    as_asked,
    as_changed,
    as_composed,
    as_understood,
    reading_of,
    understood_as,
)
from omniagent.tools.dialects.listed.wanted import told_of, wanted_of
from omniagent.tools.types import Box, Requirement, RequirementKind, Scope, Stated, Verdict

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

    def changed_places(self, questions: Sequence[str], seen: str, size: tuple[int, int]) -> tuple[Box, ...] | None:
        return changed_places(questions, seen, size)

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


def _own_question(text: str) -> str:
    """A yes/no question in the model's own words; lines of the notation are in these already."""
    if NAME.search(text) or read_count(text):
        return plain_question(text)
    return plain_question(lexicon.load().read(text).words)


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
