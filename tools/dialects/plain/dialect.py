"""The plain dialect: any instruction-following vision-language model, asked in small separate calls."""

from collections.abc import Sequence

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import Prompt
from omniagent.tools.audit.audit import alike
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
from omniagent.tools.dialects.drafts import RefineDraft, RepairDraft, RequirementDraft
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.checklist import checklist_for
from omniagent.tools.dialects.plain.consulting import written
from omniagent.tools.dialects.plain.faithful import speaks_of
from omniagent.tools.dialects.plain.forms import REPAIR, RepairForm
from omniagent.tools.dialects.plain.grounding.boxes import read_boxes, sent_size, touched_by
from omniagent.tools.dialects.plain.instruction import instruction_for
from omniagent.tools.dialects.plain.language.contradictions import Contradiction, contradictions, overruled
from omniagent.tools.dialects.plain.language.twins import false_twin
from omniagent.tools.dialects.plain.language.vocabulary import canonical, has_han, words_of
from omniagent.tools.dialects.plain.modes import possible_modes, reach_of
from omniagent.tools.dialects.plain.refining import refined
from omniagent.tools.dialects.plain.reply.drafts import read_repair
from omniagent.tools.dialects.plain.stated import change_in, kept_lines, stated_of
from omniagent.tools.dialects.plain.steps import steps_of
from omniagent.tools.dialects.plain.wanted import UNKNOWN_LANGUAGE, known, told_of, wanted_of
from omniagent.tools.types import Box, Mode, Reach, Requirement, RequirementKind, Stated, Verdict


