"""What a person hands in, checked and made plain: their words, and their pictures as upright RGB."""

import importlib
import io
import itertools
import re
import unicodedata
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps, UnidentifiedImageError

from omniagent.model.errors import BadImage, BadTask, OmniAgentError
from omniagent.model.limits import MAX_REFERENCES
from omniagent.model.wording import cut, shown
from omniagent.tools.intake.addresses import located
from omniagent.tools.intake.containers import barer, foreign_kind, is_heif

if TYPE_CHECKING:
    import numpy as np

MAX_PIXELS = 64_000_000
MAX_BYTES = 256 * 1024 * 1024
MAX_WORDS = 2_000
MAX_CHARACTERS = 20_000

# Formats whose decoders are part of Pillow and start no other program.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
# TIFF tags: DNGVersion, and NewSubfileType, whose first bit marks a preview of another picture in the file.
_DNG, _SUBFILE = 50706, 254
_URL = re.compile(r"\s*https?://", re.IGNORECASE)

Given = str | Path | bytes | Image.Image


def read_instruction(task: object) -> str:
    """The person's words without blanks around them.

    Raises:
        BadTask: empty, not text, or over 2,000 words or 20,000 characters.
    """
    if not isinstance(task, str):
        raise BadTask(f"the task is {type(task).__name__}, not text; say in words what you want to see")
    text = task.strip()
    if not text:
        raise BadTask("the task is empty; say in words what you want to see")
    if len(text) > MAX_CHARACTERS or len(text.split()) > MAX_WORDS:
        raise BadTask(
            f"the task has {len(text.split()):,} words and {len(text):,} characters; "
            f"say it in at most {MAX_WORDS:,} words and {MAX_CHARACTERS:,} characters"
        )
    for place, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t":
            raise BadTask(f"the task has the control character {character!r} at position {place}; give plain text")
    return text


