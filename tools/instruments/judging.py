"""The verdicts of one critic on one picture: each requirement by the instruments that fit its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from omniagent.model.mllm.yes_no import without_thought
from omniagent.model.perception.text import PlacedLine, Placing
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.tools.consult import Desk
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect, Unreadable
from omniagent.tools.instruments.agreement import agreed, answer_of
from omniagent.tools.instruments.boxes import boxes_evidence, things_of, unread
from omniagent.tools.instruments.edits.kept import compared_by_pixels
from omniagent.tools.instruments.edits.untouched import as_before
from omniagent.tools.instruments.looked import Looked, found_in
from omniagent.tools.instruments.number import number_evidence
from omniagent.tools.instruments.reading import reading_evidence
from omniagent.tools.meter import CallMeter
from omniagent.tools.types import Box, Evidence, Instrument, Requirement, Verdict

_SURE = 0.9
"""What a description weighs that says otherwise than the answer."""

_LOOKS_BEFORE: Final = 2
"""Calls that a look at the given picture takes: its description, and the questions."""

_UNCHANGED: Final = "nothing has changed there, so this is the answer to the given picture"

_OF_BOTH = ("preservation", "identity")
"""Kinds that one picture cannot tell."""


class Judged(NamedTuple):
    """A critic's description of a picture, empty where it makes none, and its verdicts."""

    seen: str
    verdicts: tuple[Verdict, ...]


class _Read(NamedTuple):
    """The lines of text of a picture, and where they stand if the reader tells."""

    lines: tuple[str, ...]
    boxes: tuple[Box, ...] = ()


class _Answer(NamedTuple):
    """p(yes) over the wordings that were asked, and how many these were."""

    probability: float
    asked: int


def second_opinion(first: float, again: float, *, inverted: bool) -> float:
    """p(yes) over two wordings: their mean; where the second is inverted, its no counts."""
    return (first + (1.0 - again if inverted else again)) / 2


_NEARLY: Final = 1
"""So many requirements may seem to fail of a picture that is asked about again."""


def held_to_twin(probability: float, twin: float) -> float:
    """p(yes) of a question beside that of its false twin: a yes to both takes from it, a no to both proves nothing."""
    return (2 * probability + min(probability, 1.0 - twin)) / 3


def judged(
    desk: Desk, looked: Looked, asked: Sequence[Requirement], calls: CallMeter, *, confirm: bool = False
) -> Judged:
    """The verdicts of one critic, in its own dialect and by its own thresholds.

    What must stay is asked about both pictures together, where the critic sees two, and compared by pixels; counts are
    asked openly besides, and texts are read. Instruments that disagree leave a verdict unsure. With `confirm` a
    picture of which every requirement but one at most seems to hold is asked about again in other words, so that
    neither a false yes ends a run nor a false no costs another picture.
    """
    profile, dialect = desk.profile, dialect_of(desk.profile)
    seen = desk.describe(looked.image) if profile.describe_first else ""
    single = dialect.verdict(looked.image, seen)
    pair = None if looked.before is None else dialect.pair(looked.before, looked.image)
    of_both = [one for one in asked if pair is not None and one.kind in _OF_BOTH]
    alone = [one for one in asked if one not in of_both]
    answers = _answers(desk, dialect, single, alone, calls)
    if pair is not None and of_both:
        answers |= _answers(desk, dialect, pair, of_both, calls)
    if confirm and sum(not _holds(answers[one.id], one, profile) for one in asked) <= _NEARLY:
        answers |= _confirmed(desk, dialect, single, alone, answers, calls)
        if pair is not None:
            answers |= _confirmed(desk, dialect, pair, of_both, answers, calls)
    same = _as_before(desk, dialect, looked, alone, answers, seen) if calls.left >= _LOOKS_BEFORE else {}
    answers |= same
    read = _read(desk, dialect, looked, alone, calls)
    boxes = _boxes(desk, dialect, looked, alone, calls)
    compared = compared_by_pixels(desk, dialect, looked, asked, calls) if of_both else {}
    verdicts: list[Verdict] = []
    for one in asked:
        answer, thresholds = answers[one.id], profile.thresholds_for(one.kind)
        instrument: Instrument = "pair" if one in of_both else "probability"
        found = [_evidence(instrument, answer, one, profile)]
        if one.kind == "count" and calls.left:
            found += filter(None, [number_evidence(one.stated, single, dialect, desk, thresholds)])
        if one.kind == "text" and one.stated.text and read is not None:
            found.append(reading_evidence(one.stated.text, read.lines, read.boxes))
        if boxes is not None and (located := _located(one, boxes, looked.image.size)) is not None:
            found.append(located)
        found += compared.get(one.id, ())
        if one.id in same:
            found[0] = found[0].model_copy(update={"note": _UNCHANGED})
        elif seen and (told := _described(dialect, one, seen, looked.image.size, found[0])) is not None:
            found.append(told)
        said, probability = agreed(found, thresholds, profile.weights_for(one.kind))
        verdicts.append(
            Verdict(
                requirement=one.id,
                answer=said,
                probability=probability,
                asked=answer.asked,
                evidence=tuple(found),
            )
        )
    return Judged(seen, tuple(verdicts))


def _evidence(instrument: Instrument, answer: _Answer, one: Requirement, profile: CriticProfile) -> Evidence:
    said = answer_of(answer.probability, profile.thresholds_for(one.kind))
    return Evidence(instrument=instrument, answer=said, probability=answer.probability)


