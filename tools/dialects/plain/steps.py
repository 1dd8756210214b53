"""The steps of a request for several changes of a picture, each with the lines that must hold after it."""

from collections.abc import Sequence

from omniagent.tools.dialects.drafts import RequirementDraft, StepDraft
from omniagent.tools.dialects.plain.faithful import lost, speaks_of
from omniagent.tools.dialects.plain.language.ground import named_images
from omniagent.tools.dialects.plain.language.vocabulary import has_han
from omniagent.tools.dialects.plain.language.wishes import kept_wishes, wishes_of
from omniagent.tools.dialects.plain.stated import is_kept_line, kept_lines
from omniagent.tools.types import Reach


def steps_of(
    words: str, instruction: str, checklist: Sequence[RequirementDraft], reach: Reach | None, *, pair: bool
) -> tuple[StepDraft, ...]:
    """The changes that an instruction asks for, one after the other; empty where it asks for one.

    A line belongs to the last step that speaks of what it asks about, as that one may change it again, and must hold
    from there on; a line of which no step speaks must hold at the end. What is to be kept is told at every step.

    Args:
        words: The person's own, in which the lines on both pictures are worded.
        instruction: For the generator, in English.
        checklist: All lines.
        reach: How far the changes reach together.
        pair: Whether there is one given picture, beside which each result is judged.
    """
    wishes, said = wishes_of(instruction), wishes_of(words)
    kept = kept_wishes(instruction)
    if not wishes or lost(instruction, ". ".join((*wishes, *kept))):
        return ()
    own = tuple(line for line in checklist if not is_kept_line(line.question))
    ends = [_step_of(line.question, wishes) for line in own]
    steps: list[StepDraft] = []
    for number, wish in enumerate(wishes[:-1], start=1):
        due = tuple(line for line, end in zip(own, ends, strict=True) if end <= number)
        done = _joined(said[:number] if len(said) == len(wishes) else wishes[:number])
        both = kept_lines(done, reach) if pair else ()
        steps.append(StepDraft(instruction=_told(wish, kept), checklist=(*due, *both), references=_others(wish)))
    last = StepDraft(instruction=_told(wishes[-1], kept), checklist=tuple(checklist), references=_others(wishes[-1]))
    return (*steps, last)


def _step_of(question: str, wishes: Sequence[str]) -> int:
    """The number of the last step that speaks of what a question asks about; of none, of the last of all."""
    speaking = [number for number, wish in enumerate(wishes, start=1) if speaks_of(question, wish)]
    return speaking[-1] if speaking else len(wishes)


def _told(wish: str, kept: Sequence[str]) -> str:
    sentences = [f"{one[:1].upper()}{one[1:]}" for one in (wish, *kept)]
    return "。".join(sentences) if has_han(wish) else ". ".join(sentences)


def _joined(wishes: Sequence[str]) -> str:
    return "，".join(wishes) if any(map(has_han, wishes)) else ", then ".join(wishes)


def _others(wish: str) -> tuple[int, ...]:
    return tuple(number for number in named_images(wish) if number != 1)