class Plain:
    """A task is read by rule where rules are sure, then by one call for each thing that is left to find out."""

    name = "plain"

    def plan(self, task: GivenTask, critic: Consultation) -> Reading:
        modes = possible_modes(
            task.words,
            len(task.pictures),
            fixed=task.mode,
            domain=task.generator.domain,
            clarified=task.clarified,
        )
        mode, sure, assumptions = _chosen(modes, task, critic)
        if mode in ("answer", "refuse"):
            return Reading(mode, task.words, assumptions=assumptions, sure=sure)
        pictures = () if mode == "generate" else task.pictures
        checklist = checklist_for(task.words, pictures, mode, critic, again=task.again)
        changes = mode == "edit" and len(pictures) == 1
        reach = reach_of(task.words, critic) if changes else None
        kept = self.kept(task.words, reach) if changes else ()
        told = instruction_for(task.words, pictures, mode, task.generator, critic)
        lines = (*checklist.lines, *kept)
        notes = () if known(task.words) else (UNKNOWN_LANGUAGE,)
        return Reading(
            mode,
            told.text,
            checklist=lines,
            assumptions=(*assumptions, *_chosen_words(task), *checklist.assumptions, *told.assumptions, *notes),
            sure=min(sure, checklist.sure),
            steps=steps_of(task.words, told.text, lines, reach, pair=changes) if mode == "edit" else (),
        )

    def contradictions(self, words: str) -> tuple[tuple[str, str], ...]:
        return tuple((one.first, one.then) for one in contradictions(words))

    def wanted(self, task: GivenTask, reading: Reading) -> tuple[Mention, ...]:
        void = _overruled(task)
        return tuple(
            mention
            for mention in wanted_of(task.words, reading.mode)
            if not any(_voids(one, value, mention) for one, value in void)
        )

    def told(self, line: Requirement) -> Told:
        return told_of(line)

    def describe(self, image: Image.Image) -> Prompt:
        return prompts.describe_prompt(image)

    def verdict(self, image: Image.Image, seen: str = "") -> Prompt:
        return prompts.verdict_prompt(image, seen)

    def question(self, text: str) -> str:
        return prompts.verdict_question(text)

    def stated(self, kind: RequirementKind, question: str) -> Stated:
        return stated_of(kind, question)

    def described(self, question: str, seen: str) -> bool | None:
        return None

    def place_of(self, question: str, size: tuple[int, int]) -> Box | None:
        return None

    def places(self, question: str, seen: str, size: tuple[int, int]) -> tuple[Box, ...]:
        return ()

    def changed_places(self, questions: Sequence[str], seen: str, size: tuple[int, int]) -> tuple[Box, ...] | None:
        return None

    def count_question(self, thing: str) -> str | None:
        return prompts.count_question(thing)

    def locate(self, image: Image.Image, things: Sequence[str], critic: Consultation) -> tuple[Box, ...] | None:
        sent = sent_size(image, critic.profile)
        if sent is None:
            return None
        said = critic.write(prompts.grounding_prompt(image, things), max_tokens=critic.profile.plan_tokens)
        if said.cut:
            raise Unreadable("the list of boxes was cut at the token limit, so that boxes may be missing")
        return read_boxes(said.text, sent=sent, size=image.size, things=things)

    def kept(self, words: str, reach: Reach | None = None) -> tuple[RequirementDraft, ...]:
        """The lines that a change is judged by on both pictures, in words of the request; see `kept_lines`."""
        return kept_lines(words, reach)

    def change_in(self, question: str) -> str:
        return change_in(question)

    def touched(self, image: Image.Image, change: str, critic: Consultation, *, done: bool) -> Touched | None:
        return touched_by(image, change, critic, done=done)

    def pair(self, before: Image.Image, after: Image.Image) -> Prompt | None:
        return prompts.pair_prompt(before, after)

    chooses = True

    def choice(
        self, first: Image.Image, second: Image.Image, instruction: str, source: Image.Image | None = None
    ) -> Prompt | None:
        return prompts.choice_prompt(first, second, instruction, source)

    def read_aloud(self, image: Image.Image) -> Prompt | None:
        return prompts.reading_prompt(image)

    def second_question(self, text: str) -> SecondQuestion:
        return SecondQuestion(prompts.paraphrased_question(text), inverted=False)

    def confirmations(self, text: str) -> tuple[SecondQuestion, ...]:
        others = (prompts.paraphrased_question(text), prompts.agreement_question(text))
        return tuple(SecondQuestion(one, inverted=False) for one in others)

    def twin(self, kind: RequirementKind, question: str) -> str | None:
        told = false_twin(kind, question)
        return None if told is None else prompts.verdict_question(told)

    def repair(
        self,
        image: Image.Image,
        instruction: str,
        lines: Sequence[tuple[str, Verdict | None]],
        critic: Consultation,
        seen: str = "",
    ) -> RepairDraft:
        held = [question for question, verdict in lines if verdict is not None and verdict.answer == "yes"]
        failed = [question for question, verdict in lines if verdict is None or verdict.answer != "yes"]
        prompt = prompts.repair_prompt(image, instruction, held, failed)

        def read(text: str) -> RepairDraft:
            draft = read_repair(text)
            if draft.instruction == REPAIR.instruction and not speaks_of(draft.instruction, instruction):
                raise Unreadable("it repeats the instruction of the example instead of mending this picture")
            return draft

        return written(critic, prompt, RepairForm, read, critic.profile.repair_tokens)

    refines = True

    def refine(self, faulty: Faulty, critic: Consultation) -> RefineDraft | None:
        return refined(faulty, critic)

    def answer(self, question: str, pictures: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
        return prompts.answer_prompt(question, pictures, seen)


def _overruled(task: GivenTask) -> tuple[tuple[Contradiction, str], ...]:
    """The contradictions of a task with what does not hold; an answer of the person, the last line, decides."""
    words, _, answer = task.words.rpartition("\n") if task.clarified else (task.words, "", "")
    return overruled(words, answer)


def _voids(one: Contradiction, value: str, mention: Mention) -> bool:
    """Whether a part of the task is what was given up of a contradiction."""
    noun, words = canonical(one.noun), {canonical(word) for word in words_of(mention.said)}
    concerns = any(alike(noun, form) for form in (*mention.of, *words)) or _in_chinese(noun, mention)
    return concerns and (bool({value, f"#{value}"} & {*mention.forms, *words}) or _in_chinese(value, mention))


def _in_chinese(word: str, mention: Mention) -> bool:
    """Whether a word of a language without spaces stands in what a task mentions."""
    return has_han(word) and word in mention.said


def _chosen_words(task: GivenTask) -> tuple[str, ...]:
    """What was taken where the task contradicts itself."""
    return tuple(
        f"the task says “{one.first}” and “{one.then}” of one thing; "
        f"“{one.values[1] if value == one.values[0] else one.values[0]}” was taken"
        for one, value in _overruled(task)
    )


def _chosen(modes: Sequence[Mode], task: GivenTask, critic: Consultation) -> tuple[Mode, float, tuple[str, ...]]:
    """The mode that the critic finds likeliest, how likely, and what was assumed when it cannot say."""
    if len(modes) == 1:
        return modes[0], 1.0, ()
    prompt = prompts.mode_prompt(task.words, len(task.pictures), modes, task.generator.domain)
    try:
        likely = critic.choose(prompt, prompts.letters(modes))
    except CriticBadOutput:
        return modes[0], 0.0, (f"the critic could not say what is asked for, so the task was read as {modes[0]}",)
    sure, mode = max(zip(likely, modes, strict=True), key=lambda pair: pair[0])
    return mode, sure, ()
