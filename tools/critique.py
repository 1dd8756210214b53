"""Judging an attempt: a verdict for each requirement, cheap first."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from omniagent.model.profile import Thresholds
from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.instruments.blank import blank_fails, is_blank
from omniagent.tools.instruments.preservation import limits_of, over_edit
from omniagent.tools.meter import CallMeter
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Answer, Attempt, Critique, ImageRef, Requirement, Usage, Verdict, Word


class CritiqueIn(Word):
    """An attempt and what it must show. `source` is the picture that it was made from by an edit."""

    attempt: Attempt
    checklist: tuple[Requirement, ...]
    source: ImageRef | None = None


class CritiqueOut(Outcome):
    """The verdicts, without a repair."""

    critique: Critique


def answer_of(probability: float, thresholds: Thresholds) -> Answer:
    """yes, no, or unsure between the thresholds."""
    if probability >= thresholds.yes:
        return "yes"
    return "no" if probability <= thresholds.no else "unsure"


def second_opinion(first: float, again: float, *, inverted: bool) -> float:
    """p(yes) over two wordings: their mean; where the second is inverted, its no counts."""
    return (first + (1.0 - again if inverted else again)) / 2


def critique(arguments: CritiqueIn, context: ToolContext) -> CritiqueOut:
    """Check one picture against a checklist of yes/no questions; unsure ones are asked again in other words.

    What no blank picture can show is not asked about a blank one: small critics say yes to it.
    """
    checklist = arguments.checklist
    image = context.store.get(arguments.attempt.image)
    blank = bool(checklist) and is_blank(image)
    asked = [one for one in checklist if not (blank and blank_fails(one))]
    verdicts = {one.id: Verdict(requirement=one.id, answer="no", probability=0.0) for one in checklist}
    seen, usage = "", Usage()
    if asked:
        consulted = consult(context, "critique", lambda desk: judged(desk, image, asked, context.calls))
        seen, usage = consulted.value.seen, consulted.usage
        verdicts |= {verdict.requirement: verdict for verdict in consulted.value.verdicts}
    source = arguments.source
    limits = limits_of(context.runtime.generator.profile)
    instruction = arguments.attempt.instruction
    made = Critique(
        attempt=arguments.attempt.id,
        verdicts=tuple(verdicts.values()),
        seen=seen or None,
        scope="global" if blank else "local",
        blank=blank,
        over_edit=0.0 if source is None else over_edit(context.store.get(source), image, instruction, limits),
        quality=sum(verdict.probability for verdict in verdicts.values()) / len(verdicts) if verdicts else 0.0,
    )
    summary = f"{made.passed} of {len(verdicts)} hold" + ("; the picture is blank" if blank else "")
    return CritiqueOut(critique=made, usage=usage, summary=summary)


class Judged(NamedTuple):
    """A critic's description of a picture, empty where it makes none, and its verdicts."""

    seen: str
    verdicts: tuple[Verdict, ...]


def judged(desk: Desk, image: Image.Image, asked: Sequence[Requirement], calls: CallMeter) -> Judged:
    """The verdicts of one critic, in its own dialect and by its own thresholds."""
    profile, dialect = desk.profile, dialect_of(desk.profile)
    seen = desk.describe(image) if profile.describe_first else ""
    prompt = dialect.verdict(image, seen)
    first = desk.yes_no(prompt, [dialect.question(one.question) for one in asked])
    verdicts = [
        Verdict(requirement=one.id, answer=answer_of(p, profile.thresholds_for(one.kind)), probability=p)
        for one, p in zip(asked, first, strict=True)
    ]
    unsure = [index for index, verdict in enumerate(verdicts) if verdict.answer == "unsure"]
    if unsure and calls.left:
        others = [dialect.second_question(asked[index].question) for index in unsure]
        again = desk.yes_no(prompt, [other.text for other in others])
        for index, other, probability in zip(unsure, others, again, strict=True):
            p = second_opinion(verdicts[index].probability, probability, inverted=other.inverted)
            answer = answer_of(p, profile.thresholds_for(asked[index].kind))
            verdicts[index] = Verdict(requirement=asked[index].id, answer=answer, probability=p, asked=2)
    return Judged(seen, tuple(verdicts))


CRITIQUE = tool(critique)