def _boxes(
    desk: Desk, dialect: Dialect, looked: Looked, asked: Sequence[Requirement], calls: CallMeter
) -> tuple[Box, ...] | str | None:
    """The boxes of everything that some requirement is measured by, in one call.

    In words what was wrong with a reply that cannot be read; None where nothing is located.
    """
    things = tuple(dict.fromkeys(thing for one in asked for thing in things_of(one)))
    if things and looked.finder is not None:
        return found_in(looked.image, things, looked.finder)
    if not things or not calls.left:
        return None
    try:
        return dialect.locate(looked.image, things, desk)
    except Unreadable as error:
        return str(error)


def _located(one: Requirement, boxes: tuple[Box, ...] | str, size: tuple[int, int]) -> Evidence | None:
    if isinstance(boxes, str):
        return unread(boxes) if things_of(one) else None
    return boxes_evidence(one, boxes, size)


def _described(
    dialect: Dialect, one: Requirement, seen: str, size: tuple[int, int], asked: Evidence
) -> Evidence | None:
    """What follows from the critic's own description; one that agrees leaves the probability as it is."""
    holds = dialect.described(one.question, seen)
    if holds is None:
        return None
    agrees = holds == (asked.answer != "no")
    probability = asked.probability if agrees else (_SURE if holds else 1.0 - _SURE)
    return Evidence(
        instrument="description",
        answer="yes" if holds else "no",
        probability=probability,
        note=f"sees {seen}",
        boxes=dialect.places(one.question, seen, size),
    )


def _answers(
    desk: Desk, dialect: Dialect, prompt: Prompt, asked: Sequence[Requirement], calls: CallMeter
) -> dict[str, _Answer]:
    """p(yes) of each requirement over one prefix; unsure ones are asked again in other words."""
    if not asked:
        return {}
    first = desk.yes_no(prompt, [dialect.question(one.question) for one in asked])
    made = {one.id: _Answer(p, 1) for one, p in zip(asked, first, strict=True)}
    unsure = [
        one for one in asked if answer_of(made[one.id].probability, desk.profile.thresholds_for(one.kind)) == "unsure"
    ]
    if unsure and calls.left:
        others = [dialect.second_question(one.question) for one in unsure]
        twins = {one.id: twin for one in unsure if (twin := dialect.twin(one.kind, one.question)) is not None}
        again = desk.yes_no(prompt, [*(other.text for other in others), *twins.values()])
        for one, other, probability in zip(unsure, others, again, strict=False):
            made[one.id] = _Answer(second_opinion(made[one.id].probability, probability, inverted=other.inverted), 2)
        for name, probability in zip(twins, again[len(others) :], strict=True):
            made[name] = _Answer(held_to_twin(made[name].probability, probability), 3)
    return made


def _holds(answer: _Answer, one: Requirement, profile: CriticProfile) -> bool:
    return answer_of(answer.probability, profile.thresholds_for(one.kind)) == "yes"


def _confirmed(
    desk: Desk,
    dialect: Dialect,
    prompt: Prompt,
    asked: Sequence[Requirement],
    answers: Mapping[str, _Answer],
    calls: CallMeter,
) -> dict[str, _Answer]:
    """The mean p(yes) over all wordings of what was asked in one so far: much of an answer's error is its wording's."""
    again = [
        (one, other) for one in asked if answers[one.id].asked == 1 for other in dialect.confirmations(one.question)
    ]
    if not again or not calls.left:
        return {}
    said = desk.yes_no(prompt, [other.text for _, other in again])
    found = {one.id: [answers[one.id].probability] for one, _ in again}
    for (one, other), probability in zip(again, said, strict=True):
        found[one.id].append(1.0 - probability if other.inverted else probability)
    return {name: _Answer(sum(each) / len(each), len(each)) for name, each in found.items()}


def _as_before(
    desk: Desk,
    dialect: Dialect,
    looked: Looked,
    asked: Sequence[Requirement],
    answers: Mapping[str, _Answer],
    seen: str,
) -> dict[str, _Answer]:
    """The given picture's answers to what does not hold of this one, at places where nothing has changed."""

    def doubtful(one: Requirement) -> bool:
        return not _holds(answers[one.id], one, desk.profile) or dialect.described(one.question, seen) is False

    found = as_before(desk, dialect, looked, [one for one in asked if doubtful(one)])
    holding = (one for one in asked if one.id in found and _holds(_Answer(found[one.id], 1), one, desk.profile))
    return {one.id: _Answer(found[one.id], answers[one.id].asked + 1) for one in holding}


def _read(desk: Desk, dialect: Dialect, looked: Looked, asked: Sequence[Requirement], calls: CallMeter) -> _Read | None:
    """The text of the picture, where a requirement asks for one: by the reader, else read aloud by the critic.

    A reader that does not have the letters of a text that is asked for leaves all to the critic.
    """
    texts = [one.stated.text for one in asked if one.kind == "text" and one.stated.text]
    reader = looked.reader
    if not texts:
        return None
    if isinstance(reader, Placing):
        if all(reader.knows(text) for text in texts):
            placed = reader.placed(looked.image)
            return _Read(tuple(line.text for line in placed), tuple(_boxed(line) for line in placed))
    elif reader is not None:
        return _Read(reader.lines(looked.image))
    prompt = dialect.read_aloud(looked.image)
    if prompt is None or not calls.left:
        return None
    said = without_thought(desk.write(prompt, max_tokens=desk.profile.description_tokens).text)
    return _Read(tuple(line.strip() for line in said.splitlines() if line.strip()))


def _boxed(line: PlacedLine) -> Box:
    left, top = max(0.0, line.left), max(0.0, line.top)
    return Box(label=line.text, left=left, top=top, right=max(left, line.right), bottom=max(top, line.bottom))
