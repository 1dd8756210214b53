"""A contact sheet: many runs on one self-contained page, each with a small picture, its status and its task."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from omniagent.model.wording import cut
from omniagent.tools.record.files import write_whole

SHEET_FILE: Final = "index.html"
_SIDE: Final = 240
_GOOD: Final = ("accepted", "answered")
_BAD: Final = ("error", "failed", "refused")


class Card(NamedTuple):
    """One run of a sheet; `picture` and `report` are paths relative to the sheet's folder, or None."""

    name: str
    task: str
    status: str
    note: str
    picture: str | None
    report: str | None


def write_sheet(folder: Path, title: str, cards: Sequence[Card]) -> Path:
    """Write the page into the folder; returns its path.

    Raises:
        OutputUnwritable, StorageFull: it cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    counts = Counter(card.status.replace("_", " ") for card in cards)
    page = environment.get_template("sheet.html.j2").render(
        title=title, counts=counts.most_common(), cards=[_shown(folder, card) for card in cards]
    )
    write_whole(folder / SHEET_FILE, page.encode(errors="replace"))
    return folder / SHEET_FILE


def _shown(folder: Path, card: Card) -> dict[str, str | None]:
    tone = "good" if card.status in _GOOD else "bad" if card.status in _BAD else "middling"
    return {
        "name": card.name,
        "task": cut(card.task, 200),
        "status": card.status.replace("_", " "),
        "note": cut(card.note, 200),
        "tone": tone,
        "picture": None if card.picture is None else quote(card.picture),
        "report": None if card.report is None else quote(card.report),
        "thumbnail": None if card.picture is None else _thumbnail(folder / card.picture),
    }


def _thumbnail(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except OSError:
        return None
    small.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
