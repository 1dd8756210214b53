"""Fills parts of pictures: diffusers' inpainting pipelines, FLUX.1-Fill among them."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from omniagent.model.errors import BadCheckpoint, GenerationFailed
from omniagent.model.perception.masks import Mask, pasted

if TYPE_CHECKING:
    import torch

Offload = Literal["none", "model", "sequential"]
_STEP: Final = 16


@runtime_checkable
class Filler(Protocol):
    """Fills masks."""

    @property
    def name(self) -> str:
        """Of the weights or the method, for records."""
        ...

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        """The picture with the set pixels of the mask drawn anew; all others are the picture's own.

        Args:
            picture: RGB.
            mask: (height, width), of the same size.
            prompt: What to draw; empty leaves that to the surroundings.
            seed: Equal seeds give equal pictures.
        """
        ...


class DiffusersFiller:
    """A `Filler` by an inpainting pipeline of diffusers.

    The folder's own class is taken where it fills (FLUX.1-Fill), else the inpainting class of its family
    (FLUX.2-klein, Qwen-Image, Z-Image, SDXL). Pictures are shrunk to `pixels` for it, and what was not masked is put
    back afterwards at full size with a soft edge.

    Args:
        weights: A folder, or a hub name.
        steps: Denoising steps; None takes the pipeline's own.
        guidance: Guidance scale; None takes the pipeline's own.
        strength: Of the noise that the masked part begins from, up to 1, which forgets what was there.
        pixels: Largest area that the pipeline draws.
        soft: Width of the edge between what was drawn and what was kept, in pixels.
        offload: Where weights stay that are not at work: on the device, or in memory by model or by layer.
        device: `cpu`, `cuda`, …; None takes the best there is.
        dtype: Number type; None means bfloat16 on an accelerator, float32 on the CPU.

    Raises:
        UnknownModel, HubUnreachable: the weights cannot be found.
        BadCheckpoint: they are of no pipeline that fills.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        strength: float = 1.0,
        pixels: int = 1024**2,
        soft: float = 2.0,
        offload: Offload = "none",
        device: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        from omniagent.model.device import pick_device, pick_dtype
        from omniagent.model.perception.weights import fetch

        folder = fetch(weights)
        self.name = str(weights)
        self._device = pick_device(device)
        self._pixels, self._soft = pixels, soft
        kind = _filling_class(folder, str(weights))
        try:
            with warnings.catch_warnings():
                # The oldest diffusers that is allowed knows this name alone, the newest one would have another.
                warnings.simplefilter("ignore", FutureWarning)
                self._pipe: Any = kind.from_pretrained(folder, torch_dtype=pick_dtype(self._device, dtype))
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise BadCheckpoint(f"{weights} cannot be loaded as a {kind.__name__}: {error}") from error
        self._pipe.set_progress_bar_config(disable=True)
        if offload == "none" or self._device.type == "cpu":
            self._pipe.to(self._device)
        elif offload == "model":
            self._pipe.enable_model_cpu_offload(device=self._device)
        else:
            self._pipe.enable_sequential_cpu_offload(device=self._device)
        wanted = {"strength": strength, "num_inference_steps": steps, "guidance_scale": guidance}
        takes = inspect.signature(self._pipe.__call__).parameters
        self._settings = {name: value for name, value in wanted.items() if value is not None and name in takes}

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        """As `Filler.fill`.

        Raises:
            OutOfMemory: the device has too little memory.
            GenerationFailed: the pipeline gave no usable picture.
        """
        from omniagent.model.device import with_memory_fault

        width, height = self._size(picture)
        what = f"a filling of {width}x{height}"
        drawn = with_memory_fault(self._device, what, lambda: self._draw(picture, mask, (width, height), prompt, seed))
        return pasted(drawn.resize(picture.size, Image.Resampling.LANCZOS), picture, mask, self._soft)

    def _draw(self, picture: Image.Image, mask: Mask, size: tuple[int, int], prompt: str, seed: int) -> Image.Image:
        import torch

        plane = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
        with torch.inference_mode():
            out = self._pipe(
                prompt=prompt,
                image=picture.convert("RGB").resize(size, Image.Resampling.LANCZOS),
                mask_image=plane,
                width=size[0],
                height=size[1],
                # On the CPU, so that a seed gives the same noise on every device.
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="np",
                **self._settings,
            )
        pixels = np.asarray(out.images[0], np.float32)
        if not np.isfinite(pixels).all():
            raise GenerationFailed(f"{self.name} gave a picture with NaN; try another number type than the one in use")
        return Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))

    def _size(self, picture: Image.Image) -> tuple[int, int]:
        scale = min(1.0, (self._pixels / (picture.width * picture.height)) ** 0.5)
        width, height = (max(int(side * scale) // _STEP * _STEP, 2 * _STEP) for side in picture.size)
        return width, height


def _filling_class(folder: Path, name: str) -> Any:
    import diffusers

    path = folder / "model_index.json"
    try:
        own = str(json.loads(path.read_text(encoding="utf-8"))["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"{name} has no readable model_index.json with _class_name: {error}") from error
    wanted = own if "Fill" in own or "Inpaint" in own else own.replace("Pipeline", "InpaintPipeline")
    kind = getattr(diffusers, wanted, None)
    if kind is None:
        raise BadCheckpoint(f"{name} is a {own}, and diffusers has no {wanted}; give a model that fills masks")
    return kind
