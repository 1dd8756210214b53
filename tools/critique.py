"""Looking at an attempt: a verdict for each requirement, cheap first."""

from omniagent.tools.config import CriticThresholds
from omniagent.tools.consult import ask, describe
from omniagent.tools.plain import plain_question
from omniagent.tools.preservation import over_edit
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
    """Check one picture against a checklist of yes/no questions; unsure ones are asked again in other words."""
    checklist, thresholds = arguments.checklist, context.config.thresholds
    image = context.store.get(arguments.attempt.image)
    usage, verdicts = Usage(), list[Verdict]()
    seen = ""
    if checklist and context.config.describe_first:
        seen, usage = describe(context, "critique", image)
    prompt = verdict_prompt(image, seen)
    asked = [plain_question(one.question) if context.config.plain_requests else one.question for one in checklist]
    if checklist:
        plain, spent = ask(context, "critique", prompt, [verdict_question(question) for question in asked])
        usage = usage.plus(**spent.model_dump())
        verdicts = [
            Verdict(requirement=one.id, answer=answer_of(p, thresholds), probability=p)
            for one, p in zip(checklist, plain, strict=True)
        ]
    unsure = [index for index, verdict in enumerate(verdicts) if verdict.answer == "unsure"]
    if unsure and context.calls.left:
        again, more = ask(context, "critique", prompt, [negated_question(asked[index]) for index in unsure])
        usage = usage.plus(**more.model_dump())
        for index, negated in zip(unsure, again, strict=True):
            p = second_opinion(verdicts[index].probability, negated)
            verdicts[index] = Verdict(
                requirement=checklist[index].id, answer=answer_of(p, thresholds), probability=p, asked=2
            )
    source = arguments.source
    made = Critique(
        attempt=arguments.attempt.id,
        verdicts=tuple(verdicts),
        seen=seen or None,
        over_edit=0.0 if source is None else over_edit(context.store.get(source), image, arguments.attempt.instruction),
        quality=sum(verdict.probability for verdict in verdicts) / len(verdicts) if verdicts else 0.0,
    )
    return CritiqueOut(critique=made, usage=usage, summary=f"{made.passed} of {len(verdicts)} hold")


CRITIQUE = tool(critique)
