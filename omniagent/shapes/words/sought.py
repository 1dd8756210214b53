"""Single objects that a picture must show, each a line of an edit's checklist: copied from what was seen."""

from dataclasses import dataclass

from omniagent.shapes.scene.world import CANVAS, Item, Scene
from omniagent.shapes.words.phrases import grid_word, told
from omniagent.shapes.words.requirements import PLACE_SLACK
from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.listed.cells import CELLS
from omniagent.tools.dialects.listed.notation import print_presence


@dataclass(frozen=True)
class Sought:
    """One object by its words; `size` and `place` (one of nine) only where they matter."""

    fill: str
    colour: str
    shape: str
    size: str | None = None
    place: str | None = None

    @property
    def draft(self) -> RequirementDraft:
        """The question for it: ``Is there a star (blue striped small, top left)?``."""
        words = told(self.shape, self.colour, self.fill, self.size, self.place)
        return RequirementDraft(kind="presence", question=print_presence(words))

    def found_in(self, scene: Scene) -> bool:
        """Whether an object of the scene is the one; a few pixels over the edge of its place do no harm."""
        return any(self._is(item) for item in scene.items)

    def _is(self, item: Item) -> bool:
        alike = item.kind == (self.fill, self.colour, self.shape) and self.size in (None, item.size)
        return alike and (self.place is None or _near_cell(item, self.place))


def as_it_is(item: Item) -> Sought:
    """The object with its size and its place."""
    return Sought(item.fill, item.colour, item.shape, item.size, grid_word(item))


def _near_cell(item: Item, cell: str) -> bool:
    third = CANVAS / 3
    row, column = next((r, c) for r, line in enumerate(CELLS) for c, word in enumerate(line) if word == cell)
    return all(
        third * at - PLACE_SLACK <= value <= third * (at + 1) + PLACE_SLACK
        for value, at in ((item.x, column), (item.y, row))
    )
