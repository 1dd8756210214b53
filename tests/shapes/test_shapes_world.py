"""The shapes world: what scenes may be, how they are drawn, and the split."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    EXTENTS,
    FILLS,
    GAP,
    REACH,
    RELATIONS,
    SHAPES,
    Item,
    Scene,
    holds,
    inside_canvas,
    place_of,
    random_scene,
    split_of,
)

AREA = {"circle": math.pi, "square": 1.8**2, "triangle": 0.5 * 1.9 * 1.8, "ring": 0.75 * math.pi}
AREA["star"] = 5 * 0.45 * math.sin(math.pi / 5)

seeds = st.integers(0, 2**32 - 1)
coordinates = st.floats(0, 128, allow_nan=False)
items = st.builds(
    Item,
    shape=st.sampled_from(SHAPES),
    colour=st.sampled_from(list(COLOURS)),
    fill=st.sampled_from(FILLS),
    x=coordinates,
    y=coordinates,
    radius=st.floats(9, 22),
)


def scene_of(seed: int, objects: int = 6) -> Scene:
    rng = np.random.default_rng(seed)
    return random_scene(rng, int(rng.integers(1, objects + 1)))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_objects_lie_inside_the_canvas_and_keep_their_distance(seed: int):
    scene = scene_of(seed)
    assert 1 <= len(scene.items) <= 6
    for index, item in enumerate(scene.items):
        assert inside_canvas(item)
        for other in scene.items[:index]:
            apart = math.hypot(item.x - other.x, item.y - other.y)
            nested = holds("inside", item, other)
            free = apart >= REACH[item.shape] * item.radius + REACH[other.shape] * other.radius + GAP - 1e-9
            assert free or nested


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_what_lies_inside_a_ring_is_small_and_of_another_colour(seed: int):
    scene = random_scene(np.random.default_rng(seed), 3, inside=1.0)
    for inner in scene.items:
        for ring in scene.items:
            if inner is not ring and holds("inside", inner, ring):
                assert ring.shape == "ring" and ring.size == "large" and inner.size == "small"
                assert inner.colour != ring.colour


@settings(max_examples=60, deadline=None)
@given(seeds, seeds)
def test_the_split_depends_on_background_and_kinds_alone(seed: int, order: int):
    scene = scene_of(seed)
    rng = np.random.default_rng(order)
    shuffled = tuple(
        Item(
            i.shape, i.colour, i.fill, float(rng.uniform(0, 128)), float(rng.uniform(0, 128)), float(rng.uniform(9, 22))
        )
        for i in (scene.items[int(k)] for k in rng.permutation(len(scene.items)))
    )
    moved = Scene(scene.background, shuffled)
    assert moved.key == scene.key
    assert moved.split == scene.split == split_of(scene.key)


def test_the_key_is_written_as_the_page_says():
    star = Item("star", "blue", "striped", 30, 30, 10)
    circle = Item("circle", "red", "solid", 90, 90, 20)
    scene = Scene("white", (star, circle, Item("star", "blue", "striped", 30, 90, 10)))
    assert scene.key == "white|1 solid red circle;2 striped blue star"
    # SHA-256 of this key as a big-endian integer leaves 8 modulo 20.
    assert scene.split == "train"


@pytest.mark.parametrize(
    ("key", "split"),
    [
        ("white|1 solid red circle", "train"),
        ("black|1 dotted pink star", "validation"),
        ("white|1 dotted blue circle", "test"),
    ],
)
def test_known_keys_fall_into_known_parts(key: str, split: str):
    assert split_of(key) == split


def test_about_one_scene_in_twenty_is_a_test_scene():
    splits = [scene_of(seed).split for seed in range(600)]
    assert 10 <= splits.count("test") <= 55
    assert 10 <= splits.count("validation") <= 55


@given(items, items)
def test_opposite_relations_mirror_and_exclude_each_other(a: Item, b: Item):
    for name, opposite in (("left of", "right of"), ("above", "below")):
        assert holds(name, a, b) == holds(opposite, b, a)
        assert not (holds(name, a, b) and holds(opposite, a, b))


@given(items)
def test_nothing_is_beside_itself(item: Item):
    assert not any(holds(name, item, item) for name in RELATIONS if name != "inside")


def test_an_unknown_relation_is_named_in_the_error():
    item = Item("circle", "red", "solid", 64, 64, 10)
    with pytest.raises(ValueError, match=r"'behind'.*left of"):
        holds("behind", item, item)


@given(coordinates, coordinates)
def test_places_are_the_corners_and_the_middle_of_a_grid_of_thirds(x: float, y: float):
    place = place_of(x, y)
    column, row = min(int(x * 3 / 128), 2), min(int(y * 3 / 128), 2)
    if place is None:
        assert (column + row) % 2 == 1
    elif place == "centre":
        assert (column, row) == (1, 1)
    else:
        assert ("left" in place, "right" in place) == (column == 0, column == 2)
        assert ("top" in place, "bottom" in place) == (row == 0, row == 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [9.0, 14.5, 22.0])
def test_shapes_have_their_area_extent_and_colour(shape: str, radius: float):
    item = Item(shape, "red", "solid", 64, 64, radius)
    picture = render(Scene("white", (item,))).astype(float)
    cover = (250 - picture[..., 1]) / (250 - COLOURS["red"][1])
    assert cover.sum() == pytest.approx(AREA[shape] * radius**2, rel=0.03)
    ys, xs = np.nonzero(cover > 0.5)
    left, up, right, down = (extent * radius for extent in EXTENTS[shape])
    # The tips of a star or a triangle cover less than half of their last pixels.
    slack = 4 if shape in ("star", "triangle") else 1
    assert 0 <= (xs.min() - (64 - left)) + 1 <= slack + 1 and -1 - slack <= (xs.max() + 1 - (64 + right)) <= 1
    assert 0 <= (ys.min() - (64 - up)) + 1 <= slack + 1 and -1 - slack <= (ys.max() + 1 - (64 + down)) <= 1
    assert tuple(np.median(picture[cover > 0.99], axis=0)) == COLOURS["red"]


def test_a_ring_has_a_hole_of_half_its_radius():
    picture = render(Scene("black", (Item("ring", "cyan", "solid", 64, 64, 20),)))
    assert tuple(picture[64, 64]) == BACKGROUNDS["black"]
    assert tuple(picture[64, 64 + 15]) == COLOURS["cyan"]
    assert tuple(picture[64, 64 + 8]) == BACKGROUNDS["black"]


@pytest.mark.parametrize(("fill", "dark"), [("striped", (0.42, 0.58)), ("dotted", (0.18, 0.36))])
def test_fills_shade_their_part_of_the_object_to_half_brightness(fill: str, dark: tuple[float, float]):
    picture = render(Scene("white", (Item("square", "yellow", fill, 64, 64, 22),)))[48:80, 48:80].astype(float)
    brightness = picture.sum(-1) / sum(COLOURS["yellow"])
    assert brightness.min() == pytest.approx(0.5, abs=0.02) and brightness.max() == pytest.approx(1, abs=0.02)
    assert dark[0] < ((1 - brightness) / 0.5).mean() < dark[1]


def test_an_inner_object_is_drawn_on_top_of_its_ring():
    ring, inner = Item("ring", "green", "solid", 64, 64, 20), Item("square", "red", "solid", 64, 64, 9)
    picture = render(Scene("white", (ring, inner)))
    # The square's corner reaches beyond the hole of 10 px.
    assert tuple(picture[71, 71]) == COLOURS["red"]


def test_the_same_scene_gives_the_same_pixels():
    assert np.array_equal(render(scene_of(3)), render(scene_of(3)))
