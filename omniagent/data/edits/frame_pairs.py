"""Pairs of frames of one shot that differ by what happened in it and not by the camera.

OmniGen2 (arXiv 2506.18871 v4, section 9.4.2): distances by DINOv2 and CLIP drop pairs that differ too much or hardly at
all; the share of similar blocks drops those whose viewpoint moved. The share of the change that one shift explains is a
measure of this project: on plain backgrounds many blocks stay similar however the camera moves.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

from pydantic import Field

from omniagent.data.edits.pairs import Pair, Pairs
from omniagent.data.pixels import changed_share
from omniagent.data.records import Measured, Rejected, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.video.footage import Footage, Still, Take
from omniagent.model.perception.blocks import Histograms, histograms, same_blocks
from omniagent.model.perception.motion import Traced, camera_share, traced
from omniagent.tools.types import Word


class FramePairSettings(Word):
    """Windows of likeness, and how still the camera must stand; each is a choice of this project."""

    least_features: float = Field(default=0.6, ge=-1, le=1, description="cosine of looks (DINO); less: another scene")
    most_features: float = Field(default=0.985, ge=-1, le=1, description="more: nothing happened")
    least_matcher: float = Field(default=0.8, ge=-1, le=1, description="cosine of meaning (CLIP)")
    most_matcher: float = Field(default=0.999, ge=-1, le=1)
    least_blocks: float = Field(default=0.6, ge=0, le=1, description="share of blocks with alike histograms")
    grid: int = Field(default=8, ge=1, le=32)
    bins: int = Field(default=8, ge=2, le=64)
    alike: float = Field(default=0.8, ge=0, le=1, description="histogram intersection of alike blocks")
    least_change: float = Field(default=0.005, ge=0, le=1, description="share of pixels that changed")
    most_change: float = Field(default=0.5, ge=0, le=1, description="more: most of the picture is another one")
    tolerance: int = Field(default=24, ge=0, le=255)
    most_camera: float = Field(default=0.5, ge=0, le=1, description="share of the change that one shift explains")
    least_apart: float = Field(default=0.5, ge=0, description="seconds between the two frames")
    most: int = Field(default=2, ge=1, description="pairs of a shot; those with the most changed pixels are kept")
    both_ways: bool = Field(default=False, description="give each pair backwards too")


def find_pairs(given: Footage, settings: FramePairSettings, place: Place) -> Pairs:
    """The best pairs of each shot."""
    rejected = list(given.rejected)
    pairs: list[Pair] = []
    for take in given.takes:
        good: list[tuple[float, Pair]] = []
        for pair, change in _candidates(take, settings, place):
            if reason := failed(pair.scores):
                rejected.append(
                    Rejected(
                        source=given.source, stage=FRAME_PAIRS.name, candidate=pair.name, reason=reason,
                        scores=pair.scores,
                    )
                )  # fmt: skip
            else:
                good.append((change, pair))
        for pair in _apart(good, settings.most):
            pairs.append(pair)
            if settings.both_ways:
                pairs.append(
                    pair.model_copy(
                        update={
                            "before": pair.after,
                            "after": pair.before,
                            "times": pair.times[::-1],
                            "name": f"{pair.name}, backwards",
                        }
                    )
                )
    models = place.models.names(FRAME_PAIRS.uses)
    return Pairs(source=given.source, pairs=tuple(pairs), models=models, rejected=tuple(rejected))


def _candidates(take: Take, settings: FramePairSettings, place: Place) -> Iterator[tuple[Pair, float]]:
    pictures = [place.work.get(still.image) for still in take.stills]
    looks, meaning = place.models.features.embed(pictures), place.models.matcher.embed(pictures)

    @cache
    def blocks_of(number: int) -> Histograms:
        return histograms(pictures[number], grid=settings.grid, bins=settings.bins, side=settings.grid * 32)

    @cache
    def trace_of(number: int) -> Traced:
        return traced(pictures[number])

    for first, second in combinations(range(len(pictures)), 2):
        one, other = take.stills[first], take.stills[second]
        if other.time - one.time < settings.least_apart:
            continue
        like = float(looks[first] @ looks[second])
        means = float(meaning[first] @ meaning[second])
        scores = [
            at_least("features", like, settings.least_features),
            at_most("features", like, settings.most_features),
            at_least("matcher", means, settings.least_matcher),
            at_most("matcher", means, settings.most_matcher),
        ]
        change = 0.0
        if not failed(scores):
            # Dearer than a product of vectors, so only for pairs that are left.
            blocks = same_blocks(blocks_of(first), blocks_of(second), alike=settings.alike)
            change = changed_share(pictures[first], pictures[second], settings.tolerance)
            camera = camera_share(trace_of(first), trace_of(second), settings.tolerance)
            scores += [
                at_least("blocks", blocks, settings.least_blocks),
                at_least("change", change, settings.least_change),
                at_most("change", change, settings.most_change),
                at_most("camera", camera, settings.most_camera),
            ]
        yield _pair(take, one, other, scores), change


def _apart(good: Sequence[tuple[float, Pair]], most: int) -> list[Pair]:
    """The pairs that changed most; no frame is in two of them, so that they are not nearly one."""
    kept: list[Pair] = []
    used: set[float] = set()
    for _, pair in sorted(good, key=lambda each: -each[0]):
        if len(kept) < most and not used & set(pair.times):
            kept.append(pair)
            used |= set(pair.times)
    return kept


def _pair(take: Take, one: Still, other: Still, scores: list[Measured]) -> Pair:
    return Pair(
        name=f"shot {take.shot}, {one.time:.2f} s and {other.time:.2f} s",
        before=one.image,
        after=other.image,
        times=(one.time, other.time),
        scores=tuple(scores),
    )


FRAME_PAIRS = Stage("frame-pairs", 1, FramePairSettings, Footage, Pairs, find_pairs, ("features", "matcher"))
