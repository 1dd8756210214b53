"""The attempts of a run as PNG files for people, with lineage and settings in their text chunks."""

import io
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from omniagent.model.wording import model_name
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import Attempt


def keep_attempt(folder: Path, run_id: str, model: str, attempt: Attempt, image: Image.Image) -> Path:
    """Write one attempt. Text chunks: `omniagent:run`, `:model`, `:attempt` (JSON), `:sha256` of the plain picture.

    These files are shared: of a model or LoRA on this machine they tell the name, never where it lies.

    Raises:
        StorageFull, OutputUnwritable: the file cannot be written.
    """
    chunks = PngInfo()
    chunks.add_itxt("omniagent:run", run_id)
    chunks.add_itxt("omniagent:model", model_name(model))
    chunks.add_itxt("omniagent:sha256", attempt.image.sha256)
    chunks.add_itxt("omniagent:attempt", _without_places(attempt).model_dump_json())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    path = folder / f"{attempt.id}.png"
    write_whole(path, buffer.getvalue())
    return path


def _without_places(attempt: Attempt) -> Attempt:
    loras = tuple(one.model_copy(update={"path": model_name(one.path)}) for one in attempt.settings.loras)
    return attempt.model_copy(update={"settings": attempt.settings.model_copy(update={"loras": loras})})


def read_lineage(path: Path) -> Attempt:
    """The attempt that `keep_attempt` wrote into a PNG.

    Raises:
        KeyError: the picture carries no lineage.
    """
    with Image.open(path) as image:
        image.load()
        return Attempt.model_validate_json(str(image.info["omniagent:attempt"]))
