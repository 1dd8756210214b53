"""How many right and wrong edits of photographs the instruments tell, with boxes and without."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.photo_edits import right_edits, wrong_edits
from tests.tools.instruments.test_photo_edits import judged_edit


def compare() -> Iterator[tuple[str, float, str]]:
    """Right edits that are flagged and wrong ones that pass, by who looks and whether things are located.

    `sees` answers the pair questions truly, `yes` answers all of them with yes, so that pixels alone can object.
    """
    right, wrong = right_edits(), wrong_edits()
    for critic, sees in (("sees", True), ("yes", False)):
        for where, locates in (("boxes", True), ("no_boxes", False)):
            with tempfile.TemporaryDirectory() as folder:
                flagged = sum(not judged_edit(Path(folder), one, sees=sees, locates=locates).accepted for one in right)
                passed = sum(judged_edit(Path(folder), one, sees=sees, locates=locates).accepted for one in wrong)
            yield f"photo_edits_{critic}_{where}_right_flagged", flagged, f"of {len(right)}"
            yield f"photo_edits_{critic}_{where}_wrong_passed", passed, f"of {len(wrong)}"
