"""Looking at an attempt: a verdict for each requirement, cheap first."""

from omniagent.tools.config import CriticThresholds
from omniagent.tools.consult import ask, describe
from omniagent.tools.instruments.blank import blank_fails, is_blank
from omniagent.tools.instruments.preservation import over_edit
from omniagent.tools.plain import plain_question
from omniagent.tools.prompts import negated_question, verdict_prompt, verdict_question
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


def answer_of(probability: float, thresholds: CriticThresholds) -> Answer:
    """yes, no, or unsure between the thresholds."""
    if probability >= thresholds.yes:
        return "yes"
    return "no" if probability <= thresholds.no else "unsure"


def second_opinion(first: float, negated: float) -> float:
    """p(yes) over both wordings: the mean of the plain answer and of no to the negated question."""
    return (first + (1.0 - negated)) / 2


def critique(arguments: CritiqueIn, context: ToolContext) -> CritiqueOut:
    """Check one picture against a checklist of yes/no questions; unsure ones are asked again in other words.

    What no blank picture can show is not asked about a blank one: small critics say yes to it.
    """
    checklist, thresholds = arguments.checklist, context.config.thresholds
    image = context.store.get(arguments.attempt.image)
    blank = bool(checklist) and is_blank(image)
    asked = [one for one in checklist if not (blank and blank_fails(one))]
    usage, verdicts = Usage(), {one.id: Verdict(requirement=one.id, answer="no", probability=0.0) for one in checklist}
    seen = ""
    if asked and context.config.describe_first:
        seen, usage = describe(context, "critique", image)
    prompt = verdict_prompt(image, seen)
    worded = {one.id: plain_question(one.question) if context.config.plain_requests else one.question for one in asked}
    if asked:
        plain, spent = ask(context, "critique", prompt, [verdict_question(worded[one.id]) for one in asked])
        usage = usage.plus(**spent.model_dump())
        for one, p in zip(asked, plain, strict=True):
            verdicts[one.id] = Verdict(requirement=one.id, answer=answer_of(p, thresholds), probability=p)
    unsure = [one for one in asked if verdicts[one.id].answer == "unsure"]
    if unsure and context.calls.left:
        again, more = ask(context, "critique", prompt, [negated_question(worded[one.id]) for one in unsure])
        usage = usage.plus(**more.model_dump())
        for one, negated in zip(unsure, again, strict=True):
            p = second_opinion(verdicts[one.id].probability, negated)
            verdicts[one.id] = Verdict(requirement=one.id, answer=answer_of(p, thresholds), probability=p, asked=2)
    source = arguments.source
    made = Critique(
        attempt=arguments.attempt.id,
        verdicts=tuple(verdicts.values()),
        seen=seen or None,
        scope="global" if blank else "local",
        blank=blank,
        over_edit=0.0 if source is None else over_edit(context.store.get(source), image, arguments.attempt.instruction),
        quality=sum(verdict.probability for verdict in verdicts.values()) / len(verdicts) if verdicts else 0.0,
    )
    summary = f"{made.passed} of {len(verdicts)} hold" + ("; the picture is blank" if blank else "")
    return CritiqueOut(critique=made, usage=usage, summary=summary)


CRITIQUE = tool(critique)
