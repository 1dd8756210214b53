"""What changed between a given picture and the new one, seen side by side at the same place and in the same light.

Both are brought to one small size, the given one to its place in the new one (`alignment`), its light to the new one's
by a line fitted for each channel. What then differs is structure (the contrast-structure term of SSIM, Wang et al.
2004, over windows wide enough to pass over the softness of a decoder) or colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from omniagent.tools.instruments.edits.alignment import (
    Placing,
    Plane,
    blurred,
    boxed,
    contours,
    moved_box,
    placed,
    unmoved,
    warped,
    within,
)
from omniagent.tools.types import Box, ChangeMap

Mask = npt.NDArray[np.bool_]
Channels = npt.NDArray[np.float32]

LONG: Final = 192
SHORT: Final = 48
"""Pixels of the longer side of the pictures that are compared, and the fewest of the shorter one."""

FINE: Final = 768
"""Pixels of the longer side where it is asked whether anything changed at all."""

CELLS: Final = 32
OTHER_SHAPE: Final = 1.12
"""Ratio of the shapes of two pictures from which one cannot be the other, stretched a little."""

_WINDOW: Final = 4
_NOISE: Final = 0.03
"""Contrast, of a range of 1, that counts as none."""

_ALIKE: Final = 0.8
_STRUCTURE: Final = (0.75, 0.4)
"""Similarity of structure from which a pixel begins to count as changed, and at which it has."""

_COLOUR: Final = (0.07, 0.15)
"""The same for colours: square roots of levels from 0 to 1."""

_CONTOURED: Final = 0.01
"""Mean energy of contours below which a picture does not tell what scene it is of."""

_LEAST: Final = 0.008
"""Difference that is usual at least, of a range of 1."""

_SPOT: Final = 2
_MARGIN: Final = 0.05


@dataclass(frozen=True)
class Difference:
    """Two pictures compared, on the small plane of both.

    Attributes:
        size: (width, height) of the new picture in pixels.
        given: (width, height) of the given one.
        placing: How the given one lies in the new one.
        mirrored: The likeness of the given one, mirrored, to the new one.
        changed: How far each pixel changed, 0 to 1.
        covered: Which pixels both show.
        strongest: The strongest difference of any small spot, as a multiple of what is usual in this pair.
        contrast: Of fine detail, that of the new picture over that of the given one.
        light: By how much the light of all changed, as a share of the range.
        contoured: Whether both have contours enough to tell whether they are of one scene.
    """

    size: tuple[int, int]
    given: tuple[int, int]
    placing: Placing
    mirrored: float
    changed: Plane
    covered: Mask
    strongest: float
    contrast: float
    light: float
    contoured: bool

    @property
    def share(self) -> float:
        """Share of the picture that changed."""
        return float(self.changed.mean())

    def around(self, boxes: Sequence[Box], earlier: Sequence[Box] = (), margin: float = _MARGIN) -> Mask:
        """What lies in boxes of the new picture, or of the given one (`earlier`), with a margin around them."""
        return region(boxes, self.size, earlier, self.given, self.placing, self.changed.shape, margin)

    def within(self, where: Mask) -> float:
        """Share of a region that changed."""
        seen = where & self.covered
        return float(self.changed[seen].mean()) if seen.any() else 0.0

    def moved(self, corners: Sequence[float]) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) in pixels of the given picture, in those of the new one."""
        height, width = self.changed.shape
        across, down = width / self.given[0], height / self.given[1]
        left, top, right, bottom = corners
        small = moved_box((left * across, top * down, right * across, bottom * down), (width, height), self.placing)
        across, down = self.size[0] / width, self.size[1] / height
        return small[0] * across, small[1] * down, small[2] * across, small[3] * down

    def map(self, allowed: Mask | None) -> ChangeMap:
        """The change on cells, and the share of it that lies outside of what was allowed, where that is known."""
        height, width = self.changed.shape
        long = max(width, height)
        cells = max(1, round(CELLS * width / long)), max(1, round(CELLS * height / long))
        levels = Image.fromarray((self.changed * 255).astype(np.uint8)).resize(cells, Image.Resampling.BOX)
        digits = np.rint(np.asarray(levels, dtype=np.float32) / 255 * 9).astype(int)
        rows = tuple("".join(str(digit) for digit in row) for row in digits)
        whole = float(self.changed.sum())
        outside = None if allowed is None else float((self.changed * ~allowed).sum()) / whole if whole else 0.0
        return ChangeMap(rows=rows, outside=outside)


