"""Whether two pictures look the same: a hash of their coarse layout in each colour.

The signs of low DCT frequencies against their median (perceptual hashing after Zauner, "Implementation and Benchmarking
of Perceptual Image Hash Functions", 2010, section 3.2.1), for red, green and blue apart, so that a recoloured object
counts as a change.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 32
LOW = 8
BITS = 3 * LOW * LOW


def _cosines() -> npt.NDArray[np.float64]:
    frequency = np.arange(LOW)[:, None]
    place = np.arange(SIDE)[None, :]
    return np.cos(math.pi * frequency * (2 * place + 1) / (2 * SIDE))


def perceptual_hash(image: Image.Image) -> str:
    """192 bits as 48 hexadecimal digits. Small noise moves few bits; sizes do not matter."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).transpose(2, 0, 1)
    basis = _cosines()
    # Rounding to a level of noise keeps the signs of flat pictures still.
    low = np.round(basis @ pixels @ basis.T / SIDE, 0)
    bits = low > np.median(low, axis=(1, 2), keepdims=True)
    return np.packbits(bits.reshape(-1)).tobytes().hex()


def distance(first: str, second: str) -> int:
    """How many bits differ, 0 to 192.

    Raises:
        ValueError: a hash that `perceptual_hash` did not make.
    """
    if len(first) != len(second):
        raise ValueError(f"hashes of {len(first)} and {len(second)} digits cannot be compared")
    return (int(first, 16) ^ int(second, 16)).bit_count()
