"""Finds things in a picture by their names: Grounding DINO (Liu et al. 2023, arXiv 2303.05499) by transformers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from PIL import Image

from omniagent.model.errors import BadCheckpoint, HubUnreachable
from omniagent.model.files.hub import find_model
from omniagent.model.perception.faults import read_as
from omniagent.model.perception.weights import fetch
from omniagent.model.wording import shown

if TYPE_CHECKING:
    import torch


LEAST: Final = 0.3
"""Confidence from which a thing counts as found; the authors' demonstration takes 0.3 to 0.35."""

_SAME: Final = 0.7
"""Overlap, as intersection over union, from which two boxes of one name are of one thing."""

_FEWEST: Final = 32


class Found(NamedTuple):
    """A thing that was found: its name as asked for, its box in pixels of the picture, and a confidence of 0 to 1."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float


class BoxFinder(Protocol):
    """Finds things."""

    def find(self, image: Image.Image, names: Sequence[str]) -> tuple[Found, ...]:
        """Every instance of each of some things in a picture, the surest first."""
        ...


class _Parts(NamedTuple):
    model: Any
    tokenizer: Any
    images: Any
    device: torch.device
    longest: int


class GroundingDino:
    """A `BoxFinder` by a Grounding DINO. Its weights are loaded when it finds for the first time. Thread-safe.

    Weights in half precision on a GPU, float32 on a CPU. Only weights in safetensors are read, and no code.

    Args:
        name: A folder, or a hub name such as `IDEA-Research/grounding-dino-tiny` (Apache-2.0, 690 MB). Before the first
            download the licence that the hub states is logged to `omniagent.perception`.
        device: Where it runs; None takes the best there is.
        least: Confidence, 0 to 1, from which a thing counts as found.
        offload: Whether its weights leave the device between calls.

    Raises:
        UnknownModel: neither a folder nor a hub name.
    """

    def __init__(
        self, name: str | Path, *, device: str | None = None, least: float = LEAST, offload: bool = False
    ) -> None:
        self.name = str(name)
        self._device, self._least, self._offload = device, least, offload
        self._parts: _Parts | None = None
        self._lock = threading.Lock()
        # A folder that is not there is told at once, a download waits for its first use.
        with suppress(HubUnreachable):
            find_model(self.name, local_files_only=True)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        from omniagent.model.device import pick_device

        return pick_device(self._device)

    def find(self, image: Image.Image, names: Sequence[str]) -> tuple[Found, ...]:
        """As `BoxFinder.find`.

        Raises:
            UnknownModel, HubUnreachable: the model cannot be downloaded.
            BadCheckpoint: it is no Grounding DINO, or broken.
            OutOfMemory: the device is too small.
        """
        asked = {phrase: name for name in reversed(names) if (phrase := _phrase(name))}
        if not asked:
            return ()
        from omniagent.model.device import with_memory_fault

        with self._lock:
            if self._parts is None:
                self._parts = self._loaded()
            parts = self._parts
            picture = _large_enough(image.convert("RGB"))
            found: list[Found] = []
            for some in _portions([*asked], parts.tokenizer, parts.longest):
                rows = with_memory_fault(parts.device, "finding things", lambda some=some: self._rows(picture, some))
                for phrase, (left, top, right, bottom), score in rows:
                    name = next(asked[one] for one in asked if one.startswith(phrase))
                    across, down = image.size
                    found.append(Found(name, left * across, top * down, right * across, bottom * down, score))
        return _each_once(found)

    def _rows(self, picture: Image.Image, phrases: Sequence[str]) -> list[tuple[str, list[float], float]]:
        """(phrase, corners as shares of the sides, confidence) of each box that is sure enough."""
        import torch

        assert self._parts is not None, "it is loaded before it finds"
        model, tokenizer, images, device, _ = self._parts
        words = tokenizer(_caption(phrases), return_tensors="pt")
        seen = images(images=picture, return_tensors="pt")
        model.to(device)
        try:
            with torch.inference_mode():
                out = model(
                    pixel_values=seen["pixel_values"].to(device, model.dtype),
                    pixel_mask=seen["pixel_mask"].to(device),
                    input_ids=words["input_ids"].to(device),
                    token_type_ids=words["token_type_ids"].to(device),
                    attention_mask=words["attention_mask"].to(device),
                )
            sure = out.logits[0].float().sigmoid().cpu()
            boxes = out.pred_boxes[0].float().cpu()
        finally:
            if self._offload:
                model.to("cpu")
        spans = _spans(words["input_ids"][0].tolist(), tokenizer, len(phrases))
        scores = torch.stack([sure[:, list(span)].amax(dim=1) for span in spans], dim=1)
        best, which = scores.max(dim=1)
        rows: list[tuple[str, list[float], float]] = []
        for (x, y, width, height), score, at in zip(boxes.tolist(), best.tolist(), which.tolist(), strict=True):
            corners = [
                min(max(side, 0.0), 1.0) for side in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            ]
            if score >= self._least and corners[0] < corners[2] and corners[1] < corners[3]:
                rows.append((phrases[int(at)], corners, float(score)))
        return rows

    def _loaded(self) -> _Parts:
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer

        from omniagent.model.device import with_memory_fault
        from omniagent.model.loading import quiet

        device = self.device
        folder = fetch(self.name)
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with read_as("detector", self.name, "a Grounding DINO with its weights in safetensors"):
            config: Any = AutoConfig.from_pretrained(folder, **local)
            if config.model_type != "grounding-dino":
                raise BadCheckpoint(
                    f"detector {shown(self.name)} is a {config.model_type}, not a grounding-dino; name another one, "
                    "such as IDEA-Research/grounding-dino-tiny"
                )
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, **local)
            images: Any = AutoImageProcessor.from_pretrained(folder, backend="pil", **local)
            dtype = "float16" if device.type == "cuda" else "float32"
            with quiet():
                loaded: Any = AutoModelForZeroShotObjectDetection.from_pretrained(
                    folder, dtype=dtype, use_safetensors=True, **local
                )
            model: Any = loaded.eval()
        move: Callable[[], Any] = partial(model.to, device)
        with_memory_fault(device, "the detector", move)
        return _Parts(model, tokenizer, images, device, int(config.max_text_len))


def _phrase(name: str) -> str:
    """A name as the model was trained to read it: lower case, without the dots that part names."""
    return " ".join(re.sub(r"[.?!;。？！；]", " ", name).lower().split())


def _caption(phrases: Sequence[str]) -> str:
    return " ".join(f"{phrase}." for phrase in phrases)


def _portions(phrases: Sequence[str], tokenizer: Any, longest: int) -> Iterator[list[str]]:
    """The phrases in captions of at most so many tokens; a phrase that is longer alone is cut to its first words."""
    portion: list[str] = []
    for phrase in phrases:
        words = phrase.split()
        while len(words) > 1 and len(tokenizer(_caption([" ".join(words)]))["input_ids"]) > longest:
            words.pop()
        one = phrase if len(words) == len(phrase.split()) else " ".join(words)
        if portion and len(tokenizer(_caption([*portion, one]))["input_ids"]) > longest:
            yield portion
            portion = []
        portion.append(one)
    if portion:
        yield portion


def _spans(tokens: Sequence[int], tokenizer: Any, count: int) -> list[range]:
    """The places of each phrase's tokens in a caption: between the first token, the dots and the last one."""
    dot = tokenizer.convert_tokens_to_ids(".")
    ends = [at for at, token in enumerate(tokens) if token == dot][:count]
    starts = [1, *(end + 1 for end in ends[:-1])]
    spans = [range(start, max(start + 1, end)) for start, end in zip(starts, ends, strict=True)]
    if len(spans) != count:
        raise BadCheckpoint("the detector's vocabulary lacks the dot that parts names; name another detector")
    return spans


def _large_enough(picture: Image.Image) -> Image.Image:
    """Tiny pictures are enlarged, and very oblong ones stretched, to what the network has cells for."""
    width, height = (max(_FEWEST, side, max(picture.size) // 16) for side in picture.size)
    if (width, height) == picture.size:
        return picture
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _each_once(found: Sequence[Found]) -> tuple[Found, ...]:
    """The surest boxes first, without those that overlap a surer one of the same name."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda each: -each.confidence):
        if all(one.name != other.name or _overlap(one, other) < _SAME for other in kept):
            kept.append(one)
    return tuple(kept)


def _overlap(one: Found, other: Found) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0.0, across) * max(0.0, down)
    areas = [(each.right - each.left) * (each.bottom - each.top) for each in (one, other)]
    return shared / (sum(areas) - shared)
