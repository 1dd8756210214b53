"""Films as H.264 files by PyAV, each with its truth beside it."""

from __future__ import annotations

import importlib
import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from omniagent.model.errors import BadSetting
from omniagent.shapes.scene.render import render
from omniagent.shapes.videos.film import RATE, Film, random_film
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.store import png_bytes

TRUTH: Final = ".truth.json"
_SIDE: Final = 256
_NOISE: Final = 2.0
"""Standard deviation of a camera's noise, in levels of 255."""


def write_films(folder: Path, count: int, *, seed: int = 0, clips: int = 3) -> list[Path]:
    """Write `count` random films as `film-0000.mp4`, …, with `film-0000.truth.json`; those that are there are kept.

    Raises:
        BadSetting: the extra `video` is not installed.
        StorageFull, OutputUnwritable: the folder cannot be written.
    """
    paths = [folder / f"film-{number:04}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        truth = path.with_suffix(TRUTH)
        if not truth.is_file():
            film = random_film(seed * 100_003 + number, clips)
            write_film(film, path, seed=number)
            # Last, so that a film whose writing was killed is written anew.
            write_whole(truth, json.dumps(asdict(film) | {"cuts": film.cuts, "rate": RATE}).encode())
    return paths


def write_stills(folder: Path, count: int, *, seed: int = 0) -> list[Path]:
    """Write `count` pictures of three or four different objects as `still-0000.png`, …

    Raises:
        StorageFull, OutputUnwritable: the folder cannot be written.
    """
    paths = [folder / f"still-{number:04}.png" for number in range(count)]
    for number, path in enumerate(paths):
        scene = random_film(seed * 100_003 + number + 50_021, 1).clips[0].scenes[0]
        write_whole(path, png_bytes(Image.fromarray(render(scene))))
    return paths


def write_film(film: Film, path: Path, *, seed: int = 0) -> None:
    """Write a film at 256x256 pixels with a little noise.

    Raises:
        BadSetting: the extra `video` is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise BadSetting("videos are written by PyAV, which is not installed; pip install 'omniagent[video]'")
    av: Any = importlib.import_module("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 5])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "veryfast", "threads": "1"})
        stream.width = stream.height = _SIDE
        stream.pix_fmt = "yuv420p"
        for clip in film.clips:
            for scene in clip.scenes:
                picture = Image.fromarray(render(scene)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                pixels = np.asarray(picture, np.float32) + rng.normal(0, _NOISE, (_SIDE, _SIDE, 1))
                frame = av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
