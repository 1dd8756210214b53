"""Finds all instances of a fixed list of classes: Mask2Former (Cheng et al. 2022, arXiv 2112.01527)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from PIL import Image

from omniagent.model.errors import BadCheckpoint
from omniagent.model.perception.faults import read_as
from omniagent.model.perception.masks import Mask, Rect, box_of
from omniagent.model.perception.weights import fetch
from omniagent.model.wording import shown

if TYPE_CHECKING:
    import torch


class Instance(NamedTuple):
    """One thing that was found.

    Attributes:
        label: Number of its class, from 0.
        confidence: 0 to 1.
        box: Left, top, right and bottom in pixels of the picture, the right and bottom ones just outside of it; zeros
            where no pixel is set.
        mask: Its pixels, (height, width).
    """

    label: int
    confidence: float
    box: Rect
    mask: Mask


class InstanceFinder(Protocol):
    """Finds things of classes that it was trained on."""

    @property
    def name(self) -> str:
        """Of its weights, for records."""
        ...

    def instances(self, picture: Image.Image, *, above: float) -> list[Instance]:
        """What it finds with a confidence above the given one, the surest first."""
        ...


class _Parts(NamedTuple):
    model: Any
    images: Any
    device: torch.device


class Mask2Former:
    """An `InstanceFinder` by a Mask2Former of instances. Its weights are loaded when it first looks. Thread-safe.

    What it finds is read off its outputs in the order of the published detector (mmdetection 2.x,
    `MaskFormerFusionHead.instance_postprocess`): the surest pairs of query and class, as many as there are queries;
    each confidence is that of the class times the mean probability of the mask's own pixels; masks are enlarged to the
    padded picture, cut to it, and brought to its size. Computed in float32 on any device.

    Args:
        name: A folder, or a hub name such as `facebook/mask2former-swin-small-coco-instance`.
        sides: The shorter side to which pictures are brought, and the longest that the longer one may have, in pixels;
            None as the folder's own picture processor says, which need not be what a paper's figures are of.
        device: Where it runs; None takes the best there is.
    """

    def __init__(self, name: str | Path, *, sides: tuple[int, int] | None = None, device: str | None = None) -> None:
        self.name = str(name)
        self._sides = sides
        self._device = device
        self._parts: _Parts | None = None
        self._lock = threading.Lock()

    def instances(self, picture: Image.Image, *, above: float) -> list[Instance]:
        """As `InstanceFinder.instances`.

        Raises:
            UnknownModel, HubUnreachable: the model cannot be downloaded.
            BadCheckpoint: it is no Mask2Former, or broken.
            OutOfMemory: the device is too small.
        """
        from omniagent.model.device import with_memory_fault

        with self._lock:
            parts = self._parts = self._parts or self._loaded()
            rgb = picture.convert("RGB")
            return with_memory_fault(parts.device, "finding instances", lambda: self._found(parts, rgb, above))

    @property
    def labels(self) -> int:
        """How many classes it knows. Raises: as `instances`."""
        with self._lock:
            parts = self._parts = self._parts or self._loaded()
            return int(parts.model.config.num_labels)

    def _loaded(self) -> _Parts:
        from transformers import AutoConfig, AutoImageProcessor, Mask2FormerForUniversalSegmentation

        from omniagent.model.device import pick_device, with_memory_fault
        from omniagent.model.loading import quiet

        device = pick_device(self._device)
        folder = fetch(self.name)
        with read_as(
            "detector", self.name, "a Mask2Former with its preprocessor_config.json and weights in safetensors"
        ):
            config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type != "mask2former":
                raise BadCheckpoint(
                    f"detector {shown(self.name)} is a {config.model_type}, not a mask2former; name another one, such "
                    "as facebook/mask2former-swin-small-coco-instance"
                )
            images: Any = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
            with quiet():
                loaded: Any = Mask2FormerForUniversalSegmentation.from_pretrained(
                    folder, dtype="float32", use_safetensors=True, local_files_only=True
                )
            model: Any = loaded.eval()
        move: Callable[[], Any] = partial(model.to, device)
        with_memory_fault(device, "the detector", move)
        return _Parts(model, images, device)

    def _found(self, parts: _Parts, picture: Image.Image, above: float) -> list[Instance]:
        import torch

        size: dict[str, Any] = {}
        if self._sides is not None:
            shorter, longest = self._sides
            size = {"size": {"shortest_edge": shorter, "longest_edge": longest}, "size_divisor": 32}
        seen = parts.images(images=picture, return_tensors="pt", **size)
        padded = seen["pixel_values"].shape[-2:]
        # Padding lies below and right of the picture; the processor's mask of pixels says how far the picture reaches.
        pixels = seen["pixel_mask"][0]
        inner = int(pixels.any(dim=1).sum()), int(pixels.any(dim=0).sum())
        with torch.inference_mode():
            out = parts.model(
                pixel_values=seen["pixel_values"].to(parts.device), pixel_mask=seen["pixel_mask"].to(parts.device)
            )
            chances = out.class_queries_logits[0].float().softmax(dim=-1)[:, :-1]
            queries, classes = chances.shape
            sure, at = chances.flatten().topk(min(queries, chances.numel()))
            keep = sure > above  # The mask's own probability is at most 1, so no other one can pass.
            found: list[Instance] = []
            for chance, place in zip(sure[keep].tolist(), at[keep].tolist(), strict=True):
                query, label = divmod(place, classes)
                logits = _resized(out.masks_queries_logits[0, query].float(), (int(padded[0]), int(padded[1])))
                logits = _resized(logits[: inner[0], : inner[1]], (picture.height, picture.width))
                inside = logits > 0
                share = float((logits.sigmoid() * inside).sum() / (inside.sum() + 1e-6))
                if chance * share > above:
                    mask = inside.cpu().numpy()
                    found.append(Instance(label, chance * share, box_of(mask) or (0.0, 0.0, 0.0, 0.0), mask))
        return sorted(found, key=lambda each: -each.confidence)


def _resized(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    import torch

    return torch.nn.functional.interpolate(logits[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
