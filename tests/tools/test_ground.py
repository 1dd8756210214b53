"""Which of several pictures gives the new one its shape, and what the published model is called with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.profile import GENERATORS, PUBLISHED_NEGATIVE, GeneratorProfile
from omniagent.tools.config import GuidanceSettings
from omniagent.tools.dialects.plain.language.ground import ground_of, renumbered
from omniagent.tools.dialects.plain.modes import possible_modes
from omniagent.tools.parameters import call_rules, ground_image, parameters, shaped
from omniagent.tools.types import ImageRef, RenderSettings
from tests.tools.two_picture_sentences import FIRST, SECOND, THIRD, Said

PUBLISHED = GENERATORS["omnigen2"]


def ref(width: int, height: int) -> ImageRef:
    return ImageRef(sha256="0" * 64, width=width, height=height)


@pytest.mark.parametrize("said", [*FIRST, *SECOND, *THIRD], ids=lambda said: said.words[:60])
def test_a_task_about_several_pictures_has_its_mode_and_its_shape(said: Said) -> None:
    mode = possible_modes(said.words, said.pictures)[0]
    assert mode == said.mode
    assert ground_image(mode, said.words, said.pictures) == said.ground


@pytest.mark.parametrize(
    ("size", "wanted"),
    {
        "thumbnail": ((200, 150), (1168, 880)),
        "photo": ((4032, 3024), (1168, 880)),
        "phone upright": ((3024, 4032), (880, 1168)),
        "square": ((64, 64), (1024, 1024)),
        "panorama": ((9000, 300), (2048, 512)),
        "strip": ((3, 4000), (512, 2048)),
    }.values(),
)
def test_thumbnails_and_large_photos_give_about_one_megapixel_of_their_shape(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    made = parameters(
        "compose", "put the cat of image 1 into image 2", (ref(50, 50), ref(*size)), RenderSettings(), rules()
    )
    assert (made.width, made.height) == wanted
    assert 0.95 < wanted[0] * wanted[1] / 1024**2 < 1.02


def rules(settings: GuidanceSettings | None = None):
    return call_rules(PUBLISHED, settings or GuidanceSettings())


def test_a_composition_on_no_given_picture_has_the_default_size_and_a_fixed_size_stands() -> None:
    words, given = "image 1 and image 2 in one picture", (ref(640, 480), ref(480, 640))
    free = parameters("compose", words, given, RenderSettings(), rules())
    assert (free.width, free.height) == (None, None)
    fixed = parameters("compose", "put image 1 into image 2", given, RenderSettings(width=640), rules())
    assert (fixed.width, fixed.height) == (640, None)


def test_the_published_model_is_called_as_its_authors_call_it_by_mode() -> None:
    calls = {
        mode: parameters(mode, "x", () if mode == "generate" else (ref(64, 64),), RenderSettings(), rules())
        for mode in ("generate", "edit", "compose")
    }
    assert [calls[mode].text_guidance for mode in calls] == [4.0, 5.0, 5.0]
    assert [calls[mode].image_guidance for mode in calls] == [None, 1.8, 2.8]
    assert {call.negative for call in calls.values()} == {PUBLISHED_NEGATIVE}
    assert GeneratorProfile().negative == ""


@pytest.mark.parametrize(
    ("asked", "settings", "wanted"),
    [
        (None, None, PUBLISHED_NEGATIVE),
        ("", None, ""),
        (None, "", ""),
        ("text, frame", "blurry", "text, frame"),
        (None, "blurry", "blurry"),
    ],
)
def test_the_negative_text_is_the_runs_then_the_settings_then_the_profiles(
    asked: str | None, settings: str | None, wanted: str
) -> None:
    made = parameters(
        "generate", "x", (), RenderSettings(negative=asked), rules(GuidanceSettings(negative=settings, max_side=512))
    )
    assert made.negative == wanted and made.max_side == 512


@given(st.text(max_size=80), st.integers(1, 5))
def test_any_words_name_a_given_picture_or_none(words: str, pictures: int) -> None:
    assert ground_of(words, pictures) in (None, *range(1, pictures + 1))


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_any_shape_is_drawn_at_sides_of_sixteens_and_about_the_area_of_the_default(width: int, height: int) -> None:
    wide, high = shaped(ref(width, height), (1024, 1024))
    assert wide % 16 == high % 16 == 0 and 0.94 < wide * high / 1024**2 < 1.03


@pytest.mark.parametrize(
    ("words", "numbers", "told"),
    [
        ("add the cat of image 3", {3: 2}, "add the cat of image 2"),
        (
            "put the second picture's hat on the man in the first photo",
            {2: 3},
            "put image 3's hat on the man in the first photo",
        ),
        ("Add the dog from Image #4", {4: 2}, "Add the dog from image 2"),
        ("把图3的猫放到图1的沙发上", {3: 2}, "把图2的猫放到图1的沙发上"),
        ("two images of a cat", {2: 1}, "two images of a cat"),
    ],
)
def test_given_pictures_get_other_numbers_and_all_else_stays(words: str, numbers: dict[int, int], told: str):
    assert renumbered(words, numbers) == told
