"""What a person may hand in: good things made plain, bad things named."""

import importlib
import io
import itertools
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from omniagent.model.errors import BadImage, BadTask
from omniagent.tools.intake import task as intake
from omniagent.tools.intake.fetch import fetch
from omniagent.tools.intake.public import pinned
from omniagent.tools.intake.task import read_images, read_instruction


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
        (lambda: b"%PDF-1.7 hello", "PDF document"),
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


def chunk(kind: bytes, content: bytes, *, crc: int = 0) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ crc)


def png_with(*chunks: bytes, behind: bool = False) -> bytes:
    """A PNG with these chunks before its pixels, or behind them."""
    plain = data(Image.new("RGB", (40, 30), "red"))
    at = len(plain) - 12 if behind else 33
    return plain[:at] + b"".join(chunks) + plain[at:]


def jpeg_with(segment: bytes, **options: object) -> bytes:
    plain = data(Image.new("RGB", (40, 30), "red"), "JPEG", **options)
    return plain[:2] + segment + plain[2:]


HUGE = np.random.default_rng(0).bytes(2_000_000)
PACKED = zlib.compress(HUGE)
BESIDE_THE_PIXELS = {
    "a colour profile of 2 MB": lambda: png_with(chunk(b"iCCP", b"p\0\0" + PACKED)),
    "a colour profile that unpacks to 80 MB": lambda: png_with(
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(80_000_000)))
    ),
    "a colour profile of nothing": lambda: png_with(chunk(b"iCCP", b"")),
    "a colour profile packed in a strange way": lambda: png_with(chunk(b"iCCP", b"p\0\7xx")),
    "a huge packed text": lambda: png_with(chunk(b"zTXt", b"k\0\0" + PACKED)),
    "a huge packed text behind the pixels": lambda: png_with(chunk(b"zTXt", b"k\0\0" + PACKED), behind=True),
    "a huge international text": lambda: png_with(chunk(b"iTXt", b"k\0\1\0\0\0" + PACKED)),
    "70 MB of texts": lambda: png_with(*(chunk(b"tEXt", b"k\0" + bytes(1_000_000)) for _ in range(70))),
    "a text with a wrong checksum": lambda: png_with(chunk(b"tEXt", b"k\0x", crc=1)),
    "huge EXIF": lambda: png_with(chunk(b"eXIf", b"MM\0*" + HUGE)),
    "EXIF that is none": lambda: png_with(chunk(b"eXIf", b"junk" * 5)),
    "EXIF with a wrong checksum": lambda: png_with(chunk(b"eXIf", b"MM\0*", crc=1)),
    "a transparency cut short": lambda: png_with(chunk(b"tRNS", b"1")),
    "a resolution cut short": lambda: png_with(chunk(b"pHYs", b"1")),
    "a gamma of nothing": lambda: png_with(chunk(b"gAMA", b"")),
    "JPEG with a profile of 2 MB": lambda: jpeg_with(b"", icc_profile=HUGE),
    "JPEG with a JFIF mark cut short": lambda: jpeg_with(b"\xff\xe0\0\7JFIF\0"),
    "JPEG with an Adobe mark cut short": lambda: jpeg_with(b"\xff\xee\0\7Adobe"),
    "WebP with a profile of 2 MB": lambda: data(Image.new("RGB", (40, 30), "red"), "WEBP", icc_profile=HUGE),
    "WebP with EXIF that is none": lambda: data(Image.new("RGB", (40, 30), "red"), "WEBP", exif=b"junk" * 5),
    "TIFF with a profile of 2 MB": lambda: data(Image.new("RGB", (40, 30), "red"), "TIFF", icc_profile=HUGE),
}


@pytest.mark.parametrize("name", BESIDE_THE_PIXELS)
def test_nothing_beside_the_pixels_keeps_a_picture_from_being_read(name: str):
    (image,) = read_images([BESIDE_THE_PIXELS[name]()])
    assert image.size == (40, 30)
    assert np.abs(np.asarray(image, dtype=int) - (255, 0, 0)).max() <= 6


def test_a_picture_with_a_huge_profile_keeps_its_transparency_and_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = data(Image.new("RGBA", (40, 20), (255, 0, 0, 0)), exif=exif)
    (image,) = read_images([clear[:33] + chunk(b"iCCP", b"p\0\0" + PACKED) + clear[33:]])
    assert image.size == (20, 40) and image.getpixel((3, 3)) == (255, 255, 255)
    moving = animation("PNG")
    with pytest.raises(BadImage, match="2 frames"):
        read_images([moving[:33] + chunk(b"iCCP", b"p\0\0" + PACKED) + moving[33:]])


