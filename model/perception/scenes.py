"""Cuts a video into scenes by PySceneDetect, over frames that PyAV decodes.

OmniGen2 (arXiv 2506.18871 v4, section 9.4.2) cuts by the average intensity and by a rolling average of HSV differences;
these are PySceneDetect's ThresholdDetector and AdaptiveDetector.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from omniagent.model.errors import BadSetting
from omniagent.model.perception.frames import read_frames, read_info

_SIDE: Final = 256


@dataclass(frozen=True, slots=True)
class Scene:
    """A shot: its first and last frame by number and time in seconds, both part of it."""

    first: int
    last: int
    start: float
    end: float


def find_scenes(
    path: Path,
    *,
    adaptive: float = 3.0,
    window: int = 2,
    least_content: float = 15.0,
    dark: float = 12.0,
    least_frames: int = 15,
) -> list[Scene]:
    """All scenes of a video, in order, without gaps.

    Args:
        path: The video.
        adaptive: How many times the rolling average a frame must differ from the one before (AdaptiveDetector).
        window: Frames on each side that the average is over.
        least_content: Least difference of a cut in HSV, on a scale to 255.
        dark: Mean intensity below which a frame counts as faded out (ThresholdDetector); 0 looks for no fades.
        least_frames: Least length of a scene in frames.

    Raises:
        BadVideo: as `read_frames`.
        BadSetting: the extra `video` is not installed.
    """
    if importlib.util.find_spec("scenedetect") is None:
        raise BadSetting("scenes are found by PySceneDetect, which is not installed; pip install 'omniagent[video]'")
    detectors: Any = importlib.import_module("scenedetect.detectors")
    timecode: Any = importlib.import_module("scenedetect.common").FrameTimecode
    rate = read_info(path).rate
    found: list[Any] = [
        detectors.AdaptiveDetector(
            adaptive_threshold=adaptive,
            window_width=window,
            min_content_val=least_content,
            min_scene_len=least_frames,
        )
    ]
    if dark > 0:
        found.append(detectors.ThresholdDetector(threshold=dark, min_scene_len=least_frames))
    times: list[float] = []
    cuts: set[int] = set()
    last: Any = None
    for frame in read_frames(path, max_side=_SIDE):
        last = timecode(len(times), rate)
        times.append(frame.time)
        pixels = np.ascontiguousarray(np.asarray(frame.picture)[:, :, ::-1])
        for detector in found:
            cuts.update(int(cut.frame_num) for cut in detector.process_frame(last, pixels))
    for detector in found:
        cuts.update(int(cut.frame_num) for cut in detector.post_process(last))
    return _scenes(sorted(cuts), times, least_frames)


def _scenes(cuts: list[int], times: list[float], least: int) -> list[Scene]:
    starts = [0]
    for cut in cuts:
        # Both detectors may find the same cut, a few frames apart.
        if cut - starts[-1] >= least and cut < len(times):
            starts.append(cut)
    ends = [*(start - 1 for start in starts[1:]), len(times) - 1]
    return [Scene(first, last, times[first], times[last]) for first, last in zip(starts, ends, strict=True)]
