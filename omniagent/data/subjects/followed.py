"""Subjects followed through their shot, up to the last frame that holds all of them; drifted tracks are dropped."""

from collections.abc import Sequence

from PIL import Image
from pydantic import Field

from omniagent.data.records import Measured, Rejected, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.subjects.found import Found, FoundSubjects, FoundTake
from omniagent.data.video.footage import Still
from omniagent.model.perception.features import cosine
from omniagent.model.perception.masks import Mask, box_of, cut_out, from_runs, share_of, to_runs, touches_edge
from omniagent.tools.types import Word


class Outline(Word):
    """Where a thing is in a frame: its mask as runs down the columns (see `masks.to_runs`)."""

    runs: tuple[int, ...]
    box: tuple[float, float, float, float]


class Followed(Word):
    """A subject in the base frame and in the last one."""

    thing: str
    first: Outline
    last: Outline
    scores: tuple[Measured, ...] = ()


class FollowedTake(Word):
    """A shot: its base frame, the last frame that still holds all subjects, and these."""

    shot: int
    base: Still
    last: Still
    subjects: tuple[Followed, ...]


class FollowedSubjects(Word):
    """The tracks of a video."""

    source: str
    takes: tuple[FollowedTake, ...]
    models: dict[str, str]
    rejected: tuple[Rejected, ...] = ()


class TrackSettings(Word):
    """Masks as in X2Edit and OpenS2V-Nexus (2 to 45 %); the paper has a VLM throw out drifted tracks."""

    least_share: float = Field(default=0.02, ge=0, le=1, description="of the frame that a mask covers")
    most_share: float = Field(default=0.45, ge=0, le=1)
    whole: bool = Field(default=True, description="things that an edge of the picture cuts off are not used")
    least_apart: float = Field(default=0.4, ge=0, description="seconds from the base frame to the last one")
    least_same: float = Field(default=0.5, ge=0, le=1, description="probability that it is one thing, by the describer")
    least_features: float = Field(default=0.4, ge=-1, le=1, description="cosine of both cut-outs")


def follow(given: FoundSubjects, settings: TrackSettings, place: Place) -> FollowedSubjects:
    """Track all subjects of each shot (OmniGen2, section 9.3.1, steps 4 and 5)."""
    rejected = list(given.rejected)
    takes: list[FollowedTake] = []
    for each in given.takes:
        pictures = [place.work.get(still.image) for still in each.take.stills]
        masks = place.models.tracker.track(pictures, [one.box for one in each.subjects])
        good = [
            [_usable(mask, settings) for mask in row]
            for row in masks
        ]  # fmt: skip
        taken = _taken(each, masks, good, pictures, settings, place, given.source, rejected)
        if taken is not None:
            takes.append(taken)
    models = place.models.names(("describer", "detector", "tracker", "features"))
    return FollowedSubjects(source=given.source, takes=tuple(takes), models=models, rejected=tuple(rejected))


def outlined(outline: Outline, still: Still) -> Mask:
    """The mask of a thing in a frame."""
    return from_runs(outline.runs, (still.image.width, still.image.height))


def _usable(mask: Mask, settings: TrackSettings) -> bool:
    share = share_of(mask)
    return settings.least_share <= share <= settings.most_share and not (settings.whole and touches_edge(mask))


def _taken(
    each: FoundTake,
    masks: Sequence[Sequence[Mask]],
    good: Sequence[Sequence[bool]],
    pictures: Sequence[Image.Image],
    settings: TrackSettings,
    place: Place,
    source: str,
    rejected: list[Rejected],
) -> FollowedTake | None:
    stills, name = each.take.stills, f"shot {each.take.shot}"

    def drop(candidate: str, reason: str, scores: tuple[Measured, ...] = ()) -> None:
        rejected.append(Rejected(source=source, stage=TRACKS.name, candidate=candidate, reason=reason, scores=scores))

    late = [at for at, still in enumerate(stills) if still.time - stills[0].time >= settings.least_apart - 1e-6]
    kept: list[int] = []
    for number, subject in enumerate(each.subjects):
        share = share_of(masks[0][number])
        scores = (
            at_least("mask share", share, settings.least_share),
            at_most("mask share", share, settings.most_share),
        )
        reason = failed(scores) or ("" if good[0][number] else "an edge of the base frame cuts it off")
        if not reason and not any(good[at][number] for at in late):
            reason = "it is not seen whole in any later frame"
        if reason:
            drop(f"{name}: {subject.thing}", reason, scores)
        else:
            kept.append(number)
    while kept:
        end = max((at for at in late if all(good[at][number] for number in kept)), default=None)
        if end is None:
            # The one that is seen least keeps the others from a common frame.
            worst = min(kept, key=lambda number: sum(good[at][number] for at in late))
            kept.remove(worst)
            drop(f"{name}: {each.subjects[worst].thing}", "no later frame shows it together with the others")
            continue
        followed: list[Followed] = []
        for number in list(kept):
            one = _compared(each.subjects[number], masks, number, end, pictures, settings, place)
            if reason := failed(one.scores):
                drop(f"{name}: {one.thing}", f"the track drifted: {reason}", one.scores)
                kept.remove(number)
            else:
                followed.append(one)
        if followed:
            return FollowedTake(shot=each.take.shot, base=stills[0], last=stills[end], subjects=tuple(followed))
    return None


def _compared(
    subject: Found,
    masks: Sequence[Sequence[Mask]],
    number: int,
    end: int,
    pictures: Sequence[Image.Image],
    settings: TrackSettings,
    place: Place,
) -> Followed:
    first, last = masks[0][number], masks[end][number]
    one, other = cut_out(pictures[0], first, 0.05), cut_out(pictures[end], last, 0.05)
    scores = (
        *subject.scores,
        at_least("track features", cosine(place.models.features, one, other), settings.least_features),
        at_least("same", place.models.describer.same(one, other, subject.thing), settings.least_same),
    )
    return Followed(thing=subject.thing, first=outline(first), last=outline(last), scores=scores)


def outline(mask: Mask) -> Outline:
    """The outline of a mask that is not empty."""
    box = box_of(mask)
    assert box is not None
    return Outline(runs=to_runs(mask), box=box)


TRACKS = Stage(
    "tracks",
    1,
    TrackSettings,
    FoundSubjects,
    FollowedSubjects,
    follow,
    ("tracker", "describer", "features", "detector"),
)
