"""Edits of real photos: right ones are let through and wrong ones are not, by pixels and by the pair question."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.model.profile import CRITICS
from omniagent.model.requests import CancelToken, Prompt
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedFinder, ScriptedGenerator
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects.plain.stated import CHANGED, PEOPLE_KEPT, kept_lines, stated_of
from omniagent.tools.instruments.preservation import over_edit
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Critique, Reach, Requirement
from tests.support.photo_edits import FACES, SUBJECTS, PhotoEdit, right_edits, wrong_edits

SURE = 0.95


def lines_of(request: str, reach: Reach | None) -> tuple[Requirement, ...]:
    """The built-in lines of a change."""
    return tuple(
        Requirement(id=f"r{number}", kind=one.kind, question=one.question, stated=stated_of(one.kind, one.question))
        for number, one in enumerate(kept_lines(request, reach), 1)
    )


def truth(edit: PhotoEdit) -> Callable[[Prompt, str], float]:
    """The answers of a critic that sees both pictures truly."""

    def answer(prompt: Prompt, question: str) -> float:
        holds = edit.made if CHANGED in question else edit.people if PEOPLE_KEPT in question else edit.scene
        return SURE if holds else 1 - SURE

    return answer


def boxes(edit: PhotoEdit) -> Callable[[Prompt, type[BaseModel] | None], str]:
    """The places of a change, of its main subject and of faces, as a critic writes them."""

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> str:
        found = [("change", box) for box in edit.boxes] + [("stays", SUBJECTS[edit.photo])]
        found += [("face", FACES[edit.photo])] if edit.photo in FACES else []
        return json.dumps([{"bbox_2d": box, "label": label} for label, box in found])

    return write


def judged(
    folder: Path,
    before: Image.Image,
    after: Image.Image,
    critic: ScriptedCritic,
    request: str = "make it red",
    reach: Reach | None = "part",
    finder: ScriptedFinder | None = None,
    more: tuple[Requirement, ...] = (),
) -> Critique:
    """What is said of a new picture by the built-in lines, and by more."""
    store = ImageStore(folder / "images")
    context = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), critic, detector=finder),
        store=store,
        trace=Trace(folder / "trace.jsonl", "test"),
        token=CancelToken(),
        calls=CallMeter(50),
    )
    attempt = Attempt(id="a1", image=store.put(after), instruction=request, seed=0)
    lines = (*lines_of(request, reach), *more)
    return CRITIQUE(CritiqueIn(attempt=attempt, checklist=lines, source=store.put(before)), context).critique


def judged_edit(folder: Path, edit: PhotoEdit, *, sees: bool, locates: bool) -> Critique:
    """By a critic that sees truly, or says yes to everything, and that locates or does not."""
    profile = CRITICS["qwen2.5-vl" if locates else "editscore"]
    critic = ScriptedCritic(truth(edit) if sees else (lambda prompt, question: SURE), boxes(edit), profile=profile)
    return judged(folder, edit.before, edit.after, critic, edit.request, edit.reach)


@pytest.mark.slow
def test_of_forty_right_edits_of_photos_at_most_four_are_flagged(tmp_path: Path) -> None:
    edits = right_edits()
    assert len(edits) == 40 and all(edit.right for edit in edits)
    flagged = [edit.name for edit in edits if not judged_edit(tmp_path, edit, sees=True, locates=True).accepted]
    assert len(flagged) <= 4, flagged


@pytest.mark.slow
def test_of_twenty_two_wrong_edits_pixels_let_at_most_two_pass_even_where_the_critic_says_yes_to_all(
    tmp_path: Path,
) -> None:
    edits = wrong_edits()
    assert len(edits) == 22 and not any(edit.right for edit in edits)
    passed = [edit.name for edit in edits if judged_edit(tmp_path, edit, sees=False, locates=True).accepted]
    assert len(passed) <= 2, passed
    # What the critic sees and the pixels show as well is a sure no, from which a repair may begin.
    sure = judged_edit(tmp_path, edits[0], sees=True, locates=True)
    assert [verdict.answer for verdict in sure.verdicts] == ["yes", "unsure", "no"]


def test_without_boxes_pixels_tell_of_what_fills_the_picture_and_leave_the_rest_to_the_critic(tmp_path: Path) -> None:
    whole = {"no hat", "not blue", "not green", "mirrored woman", "mirrored cat", "another photo", "drawn anew"}
    for edit in wrong_edits():
        if edit.name in whole:
            assert not judged_edit(tmp_path, edit, sees=False, locates=False).accepted, edit.name
    for edit in right_edits()[1::8]:
        assert judged_edit(tmp_path, edit, sees=True, locates=False).accepted, edit.name


def test_the_evidence_says_what_changed_and_where(tmp_path: Path) -> None:
    by_name = {edit.name: edit for edit in (*right_edits(), *wrong_edits())}
    hat = judged_edit(tmp_path / "a", by_name["hat"], sees=True, locates=True)
    scene = next(one for one in hat.verdicts[1].evidence if one.instrument == "pixels")
    assert scene.changed is not None and len(scene.changed.rows) == 32 and len(scene.changed.rows[0]) == 32
    top, below = "".join(scene.changed.rows[:5]), "".join(scene.changed.rows[8:])
    assert int(max(top)) >= 8 and set(below) <= {"0", "1"} and scene.changed.outside == hat.over_edit
    assert [box.label for box in scene.boxes] == ["change"] and hat.over_edit < 0.01

    swapped = judged_edit(tmp_path / "b", by_name["his face"], sees=True, locates=True)
    kept = swapped.verdicts[2]
    assert kept.answer == "no" and "contours of the face agree to 0." in kept.evidence[-1].note

    gone = judged_edit(tmp_path / "c", by_name["a bike on a beach"], sees=False, locates=True)
    assert gone.verdicts[1].answer == "unsure" and gone.over_edit > 0.3


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width)
    small = rng.integers(0, 256, (max(8, height // 4), max(8, width // 4), 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "new", "answer"),
    [
        (noise(120, 90), noise(120, 90).resize((118, 94)), "yes"),
        (noise(2560, 256), None, "yes"),
        (noise(64, 2000), None, "yes"),
        (noise(120, 90), noise(90, 120), "yes"),
        (Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "red"), "yes"),
        (noise(8, 8), None, "yes"),
        (noise(90, 90).convert("L"), None, "yes"),
        (noise(90, 90).convert("RGBA"), None, "yes"),
        (noise(90, 90), Image.new("RGB", (90, 90), "white"), "unsure"),
        (Image.new("RGB", (90, 90), "white"), noise(90, 90), "unsure"),
        (Image.new("RGB", (1, 1), "white"), Image.new("RGB", (1, 1), "black"), "yes"),
    ],
)
@pytest.mark.parametrize("reach", ["part", "surroundings", "look", "view", None])
def test_pictures_of_any_size_and_mode_are_judged(
    tmp_path: Path, given: Image.Image, new: Image.Image | None, answer: str, reach: Reach | None
) -> None:
    critic = ScriptedCritic(lambda prompt, question: SURE, profile=CRITICS["plain"])
    made = judged(tmp_path, given, given if new is None else new, critic, reach=reach)
    scene = made.verdicts[1]
    assert scene.answer in ("yes", answer)
    shown = [one.changed for one in scene.evidence if one.changed is not None]
    assert all(len(each.rows) <= 32 and len(each.rows[0]) <= 32 for each in shown)


@pytest.mark.parametrize(
    "reply",
    [
        '[{"bbox_2d": [900, 0, 1200, 50], "label": "change"}]',
        '[{"bbox_2d": [-90, -90, 10, 10], "label": "change"}]',
        '[{"bbox_2d": ["left", 1, 2, 3], "label": "change"}]',
        '[{"bbox_2d": [0, 0, 256, 256], "label": "change"}]',
        "the hat, of course",
        "",
        "[]",
    ],
)
def test_boxes_at_fault_or_of_the_whole_picture_leave_the_answer_to_the_critic(tmp_path: Path, reply: str) -> None:
    edit = right_edits()[0]
    critic = ScriptedCritic(truth(edit), lambda prompt, schema: reply, profile=CRITICS["qwen2.5-vl"])
    made = judged(tmp_path, edit.before, edit.after, critic, edit.request)
    assert made.accepted
    assert [one.answer for one in made.verdicts[1].evidence] == ["yes", "unsure"]


def test_boxes_of_the_given_picture_alone_tell_nothing_of_what_was_to_stay(tmp_path: Path) -> None:
    before, after = noise(240, 240), noise(240, 240)
    before.paste("red", (20, 20, 90, 90))
    after.paste("red", (140, 140, 210, 210))
    there = '[{"bbox_2d": [20, 20, 90, 90], "label": "change"}]'
    replies = iter([there, "somewhere in there"])
    profile = CRITICS["qwen2.5-vl"]
    critic = ScriptedCritic(lambda prompt, question: SURE, lambda prompt, schema: next(replies), profile=profile)
    made = judged(tmp_path, before, after, critic, "move the square to the lower right")
    pixels = next(one for one in made.verdicts[1].evidence if one.instrument == "pixels")
    assert pixels.answer == "unsure" and "is not known" in pixels.note
    assert pixels.changed is not None and pixels.changed.outside is None


def test_over_editing_is_a_share_of_the_change_by_boxes_where_they_are_known_and_else_by_patches(
    tmp_path: Path,
) -> None:
    by_name = {edit.name: edit for edit in (*right_edits(), *wrong_edits())}
    small = by_name["the cup gone too"]
    assert judged_edit(tmp_path / "a", small, sees=True, locates=True).over_edit > 0.2
    beach = by_name["on a beach besides"]
    assert judged_edit(tmp_path / "b", beach, sees=True, locates=False).over_edit == over_edit(
        beach.before, beach.after
    )


def test_a_detector_gives_the_boxes_in_place_of_the_critic(tmp_path: Path) -> None:
    by_name = {edit.name: edit for edit in (*right_edits(), *wrong_edits())}
    question = "Is there a hat?"
    there = Requirement(id="r4", kind="presence", question=question, stated=stated_of("presence", question))
    finder = ScriptedFinder(
        {"hat": [(66, 0, 152, 34)], "person": [SUBJECTS["astronaut"]], "face": [FACES["astronaut"]]}
    )

    def by_detector(name: str) -> Critique:
        edit = by_name[name]
        critic = ScriptedCritic(truth(edit), profile=CRITICS["qwen2.5-vl"])
        return judged(tmp_path, edit.before, edit.after, critic, edit.request, finder=finder, more=(there,))

    right = by_detector("hat")
    assert right.accepted
    assert {one.instrument for verdict in right.verdicts for one in verdict.evidence} == {
        "pair",
        "pixels",
        "probability",
        "boxes",
    }
    assert all(set(names) <= {"hat", "person", "animal", "face"} for names in finder.calls)
    swapped = by_detector("his face")
    assert [verdict.answer for verdict in swapped.verdicts] == ["yes", "unsure", "no", "yes"]
