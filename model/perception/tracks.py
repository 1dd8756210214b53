"""Follows things through the frames of a clip: SAM 2 (arXiv 2408.00714), without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from omniagent.model.errors import BadCheckpoint
from omniagent.model.perception.masks import Mask, Rect

if TYPE_CHECKING:
    import torch

_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)


@runtime_checkable
class Tracker(Protocol):
    """Follows things."""

    @property
    def name(self) -> str:
        """Of the weights or the method, for records."""
        ...

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        """The masks of things through a clip.

        Args:
            frames: RGB pictures of one size, in the order of time.
            boxes: Of the things, in the first frame.

        Returns:
            For each frame a mask for each box, (height, width); one without a set pixel where the thing is not seen.
        """
        ...


class Sam2Tracker:
    """A `Tracker` by a video model of SAM 2 or 2.1, such as facebook/sam2.1-hiera-large.

    Args:
        weights: A folder, or a hub name.
        device: `cpu`, `cuda`, …; None takes the best there is.
        dtype: Number type; None means bfloat16 on an accelerator, float32 on the CPU.

    Raises:
        UnknownModel, HubUnreachable: the weights cannot be found.
        BadCheckpoint: they are of another model.
    """

    def __init__(self, weights: str | Path, *, device: str | None = None, dtype: torch.dtype | None = None) -> None:
        from transformers import Sam2VideoModel

        from omniagent.model.device import pick_device, pick_dtype
        from omniagent.model.perception.weights import fetch

        folder = fetch(weights)
        self.name = str(weights)
        self._device = pick_device(device)
        self._dtype = pick_dtype(self._device, dtype)
        try:
            model: Any = Sam2VideoModel.from_pretrained(folder, dtype=self._dtype)
        except (OSError, ValueError, RuntimeError) as error:
            raise BadCheckpoint(f"{weights} holds no video model of SAM 2: {error}") from error
        self._model = model.eval().to(self._device)
        self._side = int(self._model.config.image_size)

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        """As `Tracker.track`.

        Raises:
            OutOfMemory: the device has too little memory for a clip of this length.
        """
        from omniagent.model.device import with_memory_fault

        if not boxes:
            return [[] for _ in frames]
        return with_memory_fault(self._device, f"{len(frames)} frames of a clip", lambda: self._track(frames, boxes))

    def _track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        import torch
        from torch.nn.functional import interpolate
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        width, height = frames[0].size
        session: Any = Sam2VideoInferenceSession(
            video=torch.stack([self._plane(frame) for frame in frames]),
            video_height=height,
            video_width=width,
            inference_device=self._device,
            dtype=self._dtype,
        )
        scale = torch.tensor([self._side / width, self._side / height])
        for number, box in enumerate(boxes, start=1):
            # A box is asked for as two points with the labels of a top left and a bottom right corner.
            corners = torch.tensor(box, dtype=torch.float32).reshape(1, 1, 2, 2) * scale
            labels = torch.tensor([[[2, 3]]], dtype=torch.int32)
            at = session.obj_id_to_idx(number)
            session.add_point_inputs(at, 0, {"point_coords": corners, "point_labels": labels})
        session.obj_with_new_inputs = list(range(1, len(boxes) + 1))
        found: list[list[Mask]] = []
        with torch.inference_mode():
            for out in self._model.propagate_in_video_iterator(session, start_frame_idx=0):
                planes = interpolate(out.pred_masks.float(), (height, width), mode="bilinear")
                seen = out.object_score_logits
                masks = [np.asarray((plane[0] > 0).cpu(), dtype=bool) for plane in planes]
                if seen is not None:
                    here = (seen.float().reshape(-1) > 0).tolist()
                    masks = [mask if there else np.zeros_like(mask) for mask, there in zip(masks, here, strict=True)]
                found.append(masks)
        return found

    def _plane(self, frame: Image.Image) -> torch.Tensor:
        import torch

        small = frame.convert("RGB").resize((self._side, self._side), Image.Resampling.BILINEAR)
        pixels = np.asarray(small, dtype=np.float32) / 255
        plane = (pixels - np.asarray(_MEAN, np.float32)) / np.asarray(_STD, np.float32)
        return torch.from_numpy(plane).permute(2, 0, 1)
