"""How alike pictures are: vectors by DINO, DINOv2 or DINOv3 (looks) and CLIP or SigLIP (meaning)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.model.errors import BadCheckpoint, BadSetting

if TYPE_CHECKING:
    import torch

Vectors: TypeAlias = npt.NDArray[np.float32]
Framing = Literal["bars", "crop"]

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
    """`Features` by a vision transformer in transformers' layout: DINO, DINOv2, DINOv3, CLIP or SigLIP.

    Args:
        weights: A folder, or a hub name such as facebook/dinov2-base or openai/clip-vit-large-patch14.
        batch: Pictures that are computed together.
        framing: How a picture becomes square: with grey bars, so that no part of a thing is lost, or cut out of its
            middle, as published evaluations do.
        shrunk: Pixels of the shorter side before the middle is cut out; None: the network's own side.
        device: `cpu`, `cuda`, …; None takes the best there is.
        dtype: Number type; None means bfloat16 on an accelerator, float32 on the CPU.

    Raises:
        UnknownModel, HubUnreachable: the weights cannot be found.
        BadCheckpoint: they are of another model.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        batch: int = 16,
        framing: Framing = "bars",
        shrunk: int | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        from transformers import AutoConfig, AutoModel

        from omniagent.model.device import pick_device, pick_dtype
        from omniagent.model.perception.faults import read_as
        from omniagent.model.perception.weights import fetch

        folder = fetch(weights)
        self.name = str(weights)
        self._folder = folder
        self._batch = batch
        self._framing = framing
        self._device = pick_device(device)
        self._dtype = pick_dtype(self._device, dtype)
        with read_as("vision model", self.name, "a DINO, CLIP or SigLIP with its weights in safetensors"):
            config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
            # DINO was published without a pooler: its vector is the class token after the last norm.
            bare: Any = {"add_pooling_layer": False} if config.model_type == "vit" else {}
            model: Any = AutoModel.from_pretrained(
                folder, dtype=self._dtype, use_safetensors=True, local_files_only=True, **bare
            )
        self._model = model.eval().to(self._device)
        self._joint = hasattr(model, "get_image_features")
        config = model.config.vision_config if self._joint else model.config
        self._side = int(config.image_size)
        if not self._joint:
            # DINOv2 was trained at 518 and is used at 224 (its processor's size); any multiple of a patch is allowed.
            self._side = min(self._side, 224 // int(config.patch_size) * int(config.patch_size))
        self._shrunk = max(self._side, shrunk or 0)
        self._tokenizer: Any = None
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

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """A row of length 1 for each text, in the space of the pictures; what is longer than the model takes is cut.

        Raises:
            BadSetting: the model knows no texts.
            BadCheckpoint: its tokenizer is missing or broken.
        """
        import torch
        from transformers import AutoTokenizer

        from omniagent.model.perception.faults import read_as

        if not self._joint:
            raise BadSetting(f"{self.name} knows pictures only; name a CLIP or SigLIP to compare pictures with texts")
        if self._tokenizer is None:
            with read_as("vision model", self.name, "a CLIP or SigLIP with its tokenizer"):
                self._tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
        longest = int(self._model.config.text_config.max_position_embeddings)
        words = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.inference_mode():
            masked = {"attention_mask": words["attention_mask"]} if self._model.config.model_type == "clip" else {}
            out: Any = self._model.get_text_features(
                words["input_ids"].to(self._device), **{name: mask.to(self._device) for name, mask in masked.items()}
            )
            return self._unit(out)

    def _unit(self, out: Any) -> Vectors:
        import torch

        whole: Any = out
        pooled: Any = whole if isinstance(whole, torch.Tensor) else out.pooler_output
        found: Any = out.last_hidden_state[:, 0] if pooled is None else pooled
        return np.asarray(torch.nn.functional.normalize(found.float(), dim=-1).cpu(), np.float32)

    def _vectors(self, planes: torch.Tensor) -> Vectors:
        import torch

        with torch.inference_mode():
            pixels = planes.to(self._device, self._dtype)
            return self._unit(self._model.get_image_features(pixels) if self._joint else self._model(pixels))

    def _plane(self, picture: Image.Image) -> npt.NDArray[np.float32]:
        rgb = picture.convert("RGB")
        square = _with_bars(rgb, self._side) if self._framing == "bars" else _cut(rgb, self._side, self._shrunk)
        pixels = np.asarray(square, np.float32) / 255
        plane = (pixels - np.asarray(self._mean, np.float32)) / np.asarray(self._std, np.float32)
        return plane.transpose(2, 0, 1).astype(np.float32)


def _with_bars(rgb: Image.Image, side: int) -> Image.Image:
    longer = max(rgb.size)
    square = Image.new("RGB", (longer, longer), _GREY)
    square.paste(rgb, ((longer - rgb.width) // 2, (longer - rgb.height) // 2))
    return square.resize((side, side), Image.Resampling.BICUBIC)


def _cut(rgb: Image.Image, side: int, shrunk: int) -> Image.Image:
    """The middle, by the roundings of torchvision's Resize and CenterCrop, which published evaluations use."""
    shorter = min(rgb.size)
    width, height = (shrunk if each == shorter else int(shrunk * each / shorter) for each in rgb.size)
    small = rgb.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return small.crop((left, top, left + side, top + side))


def _normalising(folder: Path, usual: tuple[Sequence[float], Sequence[float]]) -> tuple[Sequence[float], ...]:
    path = folder / "preprocessor_config.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    mean, std = told.get("image_mean"), told.get("image_std")
    return (mean, std) if mean and std else usual
