"""How much of a picture changed."""

import numpy as np
from PIL import Image


def changed_share(before: Image.Image, after: Image.Image, tolerance: int) -> float:
    """Share of pixels in [0, 1] of which some channel differs by more than `tolerance` of 255.

    Raises:
        ValueError: the pictures differ in size.
    """
    if before.size != after.size:
        raise ValueError(f"pictures of {before.size} and {after.size} pixels cannot be compared; give equal sizes")
    first, second = (np.asarray(each.convert("RGB"), dtype=np.int16) for each in (before, after))
    return float((np.abs(first - second).max(axis=2) > tolerance).mean())
