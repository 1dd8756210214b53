"""How alike pictures are: vectors by DINOv2 or DINOv3 (looks) and CLIP or SigLIP (meaning)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.model.errors import BadCheckpoint

if TYPE_CHECKING:
    import torch

Vectors: TypeAlias = npt.NDArray[np.float32]

_GREY: Final = (128, 128, 128)
_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP: Final = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@runtime_checkable
class Features(Protocol):
    """Turns pictures into vectors."""

    @property
    def name(self) -> str:
        """Of the weights or the method, for records."""
        ...

    def embed(self, pictures: Sequence[Image.Image]) -> Vectors:
        """A row of length 1 for each picture, so that the product of two is their cosine."""
        ...


def cosine(features: Features, first: Image.Image, second: Image.Image) -> float:
    """The likeness of two pictures, -1 to 1."""
    one, other = features.embed([first, second])
    return float(one @ other)


class VisionFeatures:
    """`Features` by a vision transformer in transformers' layout: DINOv2, DINOv3, CLIP or SigLIP.

    A picture is made square with grey bars rather than cropped, so that no part of a thing is lost.

    Args:
        weights: A folder, or a hub name such as facebook/dinov2-base or openai/clip-vit-large-patch14.
        batch: Pictures that are computed together.
        device: `cpu`, `cuda`, …; None takes the best there is.
        dtype: Number type; None means bfloat16 on an accelerator, float32 on the CPU.

    Raises:
        UnknownModel, HubUnreachable: the weights cannot be found.
        BadCheckpoint: they are of another model.
    """

    def __init__(
        self, weights: str | Path, *, batch: int = 16, device: str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        from transformers import AutoModel

        from omniagent.model.device import pick_device, pick_dtype
        from omniagent.model.perception.weights import fetch

        folder = fetch(weights)
        self.name = str(weights)
        self._batch = batch
        self._device = pick_device(device)
        self._dtype = pick_dtype(self._device, dtype)
        try:
            model: Any = AutoModel.from_pretrained(folder, dtype=self._dtype)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise BadCheckpoint(f"{weights} holds no vision model: {error}") from error
        self._model = model.eval().to(self._device)
        self._joint = hasattr(model, "get_image_features")
        config = model.config.vision_config if self._joint else model.config
        self._side = int(config.image_size)
        if not self._joint:
            # DINOv2 was trained at 518 and is used at 224 (its processor's size); any multiple of a patch is allowed.
            self._side = min(self._side, 224 // int(config.patch_size) * int(config.patch_size))
        self._mean, self._std = _normalising(folder, _CLIP if self._joint else _IMAGENET)

    def embed(self, pictures: Sequence[Image.Image]) -> Vectors:
        """As `Features.embed`.

        Raises:
            OutOfMemory: the device has too little memory for a batch.
        """
        import torch

        from omniagent.model.device import with_memory_fault

        rows: list[Vectors] = []
        for start in range(0, len(pictures), self._batch):
            planes = torch.from_numpy(np.stack([self._plane(each) for each in pictures[start : start + self._batch]]))
            what = f"{len(planes)} pictures of {self._side} pixels"
            rows.append(with_memory_fault(self._device, what, lambda planes=planes: self._vectors(planes)))
        return np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)

    def _vectors(self, planes: torch.Tensor) -> Vectors:
        import torch

        with torch.inference_mode():
            pixels = planes.to(self._device, self._dtype)
            out: Any = self._model.get_image_features(pixels) if self._joint else self._model(pixels)
            found: Any = out if isinstance(out, torch.Tensor) else out.pooler_output
            return np.asarray(torch.nn.functional.normalize(found.float(), dim=-1).cpu(), np.float32)

    def _plane(self, picture: Image.Image) -> npt.NDArray[np.float32]:
        rgb = picture.convert("RGB")
        side = max(rgb.size)
        square = Image.new("RGB", (side, side), _GREY)
        square.paste(rgb, ((side - rgb.width) // 2, (side - rgb.height) // 2))
        pixels = np.asarray(square.resize((self._side, self._side), Image.Resampling.BICUBIC), np.float32) / 255
        plane = (pixels - np.asarray(self._mean, np.float32)) / np.asarray(self._std, np.float32)
        return plane.transpose(2, 0, 1).astype(np.float32)


def _normalising(folder: Path, usual: tuple[Sequence[float], Sequence[float]]) -> tuple[Sequence[float], ...]:
    path = folder / "preprocessor_config.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    mean, std = told.get("image_mean"), told.get("image_std")
    return (mean, std) if mean and std else usual
