"""Where a picture may change: masks as they are read, and what is drawn outside of them."""

import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.scripted import ScriptedGenerator
from omniagent.tools.intake.masks import read_mask
from omniagent.tools.intake.region import Region
from tests.support.faces import HOLDS
from tests.support.scripted_runs import by_picture, plan_draft, scripted_agent, texts

SIZE = (96, 64)


def clear(box: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Image.Image:
    """Transparent within the box."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(mask).rectangle(box, fill=(0, 0, 0, 0))
    return mask


def white(box: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Image.Image:
    """White within the box, without transparency."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def test_transparent_pixels_may_change_or_white_ones_where_none_are_transparent():
    picture = Image.new("RGB", SIZE)
    box = (10, 20, 50, 40)
    read = [read_mask(mask, [picture]) for mask in (clear(box), white(box), white(box).convert("RGB"))]
    assert all(one.tobytes() == white(box).tobytes() for one in read)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (Image.new("L", (8, 8), 255), "give both in one size"),
        (Image.new("RGBA", SIZE, (255, 255, 255, 255)), None),
        (Image.new("RGBA", SIZE, (0, 0, 0, 255)), "leaves nothing to change"),
        (Image.new("L", SIZE, 0), "leaves nothing to change"),
        (Image.new("L", SIZE, 127), "leaves nothing to change"),
        (Image.new("RGBA", SIZE, (0, 0, 0, 254)), "leaves nothing to change"),
        ("nowhere.png", r"the mask \(.nowhere.png.\) is missing"),
        ("https://example.com/mask.png", "the mask is the URL"),
        (b"<svg/>", "the mask .* is an SVG"),
        (b"", "the mask .* is empty"),
    ],
)
def test_masks_that_say_nothing_are_refused(mask: Image.Image | bytes | str, words: str | None):
    picture = Image.new("RGB", SIZE)
    if words is None:
        assert read_mask(mask, [picture]).getextrema() == (255, 255)
    else:
        with pytest.raises(BadImage, match=words):
            read_mask(mask, [picture])


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_masks_are_read_wherever_pictures_are(tmp_path: Path):
    box = (10, 20, 50, 40)
    whole = encoded(clear(box))
    (tmp_path / "mask.png").write_bytes(whole)
    # A text chunk with a wrong checksum, which a stricter reader refuses.
    at = whole.index(b"IDAT") - 4
    repaired = whole[:at] + struct.pack(">I4s4sI", 4, b"iCCP", b"x\0\0\0", 7) + whole[at:]
    given = (
        tmp_path / "mask.png",
        (tmp_path / "mask.png").as_uri(),
        f"data:image/png;base64,{base64.b64encode(whole).decode()}",
        repaired,
        encoded(clear(box), "TIFF"),
    )
    for mask in given:
        assert read_mask(mask, [Image.new("RGB", SIZE)]).tobytes() == white(box).tobytes()


@pytest.mark.parametrize("make", [clear, white])
def test_a_mask_that_its_exif_turns_is_turned_before_it_is_compared(
    make: Callable[[tuple[int, int, int, int]], Image.Image],
):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = encoded(make((10, 20, 50, 40)).rotate(90, expand=True), exif=exif)
    assert read_mask(stored, [Image.new("RGB", SIZE)]).tobytes() == white((10, 20, 50, 40)).tobytes()
    with pytest.raises(BadImage, match="is 96x64 and image 1 is 64x96"):
        read_mask(stored, [Image.new("RGB", (SIZE[1], SIZE[0]))])


def test_a_pixel_that_is_hardly_transparent_makes_no_alpha_mask():
    box = (10, 20, 50, 40)
    mask = white(box).convert("RGBA")
    mask.putpixel((0, 0), (0, 0, 0, 254))
    assert read_mask(mask, [Image.new("RGB", SIZE)]).tobytes() == white(box).tobytes()


@settings(max_examples=40, deadline=None)
@given(
    box=st.tuples(st.integers(0, 95), st.integers(0, 63), st.integers(0, 95), st.integers(0, 63)),
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def test_outside_of_the_region_every_pixel_is_the_pictures_own(box: tuple[int, int, int, int], size: tuple[int, int]):
    left, top, right, bottom = min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])
    picture = Image.new("RGB", SIZE, (10, 20, 30))
    mask = white((left, top, right, bottom))
    drawn = Image.new("RGB", size, (200, 100, 50))
    kept = np.asarray(Region(picture, mask).kept(drawn))
    outside = np.asarray(mask) == 0
    assert (kept[outside] == (10, 20, 30)).all()
    # The middle of the region shows what was drawn, however thin it is.
    assert tuple(kept[(top + bottom) // 2, (left + right) // 2]) == (200, 100, 50)


def test_every_attempt_of_a_masked_run_keeps_the_rest_and_its_trace_names_the_mask(tmp_path: Path):
    picture = Image.effect_noise((160, 96), 70).convert("RGB")
    mask = clear((40, 24, 119, 71), picture.size)
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path, by_picture((0.9, 0.1, 0.9)), texts(plan_draft("edit")), generator=generator)
    result = agent.run("make the circle red", [picture], mask=mask, thread_id="masked")
    edges = mask.getchannel("A").point([255 * (level == 0) for level in range(256)]).getbbox()
    assert edges is not None
    part = tuple(edge / side for edge, side in zip(edges, picture.size * 2, strict=True))
    assert {call.region for call in generator.calls} == {part}
    assert len(result.attempts) > 1 and result.task.mask is not None
    protected = np.asarray(mask.getchannel("A")) == 255
    for attempt in result.attempts:
        pixels = np.asarray(result.picture(attempt))
        assert (pixels[protected] == np.asarray(picture)[protected]).all()
        assert (pixels != np.asarray(picture)).any()
    with pytest.raises(BadSetting, match="already works on"):
        agent.run("make the circle red", [picture], thread_id="masked")


def test_a_mask_without_a_picture_or_with_another_mode_is_refused(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(HOLDS))
    with pytest.raises(BadSetting, match="without a picture"):
        agent.run("a circle", mask=clear((1, 1, 9, 9)))
    with pytest.raises(BadSetting, match="a mask has no meaning"):
        agent.run("a circle", [Image.new("RGB", SIZE)], mask=clear((1, 1, 9, 9)), mode="generate")


def test_a_result_of_another_size_is_asked_for_by_its_settings(tmp_path: Path):
    picture = Image.new("RGB", SIZE, "blue")
    agent = scripted_agent(tmp_path, by_picture(HOLDS), texts(plan_draft("edit")))
    result = agent.run(
        "make it red",
        [picture],
        mask=clear((30, 20, 60, 40)),
        settings={"width": 192, "height": 128},  # type: ignore[typeddict-item]
    )
    image = result.image
    assert image is not None and image.size == (192, 128)
    assert image.getpixel((2, 2)) == (0, 0, 255) and image.getpixel((90, 60)) != (0, 0, 255)
