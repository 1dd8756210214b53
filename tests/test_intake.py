"""What a person may hand in: good things made plain, bad things named."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from omniagent.model.errors import BadImage, BadTask
from omniagent.tools import intake
from omniagent.tools.fetch import fetch
from omniagent.tools.intake import read_images, read_instruction


def data(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return data(frames[0], kind, save_all=True, append_images=frames[1:])


def sixteen_bit() -> bytes:
    return data(Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)))


def test_paths_bytes_and_pictures_are_all_taken_in_their_order(tmp_path: Path):
    red, blue, green = (Image.new("RGB", (4, 3), colour) for colour in ("red", "blue", "green"))
    path = tmp_path / "blue.png"
    blue.save(path)
    read = read_images([data(red), path, str(path), green])
    assert [one.tobytes() for one in read] == [one.tobytes() for one in (red, blue, blue, green)]
    assert read_images([]) == []


@pytest.mark.parametrize(
    ("make", "colour"),
    [
        (lambda: data(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95), (255, 0, 0)),
        (sixteen_bit, (128, 128, 128)),
        (lambda: data(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), (255, 255, 255)),
        (lambda: data(Image.new("LA", (8, 8), (0, 0))), (255, 255, 255)),
        (lambda: data(Image.new("P", (8, 8), 0), transparency=0), (255, 255, 255)),
        (lambda: data(Image.new("P", (8, 8), 0)), (0, 0, 0)),
        (lambda: data(Image.new("1", (8, 8), 1)), (255, 255, 255)),
        (lambda: data(Image.new("F", (8, 8), 0.5), "TIFF"), (128, 128, 128)),
        (lambda: data(Image.new("RGB", (1, 1), "red")), (255, 0, 0)),
        (lambda: data(Image.new("RGB", (8, 8), "red"), "GIF"), (255, 0, 0)),
    ],
    ids=["cmyk", "16-bit", "transparent", "grey and alpha", "palette hole", "palette", "1-bit", "float", "1 px", "gif"],
)
def test_every_kind_of_pixel_becomes_rgb(make: Callable[[], bytes], colour: tuple[int, int, int]):
    (image,) = read_images([make()])
    assert image.mode == "RGB" and not image.info
    assert np.abs(np.asarray(image, dtype=int) - np.array(colour)).max() <= 2


def test_a_photo_is_turned_upright():
    image = Image.new("RGB", (40, 20), "white")
    ImageDraw.Draw(image).rectangle((0, 0, 19, 19), fill="black")
    exif = Image.Exif()
    exif[0x0112] = 6
    (upright,) = read_images([data(image, exif=exif)])
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 5)) == (0, 0, 0) and upright.getpixel((10, 35)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda: b"", "empty"),
        (lambda: b"GIF89a but not really", "damaged|no picture"),
        (lambda: b"%PDF-1.7 hello", "no picture"),
        (lambda: data(Image.effect_noise((64, 64), 50))[:-900], "truncated"),
        (lambda: animation("GIF"), "2 frames"),
        (lambda: animation("WEBP"), "2 frames"),
        (lambda: animation("PNG"), "2 frames"),
        (lambda: data(Image.new("1", (9000, 9000))), "pixels"),
    ],
    ids=["empty", "gif head", "pdf", "truncated", "gif", "webp", "apng", "bomb"],
)
def test_a_broken_picture_is_named_with_its_reason_and_a_remedy(
    tmp_path: Path, broken: Callable[[], bytes], words: str
):
    path = tmp_path / "mine.png"
    path.write_bytes(broken())
    with pytest.raises(BadImage, match=words) as caught:
        read_images([Image.new("RGB", (2, 2)), path])
    assert "image 2" in str(caught.value) and "mine.png" in str(caught.value)
    assert "; " in str(caught.value)


def closed() -> Image.Image:
    image = Image.new("RGB", (8, 8))
    image.close()
    return image


def cut(kind: str) -> Image.Image:
    return Image.open(io.BytesIO(data(Image.effect_noise((64, 64), 50), kind)[:-900]))


def tiff_without_size() -> bytes:
    """A second page follows the first, with a depth and no size."""
    page = data(Image.new("L", (8, 8)), "TIFF")
    start = int.from_bytes(page[4:8], "little")
    follows = start + 2 + 12 * int.from_bytes(page[start : start + 2], "little")
    second = struct.pack("<HHHIII", 1, 258, 3, 1, 8, 0)
    return page[:follows] + struct.pack("<I", len(page)) + page[follows + 4 :] + second


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda: cut("PNG"), "truncated"),
        (lambda: cut("JPEG"), "truncated"),
        (closed, "closed"),
        (lambda: Image.new("La", (8, 8)), "La"),
        (tiff_without_size, "damaged"),
    ],
    ids=["cut png", "cut jpeg", "closed", "strange mode", "tiff without a size"],
)
def test_a_picture_that_pillow_cannot_unpack_is_named(broken: Callable[[], Image.Image | bytes], words: str):
    with pytest.raises(BadImage, match=f"image 2.*{words}"):
        read_images([Image.new("RGB", (2, 2)), broken()])


@pytest.mark.parametrize("kind", ["PNG", "PPM", "TIFF"])
@pytest.mark.parametrize(("value", "grey"), [(100, 0), (255, 1), (257, 1), (25700, 100), (65535, 255)])
def test_sixteen_bit_grey_keeps_its_scale_however_dark_it_is(kind: str, value: int, grey: int):
    picture = Image.fromarray(np.full((4, 4), value, dtype=np.uint16))
    for given in (picture, data(picture, kind)):
        assert read_images([given])[0].getpixel((1, 1)) == (grey,) * 3


def test_whole_numbers_in_memory_up_to_255_are_eight_bit():
    picture = Image.fromarray(np.full((4, 4), 100, dtype=np.int32))
    assert picture.mode == "I" and read_images([picture])[0].getpixel((1, 1)) == (100, 100, 100)


def test_a_missing_file_a_folder_and_a_strange_thing_are_named(tmp_path: Path):
    for given, words in [
        (tmp_path / "none.png", "missing"),
        (tmp_path, "folder"),
        ("bad\0name", "image 1"),
        (42, "int"),
    ]:
        with pytest.raises(BadImage, match=words):
            read_images([given])  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadImage, match="one picture"):
        read_images("a.png")  # pyright: ignore[reportArgumentType]


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(BadImage, match="pixels"):
        read_images([data(Image.new("1", (100, 100)))])


@pytest.mark.parametrize("count", [6, 20])
def test_too_many_pictures_are_refused_with_the_limit(count: int):
    with pytest.raises(BadImage, match=f"{count} pictures were given; at most 5"):
        read_images([Image.new("RGB", (2, 2))] * count)


def test_urls_are_off_unless_allowed(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BadImage, match="fetching is off"):
        read_images(["https://example.org/a.png"])
    picture = Image.new("RGB", (3, 3), "red")
    monkeypatch.setattr("omniagent.tools.fetch.fetch", lambda url, limit: data(picture))
    assert read_images(["https://example.org/a.png"], allow_urls=True)[0].tobytes() == picture.tobytes()


def test_what_a_server_sends_is_bounded_and_its_errors_are_ours():
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404) if request.url.path == "/none" else httpx.Response(200, content=b"x" * 100)

    transport = httpx.MockTransport(reply)
    assert fetch("https://example.org/a", 100, transport=transport) == b"x" * 100
    for url, limit, words in [("https://example.org/a", 99, "longer"), ("https://example.org/none", 100, "404")]:
        with pytest.raises(BadImage, match=words):
            fetch(url, limit, transport=transport)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("word " * 10_000, "10,000 words"),
        ("x" * 20_001, "20,001 characters"),
        ("a\0b", "control character"),
        ("\x7fELF\x02\x01", "control character"),
        ("caf\udce9", "control character"),
        (b"a red circle", "bytes"),
        (None, "NoneType"),
    ],
)
def test_a_task_that_is_no_plain_text_is_refused(task: object, words: str):
    with pytest.raises(BadTask, match=words):
        read_instruction(task)


def test_a_plain_task_is_kept_in_any_language():
    assert read_instruction("  画一个红色的圆\nand a star 🌟 ") == "画一个红色的圆\nand a star 🌟"
    assert len(read_instruction("word " * intake.MAX_WORDS).split()) == intake.MAX_WORDS
