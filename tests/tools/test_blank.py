"""What counts as a blank picture, and what such a picture cannot show."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from omniagent.tools.instruments.blank import blank_fails, is_blank
from omniagent.tools.types import Requirement, RequirementKind


def noisy(size: tuple[int, int], spread: float, colour: int = 128) -> Image.Image:
    noise = np.random.default_rng(0).normal(colour, spread, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))


def test_flat_pictures_are_blank_with_a_little_noise_too_unless_a_thing_may_fill_them() -> None:
    for size in ((65, 65), (128, 128), (2000, 80)):
        assert is_blank(Image.new("RGB", size, "white")) and is_blank(Image.new("RGB", size, "#123456"))
    assert is_blank(noisy((512, 512), 4))
    assert is_blank(Image.new("L", (90, 70), 7))
    for size in ((1, 1), (3, 700), (64, 64)):
        assert not is_blank(Image.new("RGB", size, "red"))


def test_a_small_or_faint_thing_makes_a_picture_not_blank() -> None:
    for size in ((128, 128), (512, 512), (1024, 768)):
        for colour in ("black", "lightgray", "yellow"):
            image = Image.new("RGB", size, "white")
            side = max(size) // 40
            ImageDraw.Draw(image).ellipse((20, 20, 20 + side, 20 + side), fill=colour)
            assert not is_blank(image), (size, colour)
    assert not is_blank(Image.linear_gradient("L"))


IMPOSSIBLE: list[tuple[RequirementKind, str]] = [
    ("count", "Is there exactly 1 object in total?"),
    ("count", "Are there three stars?"),
    ("presence", "Is there a red circle?"),
    ("presence", "Is there a red circle on a white background?"),
    ("presence", "Does the picture show this: a cat on a plain gray wall?"),
    ("relation", "Is the circle above the square?"),
    ("text", "Does the sign say HELLO?"),
    ("attribute", "Is there exactly 1 large red circle?"),
]
POSSIBLE: list[tuple[RequirementKind, str]] = [
    ("presence", "Is there a plain white background?"),
    ("attribute", "Is the background white?"),
    ("presence", "Does the picture show this: a plain white background?"),
    ("presence", "Does the image show a clear blue sky?"),
    ("count", "Are there no objects?"),
    ("count", "Are there 0 circles?"),
    ("count", "Are there at most 2 circles?"),
    ("count", "Is there nothing on the white background?"),
    ("attribute", "Is it red?"),
    ("presence", "Is there a single flat colour and nothing else?"),
    ("style", "Is it minimalist?"),
    ("preservation", "Is the background as it was?"),
]


@pytest.mark.parametrize(("needs", "fails"), [(IMPOSSIBLE, True), (POSSIBLE, False)], ids=["impossible", "possible"])
def test_a_blank_picture_fails_what_asks_for_a_thing_and_nothing_else(
    needs: list[tuple[RequirementKind, str]], fails: bool
) -> None:
    for kind, question in needs:
        assert blank_fails(Requirement(id="r1", kind=kind, question=question)) == fails, question
