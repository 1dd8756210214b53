"""Subjects on new backgrounds: their own pixels are kept, everything around them is drawn anew, and judged."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import Field

from omniagent.data.edits.holes import seed_of
from omniagent.data.pixels import changed_share
from omniagent.data.records import Measured, Rejected, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.subjects.followed import Followed, FollowedSubjects, FollowedTake, outlined
from omniagent.model.perception.features import cosine
from omniagent.model.perception.masks import Mask, cut_out, eroded
from omniagent.tools.types import ImageRef, Word


class Repainted(Word):
    """A made picture, in the work store, with the numbers of the subjects that it shows, and how it was made."""

    image: ImageRef
    shows: tuple[int, ...]
    seed: int
    scores: tuple[Measured, ...]


class RepaintedTake(Word):
    """A shot with its made pictures."""

    take: FollowedTake
    inputs: tuple[Repainted, ...]


class RepaintedSubjects(Word):
    """The made pictures of a video."""

    source: str
    takes: tuple[RepaintedTake, ...]
    models: dict[str, str]
    rejected: tuple[Rejected, ...] = ()


class RepaintSettings(Word):
    """How backgrounds are drawn, and when a made picture is good. `{things}` in the prompt are the subjects' names.

    Filling nearly a whole picture has a low yield (diffusers issue 10190), so several seeds are tried.
    """

    prompt: str = "{things} in another place, a photo with a detailed, natural background"
    apart: bool = Field(default=False, description="a picture for each subject, not one for all")
    seeds: int = Field(default=3, ge=1, le=32, description="pictures that are tried; the best one is kept")
    erode: int = Field(default=1, ge=0, description="pixels taken off the edge of what is kept: seams follow old edges")
    least_features: float = Field(default=0.6, ge=-1, le=1, description="cosine of the subject, before and after")
    most_features: float = Field(default=0.98, ge=-1, le=1, description="more: the same pixels, a copy")
    least_change: float = Field(default=0.2, ge=0, le=1, description="share of the frame's pixels that were drawn anew")
    most_whole: float = Field(default=0.95, ge=-1, le=1, description="cosine of the whole pictures; more: near copies")
    single: bool = Field(default=True, description="the detector must find each subject once: no second copy")
    least_score: float = Field(default=0.3, ge=0, le=1, description="of the detector")
    least_same: float = Field(default=0.5, ge=0, le=1)
    least_sound: float = Field(default=0.5, ge=0, le=1)


def repaint(given: FollowedSubjects, settings: RepaintSettings, place: Place) -> RepaintedSubjects:
    """Draw a new background for the subjects as the last frame shows them (OmniGen2, section 9.3.1, steps 6 to 8)."""
    rejected = list(given.rejected)
    takes: list[RepaintedTake] = []
    for take in given.takes:
        numbers = tuple(range(len(take.subjects)))
        groups = [(number,) for number in numbers] if settings.apart else [numbers]
        made = [_best(given.source, take, group, settings, place, rejected) for group in groups]
        good = tuple(one for one in made if one is not None)
        if good:
            takes.append(RepaintedTake(take=take, inputs=good))
    models = given.models | place.models.names(REPAINT.uses)
    return RepaintedSubjects(source=given.source, takes=tuple(takes), models=models, rejected=tuple(rejected))


def around(picture: Image.Image, keep: Mask, prompt: str, seed: int, erode: int, place: Place) -> Image.Image:
    """The picture with everything but `keep` drawn anew; the kept edge is thinned by `erode` pixels."""
    return place.models.filler.fill(picture, ~eroded(keep, erode), prompt=prompt, seed=seed)


def union(masks: Sequence[Mask]) -> Mask:
    """What any of the masks holds."""
    return np.logical_or.reduce(list(masks))


def _best(
    source: str,
    take: FollowedTake,
    group: tuple[int, ...],
    settings: RepaintSettings,
    place: Place,
    rejected: list[Rejected],
) -> Repainted | None:
    base, last = place.work.get(take.base.image), place.work.get(take.last.image)
    subjects = [take.subjects[number] for number in group]
    things = ", ".join(one.thing for one in subjects)
    keep = union([outlined(one.last, take.last) for one in subjects])
    good: list[tuple[float, Repainted]] = []
    for number in range(settings.seeds):
        seed = seed_of(place.seed, source, take.shot, *group, number)
        picture = around(last, keep, settings.prompt.format(things=things), seed, settings.erode, place)
        scores = _scores((base, last), picture, take, subjects, settings, place)
        if reason := failed(scores):
            name = f"shot {take.shot}: {things}, seed {seed}"
            rejected.append(Rejected(source=source, stage=REPAINT.name, candidate=name, reason=reason, scores=scores))
            continue
        judged = sum(one.value for one in scores if one.name in ("sound", "same"))
        made = Repainted(image=place.work.put(picture), shows=group, seed=seed, scores=scores)
        good.append((judged, made))
    return max(good, key=lambda one: one[0])[1] if good else None


def _scores(
    frames: tuple[Image.Image, Image.Image],
    made: Image.Image,
    take: FollowedTake,
    subjects: Sequence[Followed],
    settings: RepaintSettings,
    place: Place,
) -> tuple[Measured, ...]:
    """The cheapest first; what comes after a failure is not measured."""
    models, (base, last) = place.models, frames
    scores = [at_least("background change", changed_share(last, made, 24), settings.least_change)]
    scores += [at_most("whole features", cosine(models.features, base, made), settings.most_whole)]
    if settings.single and not failed(scores):
        names = [one.thing for one in subjects]
        seen = [one for one in models.detector.find(made, names) if one.confidence >= settings.least_score]
        for name in names:
            count = sum(one.name == name for one in seen)
            scores += [at_least(f"copies of {name}", count, 1), at_most(f"copies of {name}", count, 1)]
    for one in subjects:
        if failed(scores):
            return tuple(scores)
        before = cut_out(base, outlined(one.first, take.base), 0.05)
        after = cut_out(made, outlined(one.last, take.last), 0.05)
        like = cosine(models.features, before, after)
        scores += [
            at_least("features", like, settings.least_features),
            at_most("features", like, settings.most_features),
            at_least("same", models.describer.same(before, after, one.thing), settings.least_same),
        ]
    if not failed(scores):
        scores.append(at_least("sound", models.describer.sound(made), settings.least_sound))
    return tuple(scores)


REPAINT = Stage(
    "repaint",
    1,
    RepaintSettings,
    FollowedSubjects,
    RepaintedSubjects,
    repaint,
    ("filler", "features", "detector", "describer"),
)
