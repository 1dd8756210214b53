"""Finds objects of the shapes world by the words of their names."""

from collections.abc import Sequence

from PIL import Image

from omniagent.data.models.detector import Detected
from omniagent.shapes.perception.naming import Named, named
from omniagent.shapes.scene.world import COLOURS, FILLS, SHAPES, SIZES

_KNOWN = frozenset((*COLOURS, *FILLS, *SHAPES, *SIZES))


class ShapesDetector:
    """A `Detector` by rules."""

    name = "shapes rules"

    def find(self, picture: Image.Image, things: Sequence[str]) -> list[Detected]:
        """As `Detector.find`; a thing whose name holds no word of the world is not found."""
        seen = named(picture)
        return [Detected(thing, 0.99, each.segment.box) for thing in things for each in seen if fits(each, thing)]


def fits(seen: Named, thing: str) -> bool:
    """Whether a name is of this object: each word that the world knows is one of its own."""
    words = [word for each in thing.lower().split() if (word := each.strip(".,")) in _KNOWN]
    own = {seen.shape, seen.colour, seen.fill, seen.size or ""}
    return bool(words) and all(word in own for word in words)
