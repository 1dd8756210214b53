"""Things on a flat background come onto another flat background with their own pixels and clean edges."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from skimage import data

from omniagent.tools.instruments.edits.grounds import ground_of, regrounded

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
GREY: Colour = (120, 120, 128)


def product(ground: Colour, *, hole: bool = False, side: int = 240) -> Image.Image:
    """A photo's round cut-out on a flat background, drawn four times as large for its soft edge."""
    large = 4 * side
    photo = Image.fromarray(data.coffee()).convert("RGB").resize((large, large))
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((large * 0.2, large * 0.2, large * 0.8, large * 0.8), fill=255)
    if hole:
        pen.ellipse((large * 0.42, large * 0.42, large * 0.58, large * 0.58), fill=0)
    whole = Image.composite(photo, Image.new("RGB", (large, large), ground), mask)
    return whole.resize((side, side), Image.Resampling.BOX)


def as_jpeg(picture: Image.Image, quality: int = 85) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def apart(one: Image.Image, other: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    pixels = [np.asarray(each.convert("RGB"), dtype=float) for each in (one, other)]
    return np.abs(pixels[0] - pixels[1]).max(axis=2)


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize("lossy", [False, True])
def test_a_photographed_thing_comes_onto_another_background_with_its_own_pixels(hole: bool, lossy: bool):
    before, wanted = product(WHITE, hole=hole), product(GREY, hole=hole)
    # The edit shows the right background, and the thing in other colours.
    after = Image.composite(Image.new("RGB", wanted.size, "navy"), wanted, Image.new("L", wanted.size, 0))
    pen = ImageDraw.Draw(after)
    pen.ellipse((60, 60, 90, 90), fill="navy")
    made = regrounded(as_jpeg(before) if lossy else before, as_jpeg(after) if lossy else after)
    assert made is not None and made.size == before.size
    off = apart(made, wanted)
    assert float((off > 40).mean()) < (0.01 if lossy else 0.004)
    assert off[:20].max() <= (14 if lossy else 2)
    if not lossy and not hole:
        assert off[100:140, 100:140].max() == 0


def test_a_highlight_of_the_old_backgrounds_colour_stays_where_the_edit_shows_it():
    before, after = product(WHITE), product(GREY)
    for one in (before, after):
        ImageDraw.Draw(one).ellipse((110, 110, 130, 130), fill=WHITE)
    made = regrounded(before, after)
    assert made is not None and made.getpixel((120, 120)) == WHITE


def test_a_hole_is_seen_through_though_the_edit_smeared_it():
    before, after = product(WHITE, hole=True), product(GREY, hole=True)
    ImageDraw.Draw(after).ellipse((95, 95, 145, 145), fill=(60, 90, 70))
    made = regrounded(before, after)
    assert made is not None and made.getpixel((120, 120)) == GREY


def test_a_photo_without_a_flat_background_and_equal_backgrounds_are_left_alone():
    photo = Image.fromarray(data.astronaut()).convert("RGB")
    flat = product(WHITE)
    assert ground_of(photo) is None and ground_of(Image.fromarray(data.chelsea())) is None
    assert regrounded(photo, flat) is None and regrounded(flat, photo) is None
    assert regrounded(flat, product((244, 250, 255))) is None


def test_things_come_onto_an_edit_of_another_size_at_its_size():
    before, after = product(WHITE), product(GREY, side=200)
    made = regrounded(before, after)
    assert made is not None and made.size == after.size and made.getpixel((3, 3)) == GREY


def test_a_shadow_on_the_background_is_no_flat_background():
    before, after = product(WHITE), product((10, 10, 10))
    fall = np.linspace(170, 255, 60)[None, :, None].repeat(24, axis=0).repeat(3, axis=2)
    before.paste(Image.fromarray(fall.astype(np.uint8)), (150, 196))
    assert regrounded(before, after) is None


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(16, 90),
    height=st.integers(16, 90),
    old=st.tuples(*[st.integers(0, 255)] * 3),
    new=st.tuples(*[st.integers(0, 255)] * 3),
    thing=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_a_flat_thing_keeps_its_colour_on_any_pair_of_backgrounds(
    width: int, height: int, old: Colour, new: Colour, thing: Colour
):
    box = (width // 4, height // 4, width // 2, height // 2)
    before, after = Image.new("RGB", (width, height), old), Image.new("RGB", (width, height), new)
    for one in (before, after):
        ImageDraw.Draw(one).rectangle(box, fill=thing)
    made = regrounded(before, after)
    if max(abs(a - b) for a, b in zip(old, new, strict=True)) <= 25:
        assert made is None
        return
    assert made is not None and made.getpixel((0, 0)) == new
    if max(abs(a - b) for a, b in zip(old, thing, strict=True)) > 14:
        assert made.getpixel(((box[0] + box[2]) // 2, (box[1] + box[3]) // 2)) == thing
