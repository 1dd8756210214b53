"""What a server of the images API is asked for, and what it is asked for without once it refuses a field."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image

from omniagent.model.http.refusals import Refused, is_bland
from omniagent.model.requests import GenerationRequest

DEFAULT_SIDE = 1024
REFERENCE_PIXELS = 2048 * 2048
"""Most pixels of a reference that is sent: four times what OmniGen2 reads one at."""

Pixels = tuple[int, int]
"""Width and height."""
# Fields of ours, which a server may do without; others were asked for, and are left out only where they are unknown.
OURS = ("response_format", "seed", "n", "size")
EXTRA = ("negative_prompt", "num_inference_steps", "guidance_scale", "image_guidance_scale")
_UNKNOWN = re.compile(
    r"unknown|unsupported|unrecogni[sz]ed|unexpected|extra|no such|does not (support|accept|know)|"
    r"not (supported|permitted|allowed|accepted|valid|known|available|implemented)"
)
_SIZE = re.compile(r"\b(\d{2,4}) ?[x×*] ?(\d{2,4})\b")


def wanted_size(request: GenerationRequest, max_side: int = DEFAULT_SIDE) -> Pixels | None:
    """The size to ask for: what was asked for, else that of a single reference by the size rule of the local generator.

    Where one side alone was asked for, the other is that of the single reference, else 1,024 pixels, as the local
    generator has it. None leaves the size to the server.

    Args:
        request: What is asked for.
        max_side: Longest side in pixels of a picture that a reference gives its size, where the request names none.

    Raises:
        BadImage: the single reference is too small or too narrow.
    """
    width, height = request.width, request.height
    if width is not None and height is not None:
        return width, height
    if len(request.references) == 1:
        # Here, since it loads torch, which nothing else on this way needs.
        from omniagent.model.pictures import Size, reference_size

        given = Size(request.references[0].height, request.references[0].width)
        whole = reference_size(given, max_side_length=request.max_side or max_side)
        return width or whole.width, height or whole.height
    if width is None and height is None:
        return None
    return width or DEFAULT_SIDE, height or DEFAULT_SIDE


def reference_png(picture: Image.Image) -> bytes:
    """A reference as it travels, shrunk to 4 megapixels if it has more."""
    rgb = picture.convert("RGB")
    if rgb.width * rgb.height > REFERENCE_PIXELS:
        factor = (REFERENCE_PIXELS / (rgb.width * rgb.height)) ** 0.5
        size = max(1, int(rgb.width * factor)), max(1, int(rgb.height * factor))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    rgb.save(buffer, "PNG")
    return buffer.getvalue()


def fields_of(name: str, request: GenerationRequest, seed: int, size: Pixels | None) -> dict[str, Any]:
    """The fields of one picture's request."""
    wished = {
        "size": None if size is None else f"{size[0]}x{size[1]}",
        "negative_prompt": request.negative or None,
        "num_inference_steps": request.steps,
        "guidance_scale": request.text_guidance,
        "image_guidance_scale": request.image_guidance,
    }
    fields = {"model": name, "prompt": request.instruction, "n": 1, "response_format": "b64_json", "seed": seed}
    return fields | {name: value for name, value in wished.items() if value is not None}


def without_refused(said: Refused, fields: dict[str, Any]) -> dict[str, Any] | None:
    """The fields without those that a refusal names, or with a size that it offers; None where it names none."""
    words = said.words.lower()
    if said.status not in (400, 422, 501):
        return None
    named = [name for name in (*OURS, *EXTRA) if name in fields and re.search(rf"\b{name}\b", words)]
    lost = [name for name in named if name in OURS or _UNKNOWN.search(words)]
    # "n" and "size" are words of other sentences too.
    if "n" in lost and (len(lost) > 1 or not re.search(r"""['"`]n['"`]|\bbody n\b""", words)):
        lost.remove("n")
    if not lost:
        return None
    fewer = {name: value for name, value in fields.items() if name not in lost}
    if "size" in lost and (offered := _nearest(fields["size"], words)) is not None:
        fewer["size"] = offered
    return fewer


def guesses(said: Refused, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """What to ask for instead where a refusal gives no reason, the likeliest first."""
    if said.status not in (400, 422, 501) or not is_bland(said.words):
        return []
    groups = (("response_format",), ("response_format", "size"), ("response_format", "seed", *EXTRA), (*OURS, *EXTRA))
    made = [{name: value for name, value in fields.items() if name not in group} for group in groups]
    return [each for number, each in enumerate(made) if each not in (fields, *made[:number])]


def _nearest(asked: str, words: str) -> str | None:
    """Of the sizes that a refusal names, other than the one asked for, that of the nearest shape, then area."""
    offered = {(int(width), int(height)) for width, height in _SIZE.findall(words)}
    width, height = map(int, asked.split("x"))
    offered.discard((width, height))
    nearest = min(offered, key=lambda size: _distance(size, (width, height)), default=None)
    return None if nearest is None else f"{nearest[0]}x{nearest[1]}"


def _distance(size: Pixels, other: Pixels) -> tuple[float, float]:
    shape = size[0] * other[1] / (size[1] * other[0])
    area = size[0] * size[1] / (other[0] * other[1])
    return max(shape, 1 / shape), max(area, 1 / area)
