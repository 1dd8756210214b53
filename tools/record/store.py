"""Pictures by content: a folder of PNG files named by the SHA-256 of their bytes."""

import hashlib
import io
from pathlib import Path

from PIL import Image

from omniagent.model.errors import BadImage
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import ImageRef


def png_bytes(image: Image.Image) -> bytes:
    """The picture as RGB PNG without any metadata, so that equal pixels give equal bytes."""
    plain = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    buffer = io.BytesIO()
    plain.save(buffer, "PNG")
    return buffer.getvalue()


def ref_of(image: Image.Image) -> ImageRef:
    """The name that the store gives this picture."""
    return ImageRef(sha256=hashlib.sha256(png_bytes(image)).hexdigest(), width=image.width, height=image.height)


class ImageStore:
    """Finished files are never changed or removed. Safe for several threads and processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, ref: ImageRef) -> Path:
        """Where the picture lies."""
        return self.folder / f"{ref.sha256}.png"

    def put(self, image: Image.Image) -> ImageRef:
        """Keep a picture and name it.

        Raises:
            StorageFull: the disk has no room.
            OutputUnwritable: the folder cannot be written.
        """
        data = png_bytes(image)
        ref = ImageRef(sha256=hashlib.sha256(data).hexdigest(), width=image.width, height=image.height)
        if not self.path(ref).exists():
            write_whole(self.path(ref), data)
        return ref

    def remember(self, key: str, note: bytes) -> None:
        """Keep a note beside the pictures, for `recall`.

        Raises:
            StorageFull, OutputUnwritable: as `put`.
        """
        write_whole(self.folder / "notes" / f"{key}.json", note)

    def recall(self, key: str) -> bytes | None:
        """The note of that key, or None."""
        path = self.folder / "notes" / f"{key}.json"
        return path.read_bytes() if path.is_file() else None

    def get(self, ref: ImageRef) -> Image.Image:
        """The picture, RGB.

        Raises:
            BadImage: its file is gone or was changed.
        """
        path = self.path(ref)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadImage(f"the stored picture {path} is gone; run the task again") from error
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise BadImage(f"the stored picture {path} was changed or is damaged; remove it and run the task again")
        return Image.open(io.BytesIO(data)).convert("RGB")
