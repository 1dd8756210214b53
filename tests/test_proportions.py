"""Shapes of pictures that models and servers take."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.proportions import LEAST_SIDE, MOST_OBLONG, sendable, widened

SIDES = st.integers(1, 20_000)


@given(SIDES, SIDES)
def test_only_the_short_side_of_a_thread_grows_and_only_as_far_as_it_must(width: int, height: int) -> None:
    taken = widened(width, height)
    assert max(taken) == max(width, height) and min(taken) >= min(width, height)
    assert max(taken) <= MOST_OBLONG * min(taken)
    if max(width, height) <= MOST_OBLONG * min(width, height):
        assert taken == (width, height)


def test_what_is_sent_has_room_for_a_patch_and_usual_pictures_go_as_they_are() -> None:
    for size in ((1, 1), (3, 3), (1, 900), (10_000, 10), (10_000, 1), (27, 27), (20, 4000), (5, 40)):
        sent = sendable(Image.new("RGB", size, "red")).size
        assert min(sent) >= LEAST_SIDE and max(sent) <= MOST_OBLONG * min(sent), size
    for size in ((28, 28), (640, 480), (5600, 28)):
        image = Image.new("RGB", size)
        assert sendable(image) is image
    assert sendable(Image.new("RGB", (5, 40))).size == (28, 224)
