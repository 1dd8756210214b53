"""The first stage of video recipes: a video as shots."""

from pydantic import Field

from omniagent.data.records import Item, Rejected, at_least, failed
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import BadVideo
from omniagent.model.perception.frames import read_info
from omniagent.model.perception.scenes import find_scenes
from omniagent.tools.types import Word


class Shot(Word):
    """What lies between two cuts, in seconds; the end is that of its last frame."""

    start: float
    end: float


class Clips(Word):
    """The shots of a video."""

    source: str
    rate: float
    shots: tuple[Shot, ...]
    rejected: tuple[Rejected, ...] = ()


class ClipSettings(Word):
    """PySceneDetect's defaults (AdaptiveDetector, ThresholdDetector), and lengths as NVIDIA's NeMo Curator has them."""

    adaptive: float = Field(default=3.0, gt=0, description="times the rolling average, for a cut")
    window: int = Field(default=2, ge=1, description="frames on each side that the average is over")
    least_content: float = Field(default=15.0, ge=0, le=255, description="difference in HSV, for a cut")
    dark: float = Field(default=12.0, ge=0, le=255, description="mean intensity of a fade to black; 0: none")
    least_frames: int = Field(default=15, ge=1)
    shortest: float = Field(default=2.0, ge=0, description="seconds; shorter shots are dropped")
    longest: float = Field(default=10.0, gt=0, description="seconds; longer shots are parted")
    most: int = Field(default=1000, ge=1, description="shots of a video; what comes after is left out")
    least_side: int = Field(default=256, ge=2, description="shorter side of the video in pixels")


def cut_clips(item: Item, settings: ClipSettings, place: Place) -> Clips:
    """Find the shots.

    Raises:
        BadVideo: it cannot be read, or is too small.
    """
    path = place.source / item.id
    info = read_info(path)
    if min(info.width, info.height) < settings.least_side:
        raise BadVideo(
            f"the video {item.id} is {info.width}x{info.height}, and clips.least_side is {settings.least_side}; "
            "give a larger video or change the setting"
        )
    scenes = find_scenes(
        path,
        adaptive=settings.adaptive,
        window=settings.window,
        least_content=settings.least_content,
        dark=settings.dark,
        least_frames=settings.least_frames,
    )
    shots: list[Shot] = []
    rejected: list[Rejected] = []
    for number, scene in enumerate(scenes):
        scores = (at_least("seconds", scene.end - scene.start, settings.shortest),)
        if reason := failed(scores):
            rejected.append(
                Rejected(source=item.id, stage=CLIPS.name, candidate=f"shot {number}", reason=reason, scores=scores)
            )
            continue
        shots.extend(_parted(scene.start, scene.end, settings.longest))
    return Clips(source=item.id, rate=info.rate, shots=tuple(shots[: settings.most]), rejected=tuple(rejected))


def _parted(start: float, end: float, longest: float) -> list[Shot]:
    parts = max(int((end - start) / longest + 0.999), 1)
    step = (end - start) / parts
    return [Shot(start=start + number * step, end=start + (number + 1) * step) for number in range(parts)]


CLIPS = Stage("clips", 1, ClipSettings, Item, Clips, cut_clips)
