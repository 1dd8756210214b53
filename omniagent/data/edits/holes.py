"""Pairs by filling random holes of a picture: the filled picture is the input, the untouched one the target.

OmniGen2 (arXiv 2506.18871 v4, section 9.4.1): random masks, filled without an instruction; since the target is the
untouched picture, training never aims at what a filler drew.
"""

import hashlib

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from omniagent.data.edits.pairs import Pair, Pairs
from omniagent.data.pixels import changed_share
from omniagent.data.records import Item, Rejected, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import BadImage
from omniagent.model.perception.features import cosine
from omniagent.model.perception.masks import Mask
from omniagent.tools.types import Word


class HoleSettings(Word):
    """The holes, and what must have changed."""

    least_side: int = Field(default=512, ge=16, description="shorter side of a picture in pixels")
    max_side: int = Field(default=1024, ge=16, description="pictures are shrunk to this longer side")
    tries: int = Field(default=3, ge=1, description="holes of a picture, each of which may give a pair")
    least_hole: float = Field(default=0.04, gt=0, lt=1, description="share of the picture")
    most_hole: float = Field(default=0.25, gt=0, lt=1)
    prompt: str = Field(default="", description="for the filler; the paper gives none")
    least_change: float = Field(default=0.01, ge=0, le=1, description="share of pixels that changed")
    tolerance: int = Field(default=24, ge=0, le=255)
    least_features: float = Field(default=0.5, ge=-1, le=1, description="cosine of both pictures")
    most_features: float = Field(default=0.995, ge=-1, le=1)


def fill_holes(item: Item, settings: HoleSettings, place: Place) -> Pairs:
    """Fill holes of a picture, each by a seed of its own.

    Raises:
        BadImage: it cannot be read or is too small.
    """
    picture = _opened(item, settings, place)
    kept = place.work.put(picture)
    pairs: list[Pair] = []
    rejected: list[Rejected] = []
    for number in range(settings.tries):
        seed = seed_of(place.seed, item.digest, number)
        mask = random_hole(np.random.default_rng(seed), picture.size, settings.least_hole, settings.most_hole)
        made = place.models.filler.fill(picture, mask, prompt=settings.prompt, seed=seed)
        change = changed_share(picture, made, settings.tolerance)
        like = cosine(place.models.features, picture, made)
        scores = (
            at_least("change", change, settings.least_change),
            at_least("features", like, settings.least_features),
            at_most("features", like, settings.most_features),
        )
        name = f"hole {number}"
        if reason := failed(scores):
            rejected.append(Rejected(source=item.id, stage=HOLES.name, candidate=name, reason=reason, scores=scores))
            continue
        pairs.append(Pair(name=name, before=place.work.put(made), after=kept, seeds=(seed,), scores=scores))
    models = place.models.names(HOLES.uses)
    return Pairs(source=item.id, pairs=tuple(pairs), models=models, rejected=tuple(rejected))


def seed_of(seed: int, *parts: object) -> int:
    """A seed of 31 bits that depends on the build's seed and on what it is for."""
    told = hashlib.sha256(" ".join(str(part) for part in (seed, *parts)).encode()).digest()
    return int.from_bytes(told[:4], "big") >> 1


def random_hole(rng: np.random.Generator, size: tuple[int, int], least: float, most: float) -> Mask:
    """A rectangle or an ellipse, (height, width), that covers between these shares of the picture."""
    width, height = size
    share = float(rng.uniform(least, max(most, least)))
    round_one = bool(rng.random() < 0.5)
    # An ellipse covers pi / 4 of its box.
    area = share * width * height / (np.pi / 4 if round_one else 1)
    ratio = float(np.exp(rng.uniform(-0.7, 0.7)))
    across = min(int(np.sqrt(area * ratio)), width - 2)
    down = min(int(area / max(across, 1)), height - 2)
    left, top = int(rng.integers(0, width - across)), int(rng.integers(0, height - down))
    y, x = np.ogrid[:height, :width]
    if round_one:
        return (((x + 0.5 - left) / across * 2 - 1) ** 2 + ((y + 0.5 - top) / down * 2 - 1) ** 2) <= 1
    return (x >= left) & (x < left + across) & (y >= top) & (y < top + down)


def _opened(item: Item, settings: HoleSettings, place: Place) -> Image.Image:
    path = place.source / item.id
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage(f"the picture {item.id} cannot be opened: {error}; give another file") from error
    if min(picture.size) < settings.least_side:
        raise BadImage(
            f"the picture {item.id} is {picture.width}x{picture.height}, and holes.least_side is "
            f"{settings.least_side}; give a larger picture or change the setting"
        )
    scale = min(1.0, settings.max_side / max(picture.size))
    if scale == 1:
        return picture
    size = (max(round(picture.width * scale), 2), max(round(picture.height * scale), 2))
    return picture.resize(size, Image.Resampling.LANCZOS)


HOLES = Stage("holes", 1, HoleSettings, Item, Pairs, fill_holes, ("filler", "features"))