def read_images(
    images: Iterable[Given] | None, *, allow_urls: bool = False, max_pixels: int = MAX_PIXELS
) -> list[Image.Image]:
    """The pictures as upright RGB, transparent ones on white, in their order; None is none.

    Args:
        images: Paths, bytes, PIL images, or http(s) URLs.
        allow_urls: Whether URLs are fetched.
        max_pixels: Of one picture; a larger one is refused before it is decoded. At most 64 million.

    Raises:
        BadImage: more than 5, or one that is missing, broken, animated, too large or no picture.
    """
    if isinstance(images, str | Path | bytes | Image.Image):
        raise BadImage("images is one picture; put it into a list: images=[picture]")
    if images is not None and not isinstance(images, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadImage(f"images={shown(images)} is no list of pictures; give paths, bytes or PIL images in a list")
    given = list(images or ())
    if len(given) > MAX_REFERENCES:
        raise BadImage(f"{len(given)} pictures were given; at most {MAX_REFERENCES} are allowed, leave some out")
    most = min(max_pixels, MAX_PIXELS)
    return [
        _on_white(read_whole(image, f"image {number}", allow_urls=allow_urls, max_pixels=most))
        for number, image in enumerate(given, start=1)
    ]


def read_whole(given: object, name: str, *, allow_urls: bool = False, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """One picture, upright, as RGB, or as RGBA where it may have transparent pixels.

    Args:
        given: A path, bytes, a PIL image, or an http(s) URL.
        name: What errors call it.
        allow_urls: Whether a URL is fetched.
        max_pixels: A larger one is refused before it is decoded.

    Raises:
        BadImage: it is missing, broken, animated, too large or no picture.
    """
    if isinstance(given, Image.Image):
        with _readable(name):
            return _decode(given, name, max_pixels)
    if isinstance(given, str) and _URL.match(given):
        if not allow_urls:
            raise BadImage(f"{name} is the URL {shown(given)}; fetching is off, save it to a file or allow URLs")
        from omniagent.tools.intake.fetch import fetch

        return _open(fetch(given.strip(), MAX_BYTES), f"{name} ({shown(given)})", max_pixels)
    if isinstance(given, str):
        given = located(given, name)
    if isinstance(given, bytes):
        return _open(given, f"{name} ({len(given)} bytes)", max_pixels)
    if isinstance(given, Path):
        named = f"{name} ({shown(str(given))})"
        return _open(_file_bytes(given, named), named, max_pixels)
    raise BadImage(f"{name} is {type(given).__name__}; give a path, bytes or a PIL image")


def _file_bytes(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "missing"
            raise BadImage(f"{name} is {what}; give the path of a picture file")
        if path.stat().st_size > MAX_BYTES:
            raise BadImage(f"{name} has {path.stat().st_size:,} bytes; give a file under {MAX_BYTES:,}")
        return path.read_bytes()
    except BadImage:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else cut(str(error))
        raise BadImage(f"{name} cannot be read: {reason}; check the path and its permissions") from error


def _open(data: bytes, name: str, most: int) -> Image.Image:
    if not data:
        raise BadImage(f"{name} is empty; give a picture file")
    if is_heif(data) and (image := _heif(data, name, most)) is not None:
        return image
    # Pillow knows all of its formats only after this, and a build may lack some.
    Image.init()
    formats = [kind for kind in _FORMATS if kind in Image.OPEN]
    first: Exception | None = None
    with _readable(name, data):
        for version in itertools.chain([data], barer(data)):
            try:
                with Image.open(io.BytesIO(version), formats=formats) as image:
                    return _decode(image, name, most)
            except (OmniAgentError, Image.DecompressionBombError, Image.DecompressionBombWarning):
                raise
            except Exception as error:
                # A huge profile, a broken comment: whatever lies beside the pixels is no reason to refuse them.
                first = first or error
        assert first is not None, "a version that reads has returned"
        raise first


def _heif(data: bytes, name: str, most: int) -> Image.Image | None:
    """A HEIC picture by pillow-heif; None where that is not installed."""
    try:
        heif: Any = importlib.import_module("pillow_heif")
    except ImportError:
        return None
    with _readable(name):
        return _decode(heif.open_heif(io.BytesIO(data)).to_pillow(), name, most)


@contextmanager
def _readable(name: str, data: bytes = b"") -> Generator[None]:
    """Turn whatever a decoder fails at into `BadImage`; `data` tells what a file is instead."""
    try:
        yield
    except OmniAgentError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(f"{name} has too many pixels; scale it to under {MAX_PIXELS:,}") from error
    except UnidentifiedImageError as error:
        if (kind := foreign_kind(data)) is not None:
            raise BadImage(f"{name} is {kind[0]}, which cannot be read here; {kind[1]}") from error
        raise BadImage(f"{name} is no picture of a known kind; give PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF") from error
    except Exception as error:
        raise BadImage(
            f"{name} cannot be read, it is truncated or damaged, closed or of a strange kind ({cut(str(error))}); "
            "give an intact picture"
        ) from error


def _decode(image: Image.Image, name: str, most: int) -> Image.Image:
    if image.width < 1 or image.height < 1:
        raise BadImage(f"{name} has no pixels ({image.width}x{image.height}); give a real picture")
    if image.width * image.height > most:
        raise BadImage(
            f"{name} is {image.width}x{image.height}, {image.width * image.height:,} pixels; scale it to under {most:,}"
        )
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    if image.format == "TIFF" and (_DNG in tags or tags.get(_SUBFILE, 0) & 1):
        raise BadImage(f"{name} is a camera's RAW file that shows its preview alone; develop it to PNG or JPEG")
    # Cameras put a preview beside the photo (MPO): two frames, but no animation.
    frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise BadImage(f"{name} is an animation or document of {frames} frames; give a single still picture")
    image.load()
    # These two know no other whole numbers than 16-bit ones, whichever mode Pillow gives them.
    sixteen_bit = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    return _plain(_upright(image), sixteen_bit)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # EXIF that cannot be read says nothing about which side is up.
        return image


def _plain(image: Image.Image, sixteen_bit: bool) -> Image.Image:
    """As RGB or RGBA, without anything beside the pixels."""
    if image.mode in ("I", "F") or sixteen_bit:
        return Image.fromarray(_eight_bit(image, sixteen_bit)).convert("RGB")
    made = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Image.frombytes(made.mode, made.size, made.tobytes())


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _eight_bit(image: Image.Image, sixteen_bit: bool) -> "np.ndarray":
    import numpy as np

    values = np.asarray(image, dtype=np.float64)
    if image.mode == "F" and values.size and float(np.nanmax(values)) <= 1.0:
        scale = 255.0
    elif image.mode == "F" or (not sixteen_bit and values.size and values.max() <= 255):
        scale = 1.0
    else:
        scale = 1 / 257
    return np.clip(np.nan_to_num(values) * scale + 0.5, 0, 255).astype(np.uint8)
