"""A check as one page without scripts or network, and as JSON."""

import base64
import io
from pathlib import Path
from typing import Final
from urllib.parse import quote

from PIL import Image

from omniagent.runs.pages import rendered
from omniagent.selfcheck.check import Checked, Report
from omniagent.tools.record.files import write_whole

PAGE: Final = "selfcheck.html"
DATA: Final = "selfcheck.json"
_SIDE: Final = 200


def write_report(out: Path, report: Report) -> Path:
    """Write page and JSON into the check's folder; the page's path.

    Raises:
        OutputUnwritable, StorageFull: they cannot be written.
    """
    rows = [_row(one, out) for one in report.tasks]
    page = rendered("selfcheck.html.j2", report=report, rows=rows)
    write_whole(out / DATA, report.model_dump_json(indent=1).encode())
    write_whole(out / PAGE, page.encode(errors="replace"))
    return out / PAGE


def _row(one: Checked, out: Path) -> dict[str, object]:
    marks = {"ended": one.ended, "plan read": one.read, "mode": one.mode_right, "words kept": one.words_kept}
    if one.answer_right is not None:
        marks["answer"] = one.answer_right
    return {
        "one": one,
        "marks": marks,
        "report": None if one.report is None else quote(one.report),
        "thumbnail": None if one.picture is None else _thumbnail(out / one.picture),
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