def region(
    boxes: Sequence[Box],
    size: tuple[int, int],
    earlier: Sequence[Box],
    given: tuple[int, int],
    placing: Placing,
    shape: tuple[int, ...],
    margin: float,
) -> Mask:
    """The pixels of the small plane inside of boxes; `margin` is a share of its longer side."""
    height, width = shape[:2]
    where = np.zeros((height, width), dtype=np.bool_)
    corners = [_scaled(box, size, (width, height)) for box in boxes]
    corners += [moved_box(_scaled(box, given, (width, height)), (width, height), placing) for box in earlier]
    wider = margin * max(width, height)
    for left, top, right, bottom in corners:
        across = slice(max(0, round(left - wider)), max(0, round(right + wider)))
        where[max(0, round(top - wider)) : max(0, round(bottom + wider)), across] = True
    return where


def comparable(before: Image.Image, after: Image.Image) -> bool:
    """Whether two pictures have so nearly one shape that one may be the other, stretched a little."""
    ratio = before.width * after.height / (before.height * after.width)
    return max(ratio, 1 / ratio) <= OTHER_SHAPE


def compared(
    before: Image.Image, after: Image.Image, boxes: Sequence[Box] = (), earlier: Sequence[Box] = ()
) -> Difference:
    """Compare the given picture with the new one, which may have other sizes.

    Args:
        before: The given picture.
        after: The new one.
        boxes: Of what was to change, in pixels of the new picture; the light of both is compared outside of them.
        earlier: The same in pixels of the given one.
    """
    size = small_size(*after.size)
    here, there = (one.convert("RGB").resize(size, Image.Resampling.BOX) for one in (before, after))
    placing = placed(here, there)
    mirrored = unmoved(ImageOps.mirror(here), there)
    covered = within(size, placing)
    outside = ~region(boxes, after.size, earlier, before.size, placing, (size[1], size[0]), 0.0) & covered
    old, new = _channels(warped(here, placing)), _channels(there)
    similar, contrast = _structure(old.mean(axis=2), new.mean(axis=2), outside)
    lit, light = _in_light(old, new, similar, outside if outside.mean() > 0.1 else covered)
    colour, strongest = _strongest(lit, new, covered)
    changed = np.maximum(_ramp(similar, *_STRUCTURE), _ramp(colour, *_COLOUR)) * covered
    contoured = min(contours(here), contours(there)) > _CONTOURED
    return Difference(
        size=after.size,
        given=before.size,
        placing=placing,
        mirrored=mirrored if contoured else 0.0,
        changed=changed.astype(np.float32),
        covered=covered,
        strongest=strongest,
        contrast=contrast,
        light=light,
        contoured=contoured,
    )


def likeness_of(before: Image.Image, after: Image.Image) -> float:
    """How far the contours of two cut-outs agree where they agree best; see `Placing.likeness`."""
    size = small_size(*after.size, long=96)
    here, there = (one.convert("RGB").resize(size, Image.Resampling.BICUBIC) for one in (before, after))
    return placed(here, there).likeness


def strongest_spot(before: Image.Image, after: Image.Image, seen: Difference) -> float:
    """As `Difference.strongest`, on pictures large enough to show what the small plane is too coarse for."""
    if max(after.size) <= 1.5 * LONG:
        return seen.strongest
    size = small_size(*after.size, long=min(FINE, max(after.size)))
    scale = size[0] / seen.changed.shape[1], size[1] / seen.changed.shape[0]
    placing = seen.placing._replace(right=seen.placing.right * scale[0], down=seen.placing.down * scale[1])
    here, there = (one.convert("RGB").resize(size, Image.Resampling.BOX) for one in (before, after))
    covered = within(size, placing)
    old, new = _channels(warped(here, placing)), _channels(there)
    lit = np.stack(
        [gain * old[..., at] + lift for at, (gain, lift) in enumerate(_lines(old, new, covered))], axis=2
    ).astype(np.float32)
    return _strongest(lit, new, covered)[1]


