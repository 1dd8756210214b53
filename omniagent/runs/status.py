"""How frontends speak of a run: a status word, an exit code, words for tools and stops, lines of text, plain JSON."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from omniagent.model.wording import counted
from omniagent.runs.result import Result
from omniagent.tools.record.trace import RunEnded
from omniagent.tools.types import Critique, Instrument, StopReason, Verdict

Status = Literal["accepted", "unchecked", "answered", "best_effort", "refused", "cancelled", "failed"]
"""`answered`: a question, in words; `unchecked`: every requirement holds, but none asks for some part of the task;
`best_effort`: a picture of which some requirement does not hold."""

EXIT_CODES: Final[dict[Status, int]] = {
    "accepted": 0,
    "answered": 0,
    "best_effort": 1,
    "refused": 1,
    "unchecked": 4,
    "failed": 3,
    "cancelled": 130,
}
STOPS: Final[dict[StopReason, str]] = {
    "accepted": "accepted",
    "unchecked": "not all of the task was checked",
    "round_limit": "round limit reached",
    "image_limit": "picture limit reached",
    "time_limit": "time limit reached",
    "stagnation": "no progress",
    "oscillation": "going in circles",
    "critic_unavailable": "critic unavailable",
    "cancelled": "cancelled",
    "refused": "refused",
    "failed": "failed",
}
"""Stop reasons in words for people."""

_INSTRUMENTS: Final[dict[Instrument, str]] = {
    "probability": "asked",
    "number": "counted",
    "reading": "read",
    "pair": "asked of both pictures",
    "description": "by its description",
    "boxes": "by boxes",
    "pixels": "by its pixels",
}
_DOING: Final = {
    "plan": "reading the task",
    "generate": "drawing",
    "edit": "editing",
    "compose": "composing",
    "mend": "repairing a part",
    "restore": "restoring what was not to change",
    "critique": "looking at the picture",
    "prefer": "choosing between two pictures",
    "rank": "scoring the edits",
    "suggest": "writing a repair",
    "refine": "writing a new instruction",
    "reread": "reading the task again",
    "answer": "answering",
}


def doing(tool: str) -> str:
    """What a tool does, in words for people."""
    return _DOING.get(tool, tool)


def status_of(result: Result | RunEnded) -> Status:
    """The one word for how a run went, from its result or from the last event of its trace."""
    if result.stop_reason in ("refused", "cancelled", "failed", "unchecked"):
        return result.stop_reason
    if result.accepted:
        return "answered" if result.best is None else "accepted"
    return "failed" if result.best is None else "best_effort"


def returned(result: Result) -> list[str]:
    """Which attempt is returned, how much of it holds, and why it is not the one with the most verdicts."""
    best = result.best
    if best is None:
        return []
    critique = result.critique
    score = "not looked at"
    if critique is not None:
        score = f"{critique.passed} of {counted(len(critique.verdicts), 'requirement')} hold"
    many = counted(len(result.attempts), "picture")
    lines = [f"returned: {best.id} of {many}, {score}; seed {result.seed}"]
    most = max(result.critiques, key=lambda one: one.passed, default=None)
    if critique is not None and most is not None and most.passed > critique.passed:
        lines.append(
            f"{most.attempt} holds {most.passed}, but a later picture takes the place of an earlier one only by a "
            "clear lead, since single verdicts err"
        )
    return lines


def evidence_of(verdict: Verdict | None) -> str:
    """What a verdict rests on, in words; empty where that is one question about the picture alone."""
    if verdict is None:
        return ""
    # A description that says the same adds nothing to read.
    told = [
        one for one in verdict.evidence if one.instrument != "description" or one.answer != verdict.evidence[0].answer
    ]
    if all(one.instrument == "probability" and not one.note for one in told):
        return ""
    return "; ".join(
        f"{_INSTRUMENTS[one.instrument]} {one.probability:.2f}{f', {one.note}' if one.note else ''}" for one in told
    )


def cost_of(critique: Critique) -> str:
    """What the verdicts on one picture took of the critic, in words."""
    cost = critique.cost
    tokens = cost.prompt_tokens + cost.completion_tokens
    return f"judged in {counted(cost.calls, 'critic call')} ({counted(cost.prefills, 'prefill')}), {tokens:,} tokens"


def evidence_cost(critiques: Sequence[Critique]) -> str:
    """What the verdicts took a picture, in the mean; empty where no critic was asked."""
    costs = [one.cost for one in critiques if one.cost.calls]
    if not costs:
        return ""
    calls, prefills, tokens = (
        sum(each) / len(costs)
        for each in zip(*((c.calls, c.prefills, c.prompt_tokens + c.completion_tokens) for c in costs), strict=True)
    )
    return f"{calls:.1f} critic calls, {prefills:.1f} prefills, {tokens:,.0f} tokens"


def describe(result: Result) -> str:
    """A few lines for people and for hosts that show no pictures: status, reason, every verdict, what is returned."""
    lines = [f"{status_of(result).replace('_', ' ')}: {result.message or STOPS[result.stop_reason]}"]
    if result.answer is not None:
        lines.append(f"answer: {result.answer}")
    critique = result.critique
    verdicts = {verdict.requirement: verdict for verdict in critique.verdicts} if critique else {}
    if result.best is not None:
        for need in result.checklist:
            verdict = verdicts.get(need.id)
            seen = f"{verdict.answer:>6} {verdict.probability:.2f}" if verdict else f"{'—':>6}     "
            lines.append(f"{seen}  {need.question}{f'  ({told})' if (told := evidence_of(verdict)) else ''}")
        lines += [*returned(result), f"picture: {result.image_path}"]
    if result.plan is not None:
        lines += [f"assumed: {one}" for one in result.plan.assumptions]
        lines += [f"not checked: {one}" for one in result.unchecked]
    return "\n".join(lines)


def error_json(error: BaseException) -> dict[str, str]:
    """An error that left no result, as plain JSON values: status `error`, its class and its message."""
    return {"status": "error", "error": type(error).__name__, "message": str(error)}


def as_json(result: Result) -> dict[str, Any]:
    """The result as plain JSON values, with `status` and the best picture's path (`image`, None without one)."""
    image = result.image_path
    return {
        "status": status_of(result),
        "image": None if image is None else str(image.resolve()),
        **result.model_dump(mode="json"),
    }
