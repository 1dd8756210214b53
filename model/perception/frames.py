"""Frames of videos by PyAV: upright, with square pixels, at the times at which they are shown."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from omniagent.model.errors import BadSetting, BadVideo
from omniagent.model.wording import cut

_MOST_SIDE: Final = 16384
_MOST_BROKEN: Final = 0.1
"""Share of packets that may fail to decode; films on the web often hold a few that do."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video as it is shown: width and height in pixels, mean frames a second, seconds (0 where it does not say)."""

    width: int
    height: int
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: its number in the video, its time in seconds from the first one, and its picture in RGB."""

    number: int
    time: float
    picture: Image.Image


def read_info(path: Path) -> VideoInfo:
    """What a video's header says.

    Raises:
        BadVideo: it cannot be opened, or holds no pictures.
        BadSetting: the extra `video` is not installed.
    """
    with _opened(path) as (container, stream):
        first = next((frame for frame in container.decode(stream)), None)
        if first is None:
            raise BadVideo(f"the video {path} holds no frame that can be decoded; give another file")
        width, height = _shown_size(first, stream, path)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        length = container.duration
        return VideoInfo(width, height, rate, length / 1e6 if length else 0.0)


def read_frames(
    path: Path, *, every: float = 0.0, start: float = 0.0, end: float = math.inf, max_side: int | None = None
) -> Iterator[Frame]:
    """Decode a video frame by frame; no more than one is held.

    Args:
        path: The video.
        every: Least seconds from one given frame to the next; 0 gives all.
        start: Seconds; frames before are decoded and left out.
        end: Seconds; frames from there on are left out.
        max_side: Frames are shrunk to this longer side, in pixels; None leaves them.

    Raises:
        BadVideo: it cannot be opened, holds no pictures, or many of its packets are broken.
        BadSetting: the extra `video` is not installed.
    """
    error = importlib.import_module("av").error.FFmpegError if _installed() else Exception
    packets = broken = number = 0
    begun = math.nan
    due = start
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            packets += 1
            try:
                decoded = packet.decode()
            except error:
                broken += 1
                continue
            for frame in decoded:
                shown = float(frame.time) if frame.time is not None else number / float(stream.average_rate or 25)
                begun = shown if math.isnan(begun) else begun
                time = shown - begun
                number += 1
                # Times are rounded to the container's clock.
                if time + 1e-6 < due or time >= end:
                    continue
                due = max(due + every, time + 0.5 * every)
                yield Frame(number - 1, time, _picture(frame, stream, path, max_side))
            if number and due >= end:
                return
    if not number:
        raise BadVideo(f"the video {path} holds no frame that can be decoded; give another file")
    if broken > max(3, _MOST_BROKEN * packets):
        raise BadVideo(f"of {packets} packets of the video {path}, {broken} cannot be decoded; give an undamaged file")


def _installed() -> bool:
    if importlib.util.find_spec("av") is None:
        raise BadSetting("videos are read by PyAV, which is not installed; pip install 'omniagent[video]'")
    return True


@contextmanager
def _opened(path: Path) -> Generator[tuple[Any, Any]]:
    _installed()
    av: Any = importlib.import_module("av")
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadVideo(f"the file {path} cannot be opened as a video: {cut(str(error))}; give another file") from error
    with container:
        if not container.streams.video:
            raise BadVideo(f"the file {path} holds no pictures (sound alone?); give a video")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise BadVideo(f"the video {path} has a codec that PyAV does not know; convert it to H.264 first")
        try:
            yield container, stream
        except av.error.FFmpegError as error:
            raise BadVideo(f"the video {path} cannot be decoded: {cut(str(error))}; give another file") from error


def _shown_size(frame: Any, stream: Any, path: Path) -> tuple[int, int]:
    """Upright, with square pixels."""
    width, height = int(frame.width), int(frame.height)
    if max(width, height) > _MOST_SIDE:
        raise BadVideo(f"the video {path} is {width}x{height}; sides over {_MOST_SIDE} pixels are not read")
    ratio = stream.sample_aspect_ratio
    if ratio:
        width = max(round(width * float(ratio)), 1)
    return (height, width) if frame.rotation % 180 else (width, height)


def _picture(frame: Any, stream: Any, path: Path, max_side: int | None) -> Image.Image:
    width, height = _shown_size(frame, stream, path)
    scale = min(1.0, max_side / max(width, height)) if max_side else 1.0
    width, height = (max(round(side * scale), 2) for side in (width, height))
    turned = frame.rotation % 180 != 0
    size = (height, width) if turned else (width, height)
    kind: Any = importlib.import_module("av.video.reformatter").Interpolation
    pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1], interpolation=kind.AREA)
    picture = Image.fromarray(pixels)
    # FFmpeg tells by how many degrees against the clock the frame is to be turned.
    return picture.rotate(frame.rotation, expand=True) if frame.rotation % 360 else picture
