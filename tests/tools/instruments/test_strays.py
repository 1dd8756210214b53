"""What an edit changed apart from its change is found by pixels and taken back; the change itself stays."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from omniagent.tools.instruments.edits.strays import LONG, strays, taken_back
from omniagent.tools.types import Box

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def decoded(picture: Image.Image, quality: int = 60, tone: int = 3) -> Image.Image:
    """As an autoencoder gives a picture back: softer, with errors of its own, a little lighter."""
    file = io.BytesIO()
    soft = picture.filter(ImageFilter.GaussianBlur(0.7)).point(lambda level: min(255, level + tone))
    soft.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def shares(picture: Image.Image, *corners: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = corners
    return left * picture.width, top * picture.height, right * picture.width, bottom * picture.height


def place(picture: Image.Image, *corners: float) -> Box:
    left, top, right, bottom = shares(picture, *corners)
    return Box(label="it", left=left, top=top, right=right, bottom=bottom)


def edited(picture: Image.Image, *, stray: bool) -> Image.Image:
    """With a disc that reaches beyond its place (0.1 to 0.35) and, where asked for, a rectangle far from it."""
    made = picture.copy()
    pen = ImageDraw.Draw(made)
    pen.ellipse(shares(made, 0.12, 0.12, 0.38, 0.38), fill=(200, 30, 40))
    if stray:
        pen.rectangle(shares(made, 0.7, 0.7, 0.82, 0.85), fill=(30, 160, 60))
    return made


def apart(one: Image.Image, other: Image.Image, *corners: float) -> float:
    cuts = [np.asarray(each.crop(tuple(map(int, shares(each, *corners)))), dtype=float) for each in (one, other)]
    return float(np.abs(cuts[0] - cuts[1]).max())


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [60, 25])
def test_a_thing_that_came_elsewhere_is_taken_back_to_the_pixel_and_the_change_stays(name: str, quality: int):
    before = photo(name)
    after = decoded(edited(before, stray=True), quality)
    places = [place(before, 0.1, 0.1, 0.35, 0.4)]
    found = strays(before, after, places, places)
    assert found is not None and found.share == pytest.approx(0.12 * 0.15, rel=0.4)
    whole = taken_back(before, after, found)
    assert whole.size == after.size
    assert apart(whole, before, 0.5, 0.0, 1.0, 1.0) == 0
    assert apart(whole, after, 0.16, 0.16, 0.34, 0.34) == 0


@pytest.mark.parametrize("name", PHOTOS)
def test_of_an_edit_with_nothing_but_its_change_nothing_is_taken_back(name: str):
    before = photo(name)
    places = [place(before, 0.1, 0.1, 0.35, 0.4)]
    assert strays(before, decoded(edited(before, stray=False)), places, places) is None
    assert strays(before, decoded(before), places, places) is None
    assert strays(before, before, places, places) is None


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_nothing_is_taken_back_where_the_view_moved_or_the_light_of_all_changed(name: str):
    before = photo(name)
    places = [place(before, 0.1, 0.1, 0.35, 0.4)]
    changed = edited(before, stray=True)
    moved = changed.transform(changed.size, Image.Transform.AFFINE, (1, 0, 4, 0, 1, 3))
    assert strays(before, decoded(moved), places, places) is None
    assert strays(before, decoded(changed.point(lambda level: int(level * 0.6))), places, places) is None


def test_a_picture_of_another_size_takes_back_the_given_one_at_its_own():
    before = photo("coffee")
    after = decoded(edited(before, stray=True)).resize((301, 203), Image.Resampling.LANCZOS)
    found = strays(before, after, [place(before, 0.1, 0.1, 0.35, 0.4)], [place(after, 0.1, 0.1, 0.35, 0.4)])
    assert found is not None
    whole = taken_back(before, after, found)
    same = before.resize(after.size, Image.Resampling.LANCZOS)
    assert whole.size == after.size and apart(whole, same, 0.5, 0.0, 1.0, 1.0) == 0


@pytest.mark.parametrize(
    "corners",
    [(0.0, 0.0, 1.0, 1.0), (1.5, 1.5, 2.0, 2.0), (0.3, 0.3, 0.3, 0.3), (0.9, 0.9, 0.1, 0.1)],
    ids=["all of the picture", "outside of it", "empty", "upside down"],
)
def test_a_box_of_all_of_nothing_or_of_the_outside_does_no_harm(corners: tuple[float, float, float, float]):
    before = photo("coffee")
    after = edited(before, stray=True)
    box = place(before, *corners)
    found = strays(before, after, [box], [box])
    if found is not None:
        # No change lies in such a place, so all goes back.
        assert apart(taken_back(before, after, found), before, 0.0, 0.0, 1.0, 1.0) == 0


def test_without_a_place_all_is_taken_back_and_with_another_shape_nothing():
    before = photo("coffee")
    after = edited(before, stray=True)
    found = strays(before, after, [], [])
    assert found is not None and apart(taken_back(before, after, found), before, 0.0, 0.0, 1.0, 1.0) == 0
    square = after.resize((400, 400))
    assert strays(before, square, [place(before, 0.1, 0.1, 0.3, 0.3)], [place(square, 0.1, 0.1, 0.3, 0.3)]) is None


@settings(max_examples=25, deadline=None)
@given(
    side=st.integers(64, 2 * LONG),
    at=st.tuples(st.floats(0, 0.3), st.floats(0, 0.3)),
    stray=st.tuples(st.floats(0.6, 0.8), st.floats(0.6, 0.8)),
    colour=st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)),
)
def test_on_flat_pictures_of_any_size_all_but_the_change_comes_back(
    side: int, at: tuple[float, float], stray: tuple[float, float], colour: tuple[int, int, int]
):
    before = Image.new("RGB", (side, side), (128, 128, 128))
    after = before.copy()
    pen = ImageDraw.Draw(after)
    for x, y in (at, stray):
        pen.rectangle(shares(after, x, y, x + 0.15, y + 0.15), fill=colour)
    places = [place(before, at[0], at[1], at[0] + 0.15, at[1] + 0.15)]
    found = strays(before, after, places, places)
    if max(abs(level - 128) for level in colour) <= 25:
        assert found is None
    elif found is not None:
        whole = taken_back(before, after, found)
        assert apart(whole, before, 0.58, 0.58, 1.0, 1.0) == 0
        assert apart(whole, after, at[0] + 0.03, at[1] + 0.03, at[0] + 0.12, at[1] + 0.12) == 0
    else:
        pytest.fail("a square of a fiftieth of the picture was not found")
