"""Perceptual hashes and over-edits: what counts as the same picture, and what as a change that nobody asked for."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from omniagent.graphs.policy import LoopPolicy
from omniagent.tools.instruments.preservation import over_edit, preservation
from omniagent.tools.instruments.similarity import BITS, distance, perceptual_hash

SAME = LoopPolicy().same_picture


def scene(*shapes: tuple[str, tuple[int, int, int, int], str], ground: str = "white") -> Image.Image:
    image = Image.new("RGB", (128, 128), ground)
    for kind, box, colour in shapes:
        getattr(ImageDraw.Draw(image), kind)(box, fill=colour)
    return image


CIRCLE = ("ellipse", (20, 20, 60, 60), "red")
SQUARE = ("rectangle", (80, 80, 110, 110), "blue")


def test_noise_and_size_leave_a_picture_itself_and_a_new_colour_or_place_does_not():
    base = scene(CIRCLE, SQUARE)
    noisy = base.filter(ImageFilter.GaussianBlur(0.6)).resize((256, 256))
    assert distance(perceptual_hash(base), perceptual_hash(noisy)) <= 6
    for other in (
        scene(("ellipse", (20, 20, 60, 60), "green"), SQUARE),
        scene(("ellipse", (60, 20, 100, 60), "red"), SQUARE),
        scene(CIRCLE),
        scene(CIRCLE, SQUARE, ground="black"),
    ):
        assert distance(perceptual_hash(base), perceptual_hash(other)) > 6


@given(st.integers(0, 2**BITS - 1), st.integers(0, 2**BITS - 1))
def test_the_distance_of_hashes_of_earlier_runs_counts_bits(a: int, b: int):
    first, second = f"{a:048x}", f"{b:048x}"
    assert distance(first, second) == distance(second, first) == bin(a ^ b).count("1")
    assert distance(first, first) == 0


def reencoded(image: Image.Image, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return Image.open(buffer)


COLOURS = ("white", "black", "gray", "red", "darkred", "green", "blue", "pink", "#f0f0f0", "#808080", "#909090")


def test_flat_pictures_of_different_colours_are_different_pictures():
    flat = {colour: Image.new("RGB", (128, 96), colour) for colour in COLOURS if colour != "#808080"}
    for first, second in itertools.combinations(flat, 2):
        assert distance(perceptual_hash(flat[first]), perceptual_hash(flat[second])) > SAME, (first, second)


def test_one_layout_in_different_colours_is_a_different_picture():
    base = scene(CIRCLE, SQUARE)
    for other in (
        scene(("ellipse", (20, 20, 60, 60), "darkred"), SQUARE),
        scene(("ellipse", (20, 20, 60, 60), "orange"), SQUARE),
        scene(CIRCLE, SQUARE, ground="lightgray"),
        scene(CIRCLE, ("rectangle", (80, 80, 110, 110), "navy")),
    ):
        assert distance(perceptual_hash(base), perceptual_hash(other)) > SAME


@given(st.sampled_from(COLOURS), st.booleans(), st.integers(40, 95))
def test_a_picture_that_is_encoded_or_scaled_again_stays_the_same(colour: str, shapes: bool, quality: int):
    base = scene(CIRCLE, SQUARE, ground=colour) if shapes else Image.new("RGB", (128, 128), colour)
    for other in (reencoded(base, quality=quality), base.resize((300, 300), Image.Resampling.BICUBIC)):
        assert distance(perceptual_hash(base), perceptual_hash(other)) <= SAME


def test_hashes_of_earlier_runs_are_far_from_new_ones_and_other_texts_are_refused():
    whole = perceptual_hash(scene(CIRCLE))
    assert distance("0" * 48, whole) > SAME and distance("0" * 48, "0" * 47 + "7") == 3
    with pytest.raises(ValueError, match="50 digits"):
        distance(whole, whole[:50])


def test_one_changed_object_is_no_over_edit_but_a_redrawn_picture_is():
    before = scene(CIRCLE, SQUARE)
    recoloured = scene(CIRCLE, ("rectangle", (80, 80, 110, 110), "green"))
    assert over_edit(before, recoloured) == 0
    assert over_edit(before, before) == 0
    redrawn = scene(("ellipse", (5, 70, 50, 120), "purple"), ground="black")
    assert over_edit(before, redrawn) > 0.6


def test_a_shift_of_all_colours_is_drift():
    before = scene(CIRCLE, ground="gray")
    tinted = Image.blend(before, Image.new("RGB", before.size, "orange"), 0.3)
    assert preservation(before, tinted).drift > 15
    assert over_edit(before, tinted) == 1.0


def test_many_small_changes_far_apart_lie_outside_of_the_edit():
    before = scene(CIRCLE)
    dots = [("rectangle", (x, y, x + 5, y + 5), "black") for x in range(4, 128, 24) for y in range(70, 128, 16)]
    assert preservation(before, scene(CIRCLE, *dots)).outside > 0.03
