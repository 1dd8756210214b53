"""A contact sheet: many runs on one self-contained page, each with a small picture, its status and its task."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from omniagent.model.wording import cut
from omniagent.runs.pages import rendered, small_picture
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
    counts = Counter(card.status.replace("_", " ") for card in cards)
    page = rendered(
        "sheet.html.j2", title=title, counts=counts.most_common(), cards=[_shown(folder, card) for card in cards]
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
        "thumbnail": None if card.picture is None else small_picture(folder / card.picture, _SIDE),
    }
