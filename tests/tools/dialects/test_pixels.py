"""Pictures on their way to a critic: any photo fits, several share the room, and small ones stay as they are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.requests import Prompt
from omniagent.tools.dialects.pixels import GRID, MOST_TOGETHER, size_within, within

LIMIT = 1_000_000
TOKEN = GRID * GRID


@given(st.integers(1, 20_000), st.integers(1, 20_000))
@example(993, 1008)
def test_any_size_fits_on_the_grid_with_its_shape_nearly_kept(width: int, height: int) -> None:
    made = size_within(width, height, LIMIT)
    if width * height <= LIMIT:
        assert made == (width, height)
        return
    assert made[0] * made[1] <= LIMIT and not made[0] % GRID and not made[1] % GRID
    # One that is nearly square may become one, but none is turned.
    assert (made[0] - made[1]) * (width - height) >= 0
    if max(width, height) <= 8 * min(width, height):
        assert (made[0] / made[1]) / (width / height) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_several_photos_share_the_room_of_two_and_a_half(count: int) -> None:
    photos = tuple(Image.new("RGB", (4032, 3024), (index, 0, 0)) for index in range(count))
    sent = within(Prompt(system="s", parts=("look at", *photos)), LIMIT).parts[1:]
    sizes = [part.size for part in sent if isinstance(part, Image.Image)]
    assert len(sizes) == count and sum(w * h for w, h in sizes) <= MOST_TOGETHER * LIMIT
    assert sum(w * h / TOKEN for w, h in sizes) <= 3300


def test_a_small_picture_and_a_prompt_without_limits_are_sent_as_they_are() -> None:
    icon = Prompt(system="s", parts=(Image.new("RGB", (8, 8)), "what is it?"))
    large = Prompt(system="s", parts=(Image.new("RGB", (3000, 2000)),))
    assert within(icon, LIMIT) is icon and within(large, None) is large
