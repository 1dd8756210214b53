"""The second stage: which pictures of a trajectory improve on the one before, by thresholds."""

from pydantic import Field

from omniagent.data.pixels import changed_share
from omniagent.data.records import Measured, Rejected
from omniagent.data.reflection.trajectory import Step, Trajectory
from omniagent.data.stage import Place, Stage
from omniagent.tools.types import Word


class ImprovementSettings(Word):
    """Thresholds; each is a choice of this project, since the paper gives none."""

    min_gain: float = Field(default=0.05, ge=0, le=1, description="gain in mean probability over the checklist")
    min_change: float = Field(default=0.001, ge=0, le=1, description="share of changed pixels, or nothing was done")
    tolerance: int = Field(default=24, ge=0, le=255, description="difference of a channel that counts as a change")


class Improvement(Word):
    """A faulty picture and the next better one; `scores` are what was measured."""

    faulty: Step
    better: Step
    scores: tuple[Measured, ...]


class Improvements(Word):
    """The chain of improvements that ends in an accepted picture, and what was dropped on the way."""

    trajectory: Trajectory
    chain: tuple[Improvement, ...] = ()
    final: Step | None = None
    rejected: tuple[Rejected, ...] = ()


def find_improvements(given: Trajectory, settings: ImprovementSettings, place: Place) -> Improvements:
    """Follow the pictures in order; one that is no improvement on the last kept one is dropped with its reason.

    Raises:
        BadImage: a picture is gone from the store.
    """
    kept, chain, rejected = given.steps[0], list[Improvement](), list[Rejected]()
    for step in given.steps[1:]:
        scores, reason = _compared(kept, step, settings, place)
        if reason:
            rejected.append(_dropped(given, step.attempt, reason, scores))
            continue
        chain.append(Improvement(faulty=kept, better=step, scores=scores))
        kept = step
    if kept.accepted:
        return Improvements(trajectory=given, chain=tuple(chain), final=kept, rejected=tuple(rejected))
    for each in chain:
        rejected.append(_dropped(given, each.better.attempt, "the run ends without an accepted picture", each.scores))
    if not chain:
        rejected.append(_dropped(given, kept.attempt, "the run ends without an accepted picture", ()))
    return Improvements(trajectory=given, rejected=tuple(rejected))


def _dropped(given: Trajectory, candidate: str, reason: str, scores: tuple[Measured, ...]) -> Rejected:
    return Rejected(source=given.source, stage=IMPROVEMENTS.name, candidate=candidate, reason=reason, scores=scores)


def _compared(kept: Step, step: Step, settings: ImprovementSettings, place: Place) -> tuple[tuple[Measured, ...], str]:
    gain = step.quality - kept.quality
    enough = gain >= settings.min_gain
    scores = [Measured(name="gain", value=gain, threshold=settings.min_gain, passed=enough)]
    if not enough:
        return tuple(scores), "the gain in quality is under the threshold"
    if not kept.faults:
        return tuple(scores), "the picture before had no fault"
    if (kept.image.width, kept.image.height) != (step.image.width, step.image.height):
        return tuple(scores), "the two pictures differ in size"
    share = changed_share(place.images.get(kept.image), place.images.get(step.image), settings.tolerance)
    enough = share >= settings.min_change
    scores.append(Measured(name="change", value=share, threshold=settings.min_change, passed=enough))
    return tuple(scores), "" if enough else "the picture is unchanged"


IMPROVEMENTS = Stage("improvements", 1, ImprovementSettings, Trajectory, Improvements, find_improvements)
