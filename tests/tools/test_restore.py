"""The tool that takes back what an edit changed beside its change, by the places that a critic tells."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.requests import CancelToken
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.dialects import dialect_of
from omniagent.tools.drawing.restore import RESTORE, RestoreIn
from omniagent.tools.intake.region import Region
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Box, ChangeMap, Critique, Evidence, Requirement, Stated, Verdict
from tests.support.scripted_runs import LISTED
from tests.support.two_things import GIVEN, STRAY, WANTED, scene


def context_of(folder: Path, store: ImageStore) -> ToolContext:
    return ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), ScriptedCritic()),
        store=store,
        trace=Trace(folder / "trace.jsonl", "test"),
        token=CancelToken(),
        calls=CallMeter(10),
    )


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_beside_another_background_the_things_come_back_where_a_line_says_that_they_were_not_kept(
    tmp_path: Path, answer: str
):
    store, after = ImageStore(tmp_path / "images"), scene("red", "purple")
    after.paste("gray", mask=Image.eval(after.convert("L"), lambda level: 255 if level == 255 else 0))
    kept = Requirement(
        id="r1", kind="preservation", question="Are they as before?", stated=Stated(keeps="scene", reach="surroundings")
    )
    verdict = Verdict.model_validate({"requirement": "r1", "answer": answer, "probability": 0.5})
    made = RESTORE(
        RestoreIn(
            source=store.put(GIVEN),
            picture=store.put(after),
            checklist=(kept,),
            critique=Critique(attempt="a1", verdicts=(verdict,)),
        ),
        context_of(tmp_path, store),
    )
    assert (made.image is not None) is (answer == "no")
    if made.image is not None:
        whole = store.get(made.image).convert("RGB")
        assert whole.getpixel((106, 68)) == (0, 0, 255) and whole.getpixel((64, 5)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("answer", "outside", "taken"), [("no", 0.4, True), ("yes", 0.0, False), ("unsure", None, False)]
)
def test_a_critic_that_locates_has_taken_back_what_the_pixels_say_was_not_kept(
    tmp_path: Path, answer: str, outside: float | None, taken: bool
):
    store = ImageStore(tmp_path / "images")
    box = Box(label="square", left=5, top=45, right=40, bottom=85)
    piece = Evidence.model_validate(
        {
            "instrument": "pixels",
            "answer": answer,
            "probability": 0.1,
            "boxes": [box],
            "given": [box],
            "changed": ChangeMap(rows=("00", "09"), outside=outside),
        }
    )
    verdict = Verdict.model_validate({"requirement": "r1", "answer": answer, "probability": 0.1, "evidence": [piece]})
    kept = Requirement(id="r1", kind="preservation", question="Is all but the square as it was?")
    made = RESTORE(
        RestoreIn(
            source=store.put(GIVEN),
            picture=store.put(STRAY),
            checklist=(kept,),
            seen="a red square",
            critique=Critique(attempt="a1", verdicts=(verdict,)),
        ),
        context_of(tmp_path, store),
    )
    assert (made.image is not None) is taken
    if made.image is not None:
        assert store.get(made.image).convert("RGB").tobytes() == WANTED.tobytes() and made.look


def test_outside_of_the_region_that_a_person_set_another_background_does_not_come(tmp_path: Path):
    store, after = ImageStore(tmp_path / "images"), scene("red", "purple")
    after.paste("gray", mask=Image.eval(after.convert("L"), lambda level: 255 if level == 255 else 0))
    mask = Image.new("L", GIVEN.size, 255)
    mask.paste(0, (0, 0, 128, 32))
    lines = ("Is there a square (red, left)?", "Is there a star (blue, right)?", "Is the background gray?")
    dialect = dialect_of(LISTED)
    checklist = tuple(
        Requirement(id=f"r{n}", kind="presence", question=line, stated=dialect.stated("presence", line))
        for n, line in enumerate(lines, 1)
    )
    asked = RestoreIn(
        source=store.put(GIVEN),
        picture=store.put(after),
        checklist=checklist,
        seen="white background; square (red, left); star (blue, right)",
        critique=Critique(attempt="a1", verdicts=()),
    )
    free = context_of(tmp_path, store)
    free = replace(free, runtime=ModelRuntime(ScriptedGenerator(), ScriptedCritic(profile=LISTED)))
    for context, above in ((free, (128, 128, 128)), (replace(free, region=Region(GIVEN, mask)), (255, 255, 255))):
        made = RESTORE(asked, context)
        assert made.image is not None
        whole = store.get(made.image).convert("RGB")
        assert whole.getpixel((64, 5)) == above and whole.getpixel((64, 100)) == (128, 128, 128)
