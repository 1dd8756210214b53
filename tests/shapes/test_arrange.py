"""Layouts: what was asked for gets a place each, and every relation between the places holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import COLOURS, FILLS, SHAPES, Item, Scene
from omniagent.shapes.tasks.task import some_scene
from omniagent.shapes.words.arrange import cells_of, layout_instruction
from omniagent.shapes.words.draws import wanted_of
from omniagent.shapes.words.phrases import words
from omniagent.shapes.words.requirements import Group, Relation, Wanted

_SIDES = ("left of", "right of", "above", "below")

groups = st.lists(
    st.builds(
        Group,
        count=st.integers(1, 2),
        fill=st.sampled_from(FILLS),
        colour=st.sampled_from(list(COLOURS)),
        shape=st.sampled_from(SHAPES),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda g: (g.fill, g.colour, g.shape),
)


@st.composite
def wishes(draw: st.DrawFn) -> Wanted:
    asked = draw(groups)
    relations: tuple[Relation, ...] = ()
    if len(asked) > 1 and draw(st.booleans()):
        relations = (Relation(first=0, name=draw(st.sampled_from(_SIDES)), second=len(asked) - 1),)
    return Wanted(groups=tuple(asked), relations=relations, background="gray", total=sum(g.count for g in asked))


def _painted(wanted: Wanted, instruction: str) -> Scene:
    """The scene that a perfect generator makes of a layout, read from its words alone."""
    canvas, listed = instruction.split(": ")
    background = canvas.split()[3]
    items: list[Item] = []
    for phrase in listed.split("; "):
        name, _, spot = phrase.partition(" at ")
        named = name.removesuffix(" inside it").split()
        shape, colour = named[-1], named[-2]
        fill = next((word for word in named if word in FILLS), "solid")
        if phrase.endswith("inside it"):
            x, y, radius = items[-1].x, items[-1].y, 9.0
            items[-1] = Item(items[-1].shape, items[-1].colour, items[-1].fill, x, y, 21.0)
        else:
            x, y = (128 * (ord(letter) - ord("a") + 0.5) / 15 for letter in spot.split())
            radius = 10.0 if "small" in named else 17.5 if "large" in named else 14.0
        items.append(Item(shape, colour, fill, x, y, radius))
    return Scene(background, tuple(items))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(wishes())
def test_a_perfect_generator_that_follows_the_layout_fulfils_the_wish(wanted: Wanted) -> None:
    instruction = layout_instruction(wanted)
    assert instruction is not None
    assert right(judge(render(_painted(wanted, instruction)), wanted))


@pytest.mark.slow
def test_requests_of_the_world_are_fulfilled_by_their_layouts() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        wanted = wanted_of(rng, some_scene(rng, 4))
        instruction = layout_instruction(wanted)
        assert instruction is not None
        judged = judge(render(_painted(wanted, instruction)), wanted)
        assert right(judged), (instruction, [j.requirement for j in judged if not j.holds])


def test_objects_never_share_a_place() -> None:
    wanted = Wanted(groups=tuple(Group(count=2, shape=s, colour="red") for s in ("circle", "star", "ring")))
    spots = cells_of(wanted)
    assert spots is not None
    assert len({cell for _, cell in spots}) == 6


def test_a_wish_that_contradicts_itself_has_no_layout() -> None:
    two = (Group(shape="circle", colour="red"), Group(shape="star", colour="blue"))
    both = (Relation(first=0, name="left of", second=1), Relation(first=0, name="right of", second=1))
    assert layout_instruction(Wanted(groups=two, relations=both)) is None


@pytest.mark.parametrize("pairs", [((0, 1), (1, 0)), ((0, 0),), ((0, 1), (1, 2))])
def test_a_holder_that_is_held_itself_has_no_layout(pairs: tuple[tuple[int, int], ...]) -> None:
    rings = tuple(Group(shape="ring", colour=colour) for colour in ("red", "blue", "green"))
    held = tuple(Relation(first=a, name="inside", second=b) for a, b in pairs)
    assert cells_of(Wanted(groups=rings, relations=held)) is None


def test_what_has_a_wish_comes_first_and_goes_where_it_is_pulled() -> None:
    one, two, three = (Group(shape="circle", colour=colour) for colour in ("red", "blue", "green"))
    above = (Relation(first=2, name="above", second=1),)
    assert cells_of(Wanted(groups=(one, two, three), relations=above)) == [
        (2, "top left"), (1, "bottom left"), (0, "top right"),
    ]  # fmt: skip


def test_more_objects_than_the_grid_has_cells_have_no_layout() -> None:
    assert layout_instruction(Wanted(groups=(Group(count=10, shape="circle", colour="red"),))) is None


def test_a_held_object_follows_its_ring() -> None:
    two = (Group(shape="circle", colour="red", size="small"), Group(shape="ring", colour="blue", size="large"))
    wanted = Wanted(groups=two, relations=(Relation(first=0, name="inside", second=1),))
    assert layout_instruction(wanted) == (
        f"draw on a white background: {words(two[1])} at h h; {words(two[0])} inside it"
    )
