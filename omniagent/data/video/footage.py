"""The second stage of video recipes: frames of the shots, as pictures in the work store."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import Field

from omniagent.data.records import Rejected, at_least, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.video.clips import Clips, Shot
from omniagent.model.perception.frames import read_frames
from omniagent.tools.types import ImageRef, Word


class Still(Word):
    """A frame: its time in seconds from the video's begin, and its picture in the work store."""

    time: float
    image: ImageRef


class Take(Word):
    """The frames of one shot, in order."""

    shot: int
    stills: tuple[Still, ...]


class Footage(Word):
    """The frames of a video."""

    source: str
    takes: tuple[Take, ...]
    rejected: tuple[Rejected, ...] = ()


class FrameSettings(Word):
    """Which frames are taken."""

    every: float = Field(default=0.5, ge=0, description="seconds from one frame to the next; 0: each")
    most: int = Field(default=24, ge=1, description="frames of a shot")
    margin: float = Field(default=0.08, ge=0, description="seconds at both ends that are left out")
    max_side: int = Field(default=1024, ge=16, description="frames are shrunk to this longer side")
    least_sharpness: float = Field(default=0.0, ge=0, description="variance of the Laplacian, grey levels squared")


def take_frames(given: Clips, settings: FrameSettings, place: Place) -> Footage:
    """Decode the video once and keep frames of each shot.

    Raises:
        BadVideo: it cannot be decoded.
    """
    takes: list[list[Still]] = [[] for _ in given.shots]
    rejected = list(given.rejected)
    for frame in read_frames(place.source / given.source, max_side=settings.max_side):
        at = _shot_at(frame.time, given.shots, settings.margin)
        if at is None or len(takes[at]) >= settings.most:
            continue
        if takes[at] and frame.time < takes[at][-1].time + settings.every - 1e-6:
            continue
        if settings.least_sharpness:
            scores = (at_least("sharpness", sharpness(frame.picture), settings.least_sharpness),)
            if reason := failed(scores):
                where = f"frame at {frame.time:.2f} s"
                rejected.append(
                    Rejected(source=given.source, stage=FRAMES.name, candidate=where, reason=reason, scores=scores)
                )
                continue
        takes[at].append(Still(time=round(frame.time, 4), image=place.work.put(frame.picture)))
    kept = tuple(Take(shot=number, stills=tuple(stills)) for number, stills in enumerate(takes) if stills)
    return Footage(source=given.source, takes=kept, rejected=tuple(rejected))


def sharpness(picture: Image.Image) -> float:
    """The variance of the Laplacian of the grey picture: low where it is blurred."""
    grey = np.asarray(picture.convert("L"), np.float32)
    if min(grey.shape) < 3:
        return 0.0
    edges = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return float(edges.var())


def _shot_at(time: float, shots: Sequence[Shot], margin: float) -> int | None:
    found = (at for at, shot in enumerate(shots) if shot.start + margin <= time <= shot.end - margin)
    return next(found, None)


FRAMES = Stage("frames", 1, FrameSettings, Clips, Footage, take_frames)
