"""Finds the background and the blobs of a picture: the first half of the oracle, in plain numpy.

The world's backgrounds are colourless and its colours are not, so a blend of an object with its background keeps the
object's hue: blobs are cut where the picture leaves the background, then where the hue changes.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.shapes.scene.reading import Unreadable
from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS, COLOURS

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]

BACKGROUND_REACH = 42.0
LEAST_BACKGROUND = 0.3
MOST_BLOBS = 24
# Below these areas (px) a blob is a speck: too small for an object, whose radius is at least 9 px.
SPECK, FAINT_SPECK = 16, 45
FAINT = 60.0
# The smallest object has about 100 px; a part below this is a band of one.
BAND = 70
# A colourless blob has a chroma below this, on the scale where the world's colours have 94 or more.
COLOURLESS = 22.0
# The edge of a blob lies where this share of its contrast is reached.
EDGE = 0.45


@dataclass(frozen=True)
class Blob:
    """One connected region: its mask on the canvas, the mask of foreground that belongs to other blobs, and its
    `soft` edge: how far each pixel in or near it is from the background, as a share of its contrast, 0 to 1."""

    mask: Bools
    others: Bools
    soft: Floats

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Cut:
    """A picture cut into blobs: float pixels (128, 128, 3), the background's word and its mean colour as painted."""

    pixels: Floats
    background: str
    base: Floats
    blobs: tuple[Blob, ...]


def as_canvas(picture: npt.NDArray[np.uint8]) -> Floats:
    """The picture as float32 (128, 128, 3); other sizes are resized.

    Raises:
        ValueError: The array is no (height, width, 3) uint8 picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"picture has shape {picture.shape} and type {picture.dtype}; give (height, width, 3) uint8")
    if picture.shape[:2] != (CANVAS, CANVAS):
        picture = np.asarray(Image.fromarray(picture).resize((CANVAS, CANVAS), Image.Resampling.BOX))
    return picture.astype(np.float32)


def chroma(pixels: Floats) -> Floats:
    """The colour-opponent plane (red against green and blue, green against blue), (…, 2); grey is (0, 0)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.stack([red - (green + blue) / 2, (green - blue) * np.float32(math.sqrt(3) / 2)], axis=-1)


def hues() -> Floats:
    """The hue of each colour of the world as a unit vector of the opponent plane, (8, 2), in the world's order."""
    plane = chroma(np.asarray(list(COLOURS.values()), dtype=np.float32))
    return plane / np.linalg.norm(plane, axis=-1, keepdims=True)


def label(mask: Bools) -> tuple[Ints, int]:
    """4-connected components: labels from 1 (0 outside the mask) and their number, by run merging."""
    parent: list[int] = [0]

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    runs = list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
    above: list[tuple[int, int, int]] = []
    current: list[tuple[int, int, int]] = []
    last = -1
    for run, (y, start, end) in enumerate(runs, 1):
        if y != last:
            above, current, last = (current if y == last + 1 else []), [], y
        parent.append(run)
        for other_start, other_end, other in above:
            if other_start < end and start < other_end:
                parent[root(other)] = root(run)
        current.append((start, end, run))
    roots = np.asarray([root(run) for run in range(len(parent))])
    _, compact = np.unique(roots, return_inverse=True)
    labels = np.zeros(mask.shape, dtype=np.int32)
    for run, (y, start, end) in enumerate(runs, 1):
        labels[y, start:end] = compact[run]
    return labels, int(compact.max())


def box_sum(values: Floats, reach: int) -> Floats:
    """Sums over (2·reach + 1)² windows of a (height, width, …) array, zero outside."""
    side = 2 * reach + 1
    pad = [(reach + 1, reach), (reach + 1, reach)] + [(0, 0)] * (values.ndim - 2)
    total = np.pad(values.astype(np.float64), pad).cumsum(0).cumsum(1)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return sums.astype(np.float32)


def grow(mask: Bools, steps: int = 1) -> Bools:
    """The mask with `steps` pixels added all round (4-neighbours)."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask


def shrink(mask: Bools, steps: int = 1) -> Bools:
    """The mask with `steps` pixels taken away all round; outside the canvas counts as inside."""
    return ~grow(~mask, steps)


def find_background(pixels: Floats) -> tuple[str, Floats] | Unreadable:
    """The background's word and its mean colour as painted."""
    shares: dict[str, Bools] = {}
    for name, colour in BACKGROUNDS.items():
        away = np.linalg.norm(pixels - np.asarray(colour, dtype=np.float32), axis=-1)
        shares[name] = away < BACKGROUND_REACH
    name = max(shares, key=lambda word: int(shares[word].sum()))
    share = float(shares[name].mean())
    if share < LEAST_BACKGROUND:
        return Unreadable(reason=f"no flat background: the likeliest, {name}, covers {share:.0%} of the picture")
    return name, np.median(pixels[shares[name]], axis=0).astype(np.float32)


def cut(picture: npt.NDArray[np.uint8]) -> Cut | Unreadable:
    """The picture cut into blobs, or why it cannot be."""
    pixels = as_canvas(picture)
    background = find_background(pixels)
    if isinstance(background, Unreadable):
        return background
    name, base = background
    away = np.linalg.norm(pixels - base, axis=-1)
    masks = [part for mask in _regions(away) for part in _by_hue(mask, pixels, base)]
    masks = [mask for mask in masks if not _is_speck(mask, away)]
    if len(masks) > MOST_BLOBS:
        return Unreadable(reason=f"{len(masks)} separate blobs; a scene has at most 6 objects")
    every = np.zeros(away.shape, dtype=bool)
    for mask in masks:
        every |= mask
    floor = float(np.percentile(away[~grow(every, 4)], 70)) if not grow(every, 4).all() else 0.0
    return Cut(pixels, name, base, tuple(_blob(mask, every & ~mask, pixels - base, floor) for mask in masks))