def small_size(width: int, height: int, long: int = LONG) -> tuple[int, int]:
    """(width, height) at which a picture of that shape is compared; very oblong ones are compared less oblong."""
    ratio = long / max(width, height)
    short = max(SHORT, round(min(width, height) * ratio))
    return (long, short) if width >= height else (short, long)


def _channels(picture: Image.Image) -> Channels:
    levels = np.sqrt(np.asarray(picture, dtype=np.float32) / 255)
    return np.stack([blurred(plane, 1) for plane in np.moveaxis(levels, 2, 0)], axis=2)


def _structure(old: Plane, new: Plane, outside: Mask) -> tuple[Plane, float]:
    """Similarity of structure, -1 to 1, whatever the contrast of all; and that contrast."""
    mean_old, mean_new = boxed(old, _WINDOW), boxed(new, _WINDOW)
    var_old = np.maximum(boxed(old * old, _WINDOW) - mean_old**2, 0)
    var_new = np.maximum(boxed(new * new, _WINDOW) - mean_new**2, 0)
    both = boxed(old * new, _WINDOW) - mean_old * mean_new
    floor = _NOISE**2
    alike = (both + floor) / (np.sqrt(var_old * var_new) + floor)
    textured = (var_old > floor) & (var_new > floor / 10) & (alike > _ALIKE) & outside
    gain = float(np.median(np.sqrt(var_new[textured] / var_old[textured]))) if textured.sum() > 50 else 1.0
    similar = (2 * gain * both + floor) / (gain**2 * var_old + var_new + floor)
    return similar.astype(np.float32), gain


def _in_light(old: Channels, new: Channels, similar: Plane, seen: Mask) -> tuple[Channels, float]:
    """The given picture in the light of the new one, and how far that moved its middle tone."""
    same = seen & (similar > _ALIKE)
    same = same if same.sum() > 50 else seen
    lit, light = np.empty_like(old), 0.0
    for channel, (gain, lift) in enumerate(_lines(old, new, same)):
        lit[..., channel] = gain * old[..., channel] + lift
        middle = float(np.median(old[..., channel]))
        light = max(light, abs(gain * middle + lift - middle))
    return lit, light


def _strongest(lit: Channels, new: Channels, covered: Mask) -> tuple[Plane, float]:
    """The difference of colours around each pixel, and its largest as a multiple of what is usual."""
    apart = lit - new
    colour = np.abs(np.stack([boxed(plane, _SPOT) for plane in np.moveaxis(apart, 2, 0)], axis=2)).max(axis=2)
    if not covered.any():
        return colour, 0.0
    usual = float(np.median(np.abs(apart).max(axis=2)[covered]))
    return colour, float(colour[covered].max()) / max(usual, _LEAST)


def _lines(old: Channels, new: Channels, same: Mask) -> list[tuple[float, float]]:
    return [_line(old[..., channel], new[..., channel], same) for channel in range(3)]


def _line(old: Plane, new: Plane, same: Mask) -> tuple[float, float]:
    """The line that most pixels lie near: fitted again to the nearer ones, three times."""
    mask = same
    gain, lift = 1.0, 0.0
    for _ in range(3):
        if mask.sum() < 20:
            break
        x, y = old[mask].astype(np.float64), new[mask].astype(np.float64)
        spread = float(x.var())
        gain = float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 4e-4 else 1.0
        lift = float(y.mean() - gain * x.mean())
        apart = np.abs(new - gain * old - lift)
        mask = same & (apart < max(2 * float(np.quantile(apart[mask], 0.7)), _NOISE))
    return gain, lift


def _ramp(plane: Plane, start: float, full: float) -> Plane:
    return np.clip((plane - start) / (full - start), 0, 1)


def _scaled(box: Box, size: tuple[int, int], small: tuple[int, int]) -> tuple[float, float, float, float]:
    across, down = small[0] / size[0], small[1] / size[1]
    return box.left * across, box.top * down, box.right * across, box.bottom * down
