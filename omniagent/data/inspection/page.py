"""One HTML page of an output folder: a contact sheet by kind, what each filter dropped, and histograms of scores."""

import base64
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image, UnidentifiedImageError
from pydantic import TypeAdapter, ValidationError

from omniagent.data.inspection.lines import Line, records_in
from omniagent.data.records import Measured, Rejected, SetAside
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import Word

PAGE: Final = "index.html"
_BINS: Final = 24
_SCORES: Final = TypeAdapter(tuple[Measured, ...])
_MOST_REASONS: Final = 8
_MOST_VALUES: Final = 20_000


class Shown(Word):
    """A record on the page; pictures are addresses of data."""

    place: str
    kind: str
    instruction: str
    inputs: tuple[str, ...]
    output: str
    scores: tuple[Measured, ...]


class Dropped(Word):
    """What a stage dropped, by the value that failed, the most frequent first."""

    stage: str
    count: int
    reasons: tuple[tuple[str, int], ...]


class Histogram(Word):
    """A score's values: its least and greatest, thresholds, and heights of equal bins as shares of the highest."""

    name: str
    low: float
    high: float
    thresholds: tuple[float, ...]
    kept: tuple[float, ...]
    dropped: tuple[float, ...]


def show(folder: Path, *, most: int = 24, side: int = 160) -> Path:
    """Write the page into an output folder; it needs no network and runs no script.

    Args:
        folder: A build's output.
        most: Records of each kind on the contact sheet, evenly taken.
        side: Longer side of the thumbnails in pixels.

    Returns:
        The page's path.

    Raises:
        BadSetting: the folder holds no records.
        StorageFull, OutputUnwritable: the page cannot be written.
    """
    counts: Counter[str] = Counter()
    values: dict[str, list[Measured]] = defaultdict(list)
    for placed in records_in(folder):
        if placed.line is None:
            continue
        counts[placed.line.task_type] += 1
        _collect(values, _scores(placed.line))
    rejected = list(_lines(folder, "rejected", Rejected))
    for line in rejected:
        _collect(values, line.scores)
    page = (
        Environment(loader=PackageLoader("omniagent", "templates"), autoescape=select_autoescape(default=True))
        .get_template("records.html.j2")
        .render(
            folder=folder.name,
            counts=sorted(counts.items()),
            shown=list(_shown(folder, counts, most, side)),
            dropped=_dropped(rejected),
            aside=list(_lines(folder, "set-aside", SetAside))[:50],
            histograms=[_histogram(name, values[name]) for name in sorted(values)],
            side=side,
        )
    )
    path = folder / PAGE
    write_whole(path, page.encode())
    return path


def _lines(folder: Path, kind: str, form: type[Any]) -> Iterator[Any]:
    for file in sorted((folder / kind).glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for text in lines:
                try:
                    yield form.model_validate(json.loads(text))
                except ValueError:
                    continue


def _scores(line: Line) -> tuple[Measured, ...]:
    try:
        return _SCORES.validate_python((line.model_extra or {}).get("scores", ()))
    except ValidationError:
        return ()


def _collect(values: Mapping[str, list[Measured]], scores: Sequence[Measured]) -> None:
    for one in scores:
        name = one.name.removesuffix(" (most)").split(" of ")[0]
        if len(values[name]) < _MOST_VALUES:
            values[name].append(one)


def _shown(folder: Path, counts: Mapping[str, int], most: int, side: int) -> Iterator[Shown]:
    met: Counter[str] = Counter()
    for place, line, _ in records_in(folder):
        if line is None:
            continue
        kind = line.task_type
        number, total = met[kind], counts[kind]
        met[kind] += 1
        # Evenly over all records, so that no single source fills the sheet.
        if total > most and number * most // total == (number - 1) * most // total:
            continue
        yield Shown(
            place=place,
            kind=kind,
            instruction=line.instruction,
            inputs=tuple(_thumbnail(folder / name, side) for name in line.inputs),
            output=_thumbnail(folder / line.output_image, side),
            scores=_scores(line),
        )


def _thumbnail(path: Path, side: int) -> str:
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return ""
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _dropped(rejected: Sequence[Rejected]) -> list[Dropped]:
    by_stage: dict[str, Counter[str]] = defaultdict(Counter)
    for line in rejected:
        failing = next((one.name for one in line.scores if not one.passed), "")
        by_stage[line.stage][failing or line.reason.split(":")[0][:80]] += 1
    return [
        Dropped(stage=stage, count=sum(found.values()), reasons=tuple(found.most_common(_MOST_REASONS)))
        for stage, found in by_stage.items()
    ]


def _histogram(name: str, values: Sequence[Measured]) -> Histogram:
    numbers = [one.value for one in values]
    low, high = min(numbers), max(numbers)
    kept, dropped = [0] * _BINS, [0] * _BINS
    for one in values:
        at = min(int((one.value - low) / (high - low or 1) * _BINS), _BINS - 1)
        (kept if one.passed else dropped)[at] += 1
    top = max(first + second for first, second in zip(kept, dropped, strict=True)) or 1
    return Histogram(
        name=name,
        low=low,
        high=high,
        thresholds=tuple(sorted({one.threshold for one in values})),
        kept=tuple(count / top for count in kept),
        dropped=tuple(count / top for count in dropped),
    )