def test_broken_pixels_are_still_refused_whatever_else_is_left_out():
    whole = png_with(chunk(b"iCCP", b"p\0\0" + PACKED))
    at = whole.index(b"IDAT") + 8
    for broken in (whole[:at] + b"\xff" + whole[at + 1 :], whole[:33], whole[:-30]):
        with pytest.raises(BadImage, match=r"truncated or damaged|no picture"):
            read_images([broken])


FOREIGN = {
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.*PNG or JPEG, or install pillow-heif"),
    "HEIF": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC.*pillow-heif"),
    "AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + b"\0" * 40, "AVIF"),
    "JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL.*convert"),
    "bare JPEG XL": (b"\xff\x0a\0\0\0\0", "JPEG XL.*convert"),
    "SVG": (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="x"></svg>', "SVG.*export"),
    "bare SVG": (b"\n<svg></svg>", "SVG.*export"),
    "PDF": (b"%PDF-1.7 hello", "PDF.*page"),
    "CR2": (b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 60, "RAW.*develop"),
    "CR3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "RAW.*develop"),
    "RAF": (b"FUJIFILMCCD-RAW 0201", "RAW.*develop"),
    "Photoshop": (b"8BPS\0\1", "Photoshop.*export"),
    "video": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "video.*frame"),
    "web page": (b"<!DOCTYPE html><html><body>404</body></html>", "web page.*save the picture"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS.*pull"),
    "words": (b"hello", "no picture of a known kind"),
}


@pytest.mark.filterwarnings("ignore:.*AVIF.*:UserWarning")
def test_a_file_of_another_kind_is_named_with_a_remedy_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for given, words in FOREIGN.values():
        with pytest.raises(BadImage, match=f"image 1 .*{words}"):
            read_images([given])


def test_heic_is_read_where_pillow_heif_is_installed():
    heif: Any = importlib.import_module("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(buffer)
    (image,) = read_images([buffer.getvalue()])
    assert image.size == (64, 48) and image.mode == "RGB"


def test_a_raw_file_that_shows_its_preview_alone_is_refused():
    for tags in ({254: 1}, {50706: b"\1\4\0\0"}):
        with pytest.raises(BadImage, match=r"RAW.*develop"):
            read_images([data(Image.new("RGB", (16, 12)), "TIFF", tiffinfo=tags)])


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
    monkeypatch.setattr("omniagent.tools.intake.fetch.fetch", lambda url, limit: data(picture))
    assert read_images(["https://example.org/a.png"], allow_urls=True)[0].tobytes() == picture.tobytes()


def test_what_a_server_sends_is_bounded_and_its_errors_are_ours():
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404) if request.url.path == "/none" else httpx.Response(200, content=b"x" * 100)

    transport = httpx.MockTransport(reply)
    assert fetch("https://example.org/a", 100, transport=transport) == b"x" * 100
    for url, limit, words in [("https://example.org/a", 99, "longer"), ("https://example.org/none", 100, "404")]:
        with pytest.raises(BadImage, match=words):
            fetch(url, limit, transport=transport)


class Dripping(httpx.SyncByteStream):
    """A body without end, a byte at a time."""

    def __iter__(self) -> Iterator[bytes]:
        return itertools.repeat(b"x")


@pytest.mark.parametrize("drips", [True, False])
def test_a_server_that_sends_a_byte_now_and_then_or_redirects_late_is_given_up(drips: bool):
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Dripping()) if drips else httpx.Response(302, headers={"location": "/b"})

    clock = itertools.count(0, 45)
    with pytest.raises(BadImage, match="was not read within 120 seconds"):
        fetch("https://example.org/a", 1000, transport=httpx.MockTransport(reply), clock=lambda: next(clock))


@pytest.mark.parametrize(("url", "port"), [("https://a.org/x", 443), ("http://a.org/x", 80), ("http://a.org:81/", 81)])
def test_public_addresses_are_looked_up_by_number_since_containers_may_know_no_service_names(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int
):
    asked: list[object] = []

    def found(host: str, service: object, **more: object) -> list[tuple[object, ...]]:
        asked.append(service)
        return [(2, 1, 6, "", ("93.184.215.14", 0))]

    monkeypatch.setattr("socket.getaddrinfo", found)
    assert "93.184.215.14" in pinned(url).url and asked == [port]


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
