"""Changing one picture inside a box: cut out with a margin, drawn in the generator's size, put back softly.

A generator whose edits reuse their source draws the whole picture instead, of which it computes the box alone.
"""

from typing import Final, NamedTuple

from PIL import Image
from pydantic import Field

from omniagent.model.errors import BadSetting
from omniagent.model.limits import MAX_SIDE, MIN_SIDE, Part
from omniagent.model.profile import GeneratorProfile
from omniagent.tools.drawing.draw import DrawIn, DrawOut, drawn
from omniagent.tools.intake.region import Region
from omniagent.tools.tool import ToolContext, tool
from omniagent.tools.types import Box, ImageRef

_MARGIN: Final = 0.25
"""Of the box's longer side, on each side: what the generator must see to continue it."""

_MOST: Final = 0.6
"""A cut-out of more than this share of the picture is no local repair: the whole picture is drawn."""

_LEAST: Final = 0.2
"""The shortest side of a cut-out, as a share of the picture's shorter side: less shows nothing of what is around."""


_COARSE: Final = 0.125
"""A box whose shorter side is a smaller share of the picture's is enlarged, whatever drawing it whole would save."""

_SMALL: Final = 0.5
"""A picture of a smaller share of the pixels that the generator draws is enlarged too."""


class Cut(NamedTuple):
    """What is drawn to change a picture inside a box.

    Attributes:
        picture: The reference.
        size: At which it is drawn, whatever longest side pictures are held to; None: at the reference's own.
        part: What changes of it, as shares of its sides; None: anything.
        frame: Left, top, right and bottom of what is put back, in pixels of the picture that is changed.
    """

    picture: Image.Image
    size: tuple[int, int] | None
    part: Part | None
    frame: tuple[int, int, int, int]


class MendIn(DrawIn):
    """The picture to repair, the change in words, and where it takes place, in pixels of the picture."""

    source: ImageRef
    box: Box = Field(description="what changes; outside of it and of a margin around it every pixel stays")


def mend(arguments: MendIn, context: ToolContext) -> DrawOut:
    """Change a picture inside a box as the instruction says, one picture for each seed.

    Raises:
        BadSetting: the box takes in most of the picture (`frame_of`). Others: as `drawn`.

    The method of region-level repair (crop, enlarge, edit, paste) is that of OmniVerifier-M1 (arXiv 2605.28805).
    """
    source, generator = context.store.get(arguments.source), context.runtime.generator
    cut = cut_out(source, arguments.box, generator.profile, reuses=generator.reuses_source)
    width, height = cut.size or (None, None)
    settings = arguments.settings.model_copy(update={"width": width, "height": height, "max_side": None})
    region = context.region

    def back(picture: Image.Image) -> Image.Image:
        whole = put_back(source, picture, cut)
        return whole if region is None else region.kept(whole)

    return drawn("mend", arguments, settings, (cut.picture,), context, back, cut.part)


def cut_out(source: Image.Image, box: Box, profile: GeneratorProfile, *, reuses: bool = False) -> Cut:
    """What is drawn to change a picture inside a box.

    Where edits reuse their source (`reuses`) it is the whole picture at its own size, of which the box alone is
    computed. Enlarged cut-outs stay for what would be drawn too small that way: of a picture that is larger than the
    generator draws or of less than half its pixels, and a box of less than an eighth of the picture's shorter side.

    Raises:
        BadSetting: the box takes in most of the picture (`frame_of`).
    """
    frame, pixels = frame_of(box, source.size), profile.width * profile.height
    if frame is None:
        raise BadSetting(f"the box {box} takes in most of the picture; draw the whole picture instead")
    part = share_of(box, (0, 0, *source.size))
    side = min(box.right - box.left, box.bottom - box.top)
    fits = _SMALL * pixels <= source.width * source.height <= pixels
    if reuses and fits and part is not None and side >= _COARSE * min(source.size):
        return Cut(source, None, part, frame)
    cut = source.crop(frame)
    size = drawing_size(cut.size, pixels, profile.sides)
    enlarged = cut if cut.size == size else cut.resize(size, Image.Resampling.LANCZOS)
    return Cut(enlarged, size, share_of(box, frame), frame)


def put_back(source: Image.Image, drawn: Image.Image, cut: Cut) -> Image.Image:
    """The source with what was drawn of a cut-out of it."""
    if cut.picture is source:
        drawn = drawn if drawn.size == source.size else drawn.resize(source.size, Image.Resampling.LANCZOS)
        drawn = drawn.crop(cut.frame)
    return pasted(source, drawn, cut.frame)


def frame_of(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The cut-out of a picture of that size for a box: left, top, right, bottom; None where it is most of the picture.

    Whole pixels within the picture, the box with a margin, no side too short to show what is around.
    """
    width, height = size
    margin = _MARGIN * max(box.right - box.left, box.bottom - box.top)
    least = max(MIN_SIDE, _LEAST * min(size))
    left, right = _span(box.left - margin, box.right + margin, least, width)
    top, bottom = _span(box.top - margin, box.bottom + margin, least, height)
    if (right - left) * (bottom - top) > _MOST * width * height:
        return None
    return left, top, right, bottom


def share_of(box: Box, frame: tuple[int, int, int, int]) -> Part | None:
    """Left, top, right and bottom of a box within a frame, as shares of the frame's sides; None of an empty box."""
    left, top, right, bottom = frame
    width, height = right - left, bottom - top
    start = max(0.0, (box.left - left) / width), max(0.0, (box.top - top) / height)
    end = min(1.0, (box.right - left) / width), min(1.0, (box.bottom - top) / height)
    return (*start, *end) if start[0] < end[0] and start[1] < end[1] else None


def drawing_size(cut: tuple[int, int], pixels: int, sides: tuple[int, int] | None = None) -> tuple[int, int]:
    """The size that a cut-out is drawn at: of its shape, in whole tokens, of about so many pixels.

    Args:
        cut: Width and height of the cut-out.
        pixels: Of a picture that the generator draws by default.
        sides: The shortest and the longest side that it draws well; a long cut-out loses some of its shape to them.
    """
    scale = (pixels / (cut[0] * cut[1])) ** 0.5
    low, high = sides or (MIN_SIDE, MAX_SIDE)
    width, height = (min(high, max(low, _whole(side * scale))) for side in cut)
    return width, height


def pasted(source: Image.Image, drawn: Image.Image, frame: tuple[int, int, int, int]) -> Image.Image:
    """The source with what was drawn in a frame of it, which fades in inside that; outside all pixels are its own."""
    mask = Image.new("L", source.size, 0)
    mask.paste(255, frame)
    whole = source.copy()
    whole.paste(drawn.resize((frame[2] - frame[0], frame[3] - frame[1]), Image.Resampling.LANCZOS), frame[:2])
    return Region(source, mask).kept(whole)


def _span(start: float, end: float, least: float, side: int) -> tuple[int, int]:
    """Whole pixels from start to end within 0 and the side, at least so long where the side allows it."""
    missing = max(0.0, least - (end - start)) / 2
    start, end = start - missing, end + missing
    shift = max(0.0, -start) - max(0.0, end - side)
    first, last = max(0, int(start + shift)), min(side, round(end + shift + 0.5))
    return first, max(last, min(side, first + 1))


def _whole(side: float) -> int:
    return max(MIN_SIDE, round(side / MIN_SIDE) * MIN_SIDE)


MEND = tool(mend)
