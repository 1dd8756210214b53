"""What a request says, apart from its wording."""

from dataclasses import dataclass

from omniagent.shapes.words.requirements import Group


@dataclass(frozen=True)
class Meant:
    """A change, a composition or a question as data: its kind and what is said of which objects.

    `of` are the objects that are named, by their numbers in their scenes (of a composition: one of each picture).
    `new` and `old` are words of the world, `number` and `before` how many there shall be and were.
    """

    kind: str
    of: tuple[int, ...] = ()
    group: Group | None = None
    new: str = ""
    old: str = ""
    place: str | None = None
    relation: str | None = None
    background: str | None = None
    number: int = 0
    before: int = 0
