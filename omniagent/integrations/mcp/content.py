"""Answers as the protocol carries them, each under 1 MiB."""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import BaseModel

from omniagent.integrations.answers import TEXT, RunAnswer, run_answer
from omniagent.integrations.hosting import Preview, preview_of
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut
from omniagent.runs.request import check_thread_id
from omniagent.runs.result import Result
from omniagent.runs.status import describe

RESOURCE_BYTES: Final = 720 * 1024
"""Of a picture that is read as a resource, and of a part of a file; as base64 in its message it is under 1 MiB."""
PREVIEW_BYTES: Final = 256 * 1024


def picture_uri(run_id: str) -> str:
    """The resource of a run's picture."""
    return f"omniagent://runs/{run_id}/picture.png"


def run_content(result: Result) -> CallToolResult:
    """A finished run."""
    path = result.image_path
    content: list[ContentBlock] = [TextContent(text=cut(describe(result), TEXT))]
    parts = 0
    if path is not None and (preview := _preview(path)) is not None:
        parts = math.ceil(path.stat().st_size / RESOURCE_BYTES)
        resource = resource_of(path)
        whole = resource.mime_type == "image/png"
        smaller = "" if whole else ", as a smaller JPEG"
        more = "" if whole else f", or in parts 1 to {parts} of omniagent://runs/{result.run_id}/parts/{{part}}"
        content.append(ImageContent(data=base64.b64encode(preview.data).decode(), mime_type=preview.mime_type))
        content.append(
            ResourceLink(
                name=f"{result.run_id}.png",
                uri=picture_uri(result.run_id),
                description=f"The picture{smaller}; the full file is {path.resolve()}{more}",
                mime_type=resource.mime_type,
                size=len(resource.data),
            )
        )
    return _structured(content, run_answer(result, parts))


def running_content(run_id: str, line: str, progress: float, attempts: int, seed: int) -> CallToolResult:
    """The handle of a run that is at work."""
    answer = RunAnswer(
        status="running", run_id=run_id, message=cut(line), attempts=attempts, seed=seed, progress=progress
    )
    text = f"running ({progress:.0%}): {cut(line)}\nrun_id: {run_id}\nCall get_run with this run_id until it has ended."
    return _structured([TextContent(text=text)], answer)


def unfinished_content(run_id: str, *, cancel: bool = False) -> CallToolResult:
    """A run whose folder holds no result, and that is not at work here; `cancel`: whether it was to be stopped."""
    text = (
        f"the run {run_id} has no result yet: it is at work in another program, or was stopped; the call that began "
        f"it, with thread_id {run_id}, goes on with it"
    )
    if cancel:
        text = f"nothing was stopped, as no such run is at work in this server; {text}"
    answer = RunAnswer(status="unfinished", run_id=run_id, message=text, progress=0.0)
    return _structured([TextContent(text=f"unfinished: {text}")], answer)


def plain_content(text: str, answer: BaseModel) -> CallToolResult:
    """Words, and the same as data."""
    return _structured([TextContent(text=cut(text, TEXT))], answer)


def failed_content(error: Exception) -> CallToolResult:
    """An error in one line."""
    return CallToolResult(
        content=[TextContent(text=f"{type(error).__name__}: {cut(str(error), 2_000)}")], is_error=True
    )


def resource_of(path: Path) -> Preview:
    """A picture's file, or a JPEG of it that fits into a message."""
    if path.stat().st_size <= RESOURCE_BYTES:
        return Preview(path.read_bytes(), "image/png")
    return preview_of(path, RESOURCE_BYTES, side=4096)


def picture_path(runs_dir: Path, run_id: str) -> Path:
    """The file of a run's picture.

    Raises:
        BadSetting: there is no such run, or it has none.
    """
    path = Result.load(runs_dir / check_thread_id(run_id)).image_path
    if path is None or not path.is_file():
        raise BadSetting(f"the run {run_id} has no picture")
    return path


def part_of(path: Path, part: str) -> bytes:
    """One part of a file; parts count from 1, and put one after another they are the file.

    Raises:
        BadSetting: there is no such part.
    """
    count = math.ceil(path.stat().st_size / RESOURCE_BYTES)
    if not part.isascii() or not part.isdecimal() or not 1 <= int(part[:9]) <= count:
        raise BadSetting(f"the file has parts 1 to {count}, and no part {cut(part, 40)}")
    with path.open("rb") as file:
        file.seek((int(part) - 1) * RESOURCE_BYTES)
        return file.read(RESOURCE_BYTES)


def _preview(path: Path) -> Preview | None:
    """None when the file is gone or broken, which costs nothing else of the answer."""
    try:
        return preview_of(path, PREVIEW_BYTES)
    except OSError:
        return None


def _structured(content: Sequence[ContentBlock], answer: BaseModel) -> CallToolResult:
    return CallToolResult(content=list(content), structured_content=answer.model_dump(mode="json"))
