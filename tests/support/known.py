"""Small pictures with known truth: a few pixels each, lines of every kind, half of them with one line that is false."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from omniagent.calibration.cases import KnownLine, KnownPicture, PictureSet

WORDS = ("ash", "birch", "cedar", "elm")


def small_pictures(count: int = 96) -> PictureSet:
    """By turns right and wrong; wrong ones break every line, so that all kinds have as many of both."""

    def made() -> Iterator[KnownPicture]:
        rng = np.random.default_rng(7)
        for number in range(count):
            word, right = WORDS[number % len(WORDS)], number % 2 == 0
            single = (
                KnownLine("presence", f"Is there a {word}?", right),
                KnownLine("count", f"Are there exactly 3 {word} trees?", right),
                KnownLine("attribute", f"Is the {word} green?", right),
                KnownLine("relation", f"Is the {word} to the left of the pond?", right),
                KnownLine("text", f'Does the sign say "{word.upper()} LANE"?', right),
                KnownLine("style", f"Is the {word} painted in oil?", right),
                KnownLine("identity", f"Is it the same {word} as in the given picture?", right),
                KnownLine("preservation", f"Apart from this change, is the {word} as it was?", right),
            )
            before, image = (Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)) for _ in range(2))
            yield KnownPicture(f"small/{number:03d}", image, single, before, "cut the grass")

    return PictureSet("small", count, made)
