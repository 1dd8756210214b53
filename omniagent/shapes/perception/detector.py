"""Finds objects of the shapes world by the words of their names."""

from collections.abc import Sequence

from PIL import Image

from omniagent.model.perception.boxes import Found
from omniagent.shapes.perception.naming import Named, named
from omniagent.shapes.scene.world import COLOURS, FILLS, SHAPES, SIZES

_KNOWN = frozenset((*COLOURS, *FILLS, *SHAPES, *SIZES))


class ShapesDetector:
    """A `BoxFinder` by rules."""

    name = "shapes rules"

    def find(self, image: Image.Image, names: Sequence[str]) -> tuple[Found, ...]:
        """As `BoxFinder.find`; a thing whose name holds no word of the world is not found."""
        seen = named(image)
        return tuple(Found(name, *each.segment.box, 0.99) for name in names for each in seen if fits(each, name))


def fits(seen: Named, thing: str) -> bool:
    """Whether a name is of this object: each word that the world knows is one of its own."""
    words = [word for each in thing.lower().split() if (word := each.strip(".,")) in _KNOWN]
    own = {seen.shape, seen.colour, seen.fill, seen.size or ""}
    return bool(words) and all(word in own for word in words)