def _blob(mask: Bools, others: Bools, offset: Floats, floor: float) -> Blob:
    away = np.linalg.norm(offset, axis=-1)
    near = grow(mask, 3)
    beside = others & grow(near)
    if beside.any():
        soft = np.where(near, _share_of(offset, shrink(mask), beside), 0)
    else:
        soft = np.where(near, np.clip((away - floor) / max(_contrast(away, mask) - floor, 1.0), 0, 1), 0)
    # Dark stripes and dots inside say nothing of the shape.
    soft[shrink(mask, 2)] = 1
    return Blob(mask, others, soft.astype(np.float32))


def _share_of(offset: Floats, mine: Bools, beside: Bools) -> Floats:
    """The share of one paint in each pixel, taken as a mix of it, the paint beside it and the background."""
    paints = np.stack([offset[mine].mean(axis=0), offset[beside].mean(axis=0)], axis=-1)
    # Opposite colours on grey nearly cancel: the ridge then says background rather than half of each.
    product = paints.T @ paints
    product += np.eye(2, dtype=np.float32) * (0.02 * np.trace(product))
    shares = offset @ np.linalg.solve(product, paints.T).T
    return np.clip(shares[..., 0], 0, 1).astype(np.float32)


def _is_speck(mask: Bools, away: Floats) -> bool:
    area = int(mask.sum())
    return area < SPECK or (area < FAINT_SPECK and float(away[mask].mean()) < FAINT)


def _regions(away: Floats) -> list[Bools]:
    """Connected regions off the background, each cut again at nearly half of its own contrast.

    The second cut puts the edge where the anti-aliased (or blurred) edge is, and parts objects that a low
    threshold joins.
    """
    found: list[Bools] = []
    labels, count = label(away > 30)
    for index in range(1, count + 1):
        region = labels == index
        if region.sum() < SPECK:
            continue
        contrast = _contrast(away, region)
        sure = region & (away > max(30.0, EDGE * contrast))
        parts, number = label(sure)
        sizes = [int((parts == part).sum()) for part in range(1, number + 1)]
        if sizes and min(sizes) < BAND:
            # Dark stripes can fall below half of the bright ones: such slivers are bands of one object.
            parts, number = label(region & shrink(grow(sure, 2), 2))
        found.extend(parts == part for part in range(1, number + 1) if (parts == part).sum() >= SPECK)
    return found


def _contrast(away: Floats, region: Bools) -> float:
    """How far the region's inside is from the background; of thin regions the upper half, which blur dims least."""
    core = shrink(region, 2)
    if core.sum() >= 0.25 * region.sum():
        return float(np.percentile(away[core], 40))
    return float(np.percentile(away[region], 65))


def _by_hue(mask: Bools, pixels: Floats, base: Floats) -> list[Bools]:
    """The region cut where its hue changes; one part when a single hue fills it."""
    plane = np.where(mask[..., None], chroma(pixels) - chroma(base), 0).astype(np.float32)
    plane = box_sum(plane, 1) / np.maximum(box_sum(mask.astype(np.float32), 1), 1)[..., None]
    strong = np.linalg.norm(plane, axis=-1) >= COLOURLESS
    classes = np.where(strong, np.argmax(plane @ hues().T, axis=-1), len(COLOURS))
    seeds: list[Bools] = []
    for hue in range(len(COLOURS) + 1):
        same = mask & (classes == hue)
        labels, count = label(same) if same.sum() >= FAINT_SPECK else (classes, 0)
        for index in range(1, count + 1):
            seed = labels == index
            if seed.sum() >= FAINT_SPECK and not _is_seam(seed, coloured=hue < len(COLOURS)):
                seeds.append(seed)
    if len(seeds) <= 1:
        return [mask]
    return _share_out(mask, seeds, chroma(pixels) - chroma(base))


def _is_seam(seed: Bools, *, coloured: bool) -> bool:
    """Whether a patch is only the edge between two colours: it shows a third hue or none, two or three pixels wide."""
    core = int(shrink(seed, 1).sum())
    if coloured:
        return core < max(12, 0.42 * seed.sum())
    return int(shrink(seed, 2).sum()) < max(20, 0.25 * seed.sum())


def _share_out(mask: Bools, seeds: list[Bools], plane: Floats) -> list[Bools]:
    """Every pixel of the mask given to the seed that reaches it first, then those at a border by their own hue."""
    owner = np.zeros(mask.shape, dtype=np.int32)
    for index, seed in enumerate(seeds, 1):
        owner[seed] = index
    before = -1
    while (now := int((owner > 0).sum())) != before:
        before = now
        for index in range(1, len(seeds) + 1):
            owner[grow(owner == index) & mask & (owner == 0)] = index
    means = np.stack([plane[shrink(seed)].mean(axis=0) for seed in seeds])
    likeness = plane @ (means / np.maximum(np.linalg.norm(means, axis=-1, keepdims=True), 1)).T
    reach = np.stack([grow(owner == index, 2) for index in range(1, len(seeds) + 1)], axis=-1)
    closest = np.argmax(np.where(reach, likeness, -np.inf), axis=-1) + 1
    border = mask & (reach.sum(-1) > 1)
    owner[border] = closest[border]
    parts: list[Bools] = []
    for index in range(1, len(seeds) + 1):
        labels, count = label(owner == index)
        sizes = [int((labels == part).sum()) for part in range(1, count + 1)]
        if sizes:
            parts.append(labels == int(np.argmax(sizes)) + 1)
    return parts
