"""Size rules and the way between pictures and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.pictures import (
    Size,
    drawable,
    fit,
    legible,
    output_size,
    postprocess,
    preprocess,
    reference_size,
    stretch,
)

SIDES = st.integers(16, 4096)
LIMITS = st.integers(16 * 16, 4096 * 4096)


@given(SIDES, SIDES, LIMITS, SIDES)
def test_a_fitted_size_keeps_all_limits_and_is_never_larger(height: int, width: int, pixels: int, side: int) -> None:
    found = fit(Size(height, width), pixels, side)
    assert found.height * found.width <= pixels
    assert max(found) <= side
    assert found.height <= height and found.width <= width
    assert found.height % 16 == 0 and found.width % 16 == 0


@given(st.integers(1, 256), st.integers(1, 256))
def test_a_size_that_fits_is_left_alone(rows: int, columns: int) -> None:
    size = Size(16 * rows, 16 * columns)
    assert output_size(size, 4096 * 4096) == size


def test_pictures_become_tensors_and_come_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    tensor = preprocess(Image.fromarray(pixels), Size(32, 48))
    assert tensor.shape == (1, 3, 32, 48) and tensor.dtype == torch.float32
    assert tensor.min() >= -1 and tensor.max() <= 1
    (back,) = postprocess(tensor, "pil")
    assert np.array_equal(np.asarray(back), pixels)


def test_pictures_of_other_modes_are_read_as_colours() -> None:
    gray = preprocess(Image.new("L", (16, 16), 128), Size(16, 16))
    assert gray.shape == (1, 3, 16, 16)
    assert torch.allclose(gray, torch.full_like(gray, 128 / 127.5 - 1), atol=1e-6)


def test_a_picture_of_the_right_size_is_not_stretched() -> None:
    picture = torch.rand(1, 3, 16, 32)
    assert stretch(picture, Size(16, 32)) is picture
    assert stretch(picture, Size(20, 30)).shape == (1, 3, 20, 30)


@pytest.mark.parametrize("size", [Size(0, 64), Size(64, 7), Size(5000, 64)])
def test_sizes_outside_their_range_are_refused(size: Size) -> None:
    with pytest.raises(BadSetting, match="16 to 4096"):
        output_size(size)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_picture_of_any_size_has_a_legible_one_that_is_read_within_the_limits(height: int, width: int) -> None:
    size = legible(Size(height, width))
    read = reference_size(size)
    assert min(read) >= 16 and max(read) <= 1024
    if min(fit(Size(height, width), 1024 * 1024, 1024)) >= 16:
        assert size == (height, width)


@given(SIDES, SIDES, st.integers(16, 128), st.integers(128, 1024))
def test_a_drawable_size_lies_within_the_sides_and_is_left_alone_there(
    height: int, width: int, shortest: int, longest: int
) -> None:
    found = drawable(Size(height, width), (shortest, longest), 128 * 128)
    assert shortest <= min(found) and max(found) <= longest
    if shortest <= min(height, width) and max(height, width) <= longest:
        assert found == (height, width)
    else:
        assert found.height % 16 == 0 and found.width % 16 == 0 and (found.height > found.width) <= (height > width)


def test_a_shape_too_extreme_for_the_limits_is_refused() -> None:
    with pytest.raises(BadImage, match="98x3155 would be read at 0x256"):
        reference_size(Size(3155, 98), 65536, 256)
    with pytest.raises(BadSetting, match="max_pixels=300"):
        output_size(Size(4096, 16), 300)
    with pytest.raises(BadSetting, match=r"max_input_image_side_length=8 .* 16 to 4096"):
        reference_size(Size(64, 64), max_side_length=8)
