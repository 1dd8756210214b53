"""Whether a plan is the task's own: the same checklist, and a layout or change that comes to the same."""

from PIL import Image

from omniagent.shapes.scene.reading import Found, Reading
from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS, COLOURS, FILLS, SHAPES, SIZES, SPOTS
from omniagent.shapes.tasks.task import ShapesTask
from omniagent.shapes.words.arrange import CANVAS_COLOUR
from omniagent.shapes.words.requirements import Wanted, judge_reading
from omniagent.tools.dialects.base import GivenTask
from omniagent.tools.dialects.listed.notation import INSIDE, Layout, read_layout
from omniagent.tools.dialects.listed.readings import reading_of
from omniagent.tools.types import Plan

_BLANK = Image.new("RGB", (1, 1))
_HOLDER, _HELD, _USUAL = 21.0, 9.0, 13.0


def is_right(plan: Plan, task: ShapesTask) -> bool:
    """Whether nothing of the task was misread.

    Of questions and refusals the mode is compared. Other layouts of a drawing are as good as the task's own where they
    show what is wanted; a change of given pictures must be told word for word.
    """
    if plan.mode != task.plan.mode:
        return False
    if plan.mode in ("answer", "refuse"):
        return True
    true = reading_of(task.plan, GivenTask(task.instruction, (_BLANK,) * len(task.scenes)), task.instruction)
    if {one.question for one in plan.checklist} != {one.question for one in true.checklist}:
        return False
    if plan.instruction == true.instruction:
        return True
    layout = read_layout(plan.instruction)
    return task.kind == "draw" and task.wanted is not None and layout is not None and _shows(layout, task.wanted)


def _shows(layout: Layout, wanted: Wanted) -> bool:
    """Whether the laid out picture, perfectly drawn, has all that is wanted."""
    found: list[Found] = []
    for number, spot in enumerate(layout.spots):
        held = spot.place == INSIDE
        holds = number + 1 < len(layout.spots) and layout.spots[number + 1].place == INSIDE
        if held and not found:
            return False
        x, y = (found[-1].x, found[-1].y) if held else _middle(spot.place)
        radius = _HELD if held else _HOLDER if holds else _USUAL
        words = {kind: _one_of(spot.words, known) for kind, known in _KNOWN.items()}
        found.append(
            Found(
                colour=words["colour"] or "",
                shape=words["shape"] or "",
                fill=words["fill"] or "solid",
                size=words["size"],
                x=x,
                y=y,
                radius=radius,
            )
        )
    background = next((word for word in BACKGROUNDS if f" {word} " in layout.head), CANVAS_COLOUR)
    reading = Reading(background=background, objects=tuple(found))
    return all(judged.holds for judged in judge_reading(reading, wanted))


_KNOWN = {"colour": tuple(COLOURS), "shape": SHAPES, "fill": FILLS, "size": SIZES}


def _one_of(words: tuple[str, ...], known: tuple[str, ...]) -> str | None:
    return next((word for word in words if word in known), None)


def _middle(place: str) -> tuple[float, float]:
    """The pixel in the middle of a spot: of ``at c h``."""
    column, row = (SPOTS.find(letter) for letter in place.split()[1:])
    return (column + 0.5) * CANVAS / len(SPOTS), (row + 0.5) * CANVAS / len(SPOTS)
