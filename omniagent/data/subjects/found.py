"""Subjects of the first frame of each shot: named by the describer, located by the detector."""

from collections.abc import Sequence

from PIL import Image
from pydantic import Field

from omniagent.data.records import Measured, Rejected, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.video.footage import Footage, Take
from omniagent.model.errors import CriticBadOutput
from omniagent.model.perception.boxes import Found as Seen
from omniagent.model.perception.masks import Rect, overlap
from omniagent.tools.types import Word


class Found(Word):
    """A subject: its name, box in the first frame, in pixels, and what was measured."""

    thing: str
    box: tuple[float, float, float, float]
    scores: tuple[Measured, ...] = ()


class FoundTake(Word):
    """A shot with its subjects."""

    take: Take
    subjects: tuple[Found, ...]


class FoundSubjects(Word):
    """The subjects of a video."""

    source: str
    takes: tuple[FoundTake, ...]
    rejected: tuple[Rejected, ...] = ()


class SubjectSettings(Word):
    """Grounding as in OpenS2V-Nexus (box 0.25), shares of boxes as in ImgEdit; each may be changed."""

    most: int = Field(default=4, ge=1, le=10, description="subjects of a shot")
    least_score: float = Field(default=0.3, ge=0, le=1, description="of the detector")
    least_share: float = Field(default=0.01, ge=0, le=1, description="of the frame that a box covers")
    most_share: float = Field(default=0.6, ge=0, le=1)
    most_alike: int = Field(default=1, ge=1, description="boxes of one name; more are look-alikes, and it is dropped")
    most_overlap: float = Field(default=0.8, ge=0, le=1, description="of two boxes; beyond, two names are of one thing")
    least_stills: int = Field(default=2, ge=2, description="frames of a shot")


def find_subjects(given: Footage, settings: SubjectSettings, place: Place) -> FoundSubjects:
    """Name and locate the subjects of the base frame, which is the first one of a shot (OmniGen2, section 9.3.1)."""
    rejected = list(given.rejected)
    takes: list[FoundTake] = []
    for take in given.takes:
        name = f"shot {take.shot}"
        scores = (at_least("stills", len(take.stills), settings.least_stills),)
        if reason := failed(scores):
            rejected.append(_dropped(given, name, reason, scores))
            continue
        base = place.work.get(take.stills[0].image)
        try:
            names = place.models.describer.subjects(base, settings.most)
        except CriticBadOutput as error:
            rejected.append(_dropped(given, name, f"the describer's answer cannot be read: {error}"))
            continue
        kept = _located(given, name, base, names, settings, place, rejected)
        if kept:
            takes.append(FoundTake(take=take, subjects=kept))
        else:
            rejected.append(_dropped(given, name, "no subject was found"))
    return FoundSubjects(source=given.source, takes=tuple(takes), rejected=tuple(rejected))


def _located(
    given: Footage,
    shot: str,
    base: Image.Image,
    names: Sequence[str],
    settings: SubjectSettings,
    place: Place,
    rejected: list[Rejected],
) -> tuple[Found, ...]:
    boxes = place.models.detector.find(base, names) if names else ()
    kept: list[Found] = []
    for thing in names:
        own = [one for one in boxes if one.name == thing and one.confidence >= settings.least_score]
        best = max(own, key=lambda one: one.confidence, default=None)
        if best is None:
            rejected.append(_dropped(given, f"{shot}: {thing}", "the detector finds no such thing"))
            continue
        box = _box(best)
        left, top, right, bottom = box
        share = (right - left) * (bottom - top) / (base.width * base.height)
        scores = (
            at_least("box score", best.confidence, settings.least_score),
            at_least("box share", share, settings.least_share),
            at_most("box share", share, settings.most_share),
            at_most("alike", len(own), settings.most_alike),
            at_most("overlap", max((overlap(box, one.box) for one in kept), default=0.0), settings.most_overlap),
        )
        if reason := failed(scores):
            rejected.append(_dropped(given, f"{shot}: {thing}", reason, scores))
        else:
            kept.append(Found(thing=thing, box=box, scores=scores))
    return tuple(kept)


def _box(seen: Seen) -> Rect:
    return (seen.left, seen.top, seen.right, seen.bottom)


def _dropped(given: Footage, candidate: str, reason: str, scores: tuple[Measured, ...] = ()) -> Rejected:
    return Rejected(source=given.source, stage=SUBJECTS.name, candidate=candidate, reason=reason, scores=scores)


SUBJECTS = Stage("subjects", 1, SubjectSettings, Footage, FoundSubjects, find_subjects, ("describer", "detector"))
