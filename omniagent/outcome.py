"""How the faces speak of a finished run: one status word, an exit code, a few lines of text, and plain JSON."""

from typing import Any, Final, Literal

from omniagent.result import Result

Status = Literal["accepted", "answered", "best_effort", "refused", "cancelled", "failed"]
"""`answered`: a question, in words; `best_effort`: a picture of which some requirement does not hold."""

EXIT_CODES: Final[dict[Status, int]] = {
    "accepted": 0,
    "answered": 0,
    "best_effort": 1,
    "refused": 1,
    "failed": 3,
    "cancelled": 130,
}
BAD_USAGE = 2
RUNTIME_FAILURE = 3
CANCELLED = 130


def status_of(result: Result) -> Status:
    """The one word for how a run went."""
    if result.stop_reason in ("refused", "cancelled", "failed"):
        return result.stop_reason
    if result.accepted:
        return "answered" if result.best is None else "accepted"
    return "failed" if result.best is None else "best_effort"


def describe(result: Result) -> str:
    """A few lines for people and for hosts that show no pictures: status, reason, and every verdict."""
    lines = [f"{status_of(result).replace('_', ' ')}: {result.message or result.stop_reason.replace('_', ' ')}"]
    if result.answer is not None:
        lines.append(f"answer: {result.answer}")
    critique = result.critique
    verdicts = {verdict.requirement: verdict for verdict in critique.verdicts} if critique else {}
    if result.best is not None:
        for need in result.checklist:
            verdict = verdicts.get(need.id)
            seen = f"{verdict.answer:>6} {verdict.probability:.2f}" if verdict else f"{'—':>6}     "
            lines.append(f"{seen}  {need.question}")
        lines.append(f"picture: {result.image_path} (seed {result.seed})")
    return "\n".join(lines)


def as_json(result: Result) -> dict[str, Any]:
    """The result as plain JSON values, with `status` and the best picture's path (`image`, None without one)."""
    image = result.image_path
    return {
        "status": status_of(result),
        "image": None if image is None else str(image.resolve()),
        **result.model_dump(mode="json"),
    }
