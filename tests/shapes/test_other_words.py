"""Lessons in other people's words: their share, their split, and that the rest stays as it was."""

import re
from collections import Counter

import numpy as np
import pytest

from omniagent.model.training.lesson_packing import Lesson
from omniagent.shapes.evaluation.suites import SAID_SUITES, tasks_of
from omniagent.shapes.said.tasks import said_task
from omniagent.shapes.said.vocabulary import Speech
from omniagent.shapes.tasks.task import KINDS, Kind
from omniagent.shapes.training import lessons
from omniagent.shapes.training.lessons import LessonMix, lesson_batches
from omniagent.shapes.training.wordings import wordings
from omniagent.shapes.words.frames import all_frames
from omniagent.tools.dialects.listed import lexicon

MIX = LessonMix(scenes=2, plans=24, seen_plans=12, repairs=1, captions=1)


def told(mix: LessonMix, steps: int = 6) -> list[Lesson]:
    make = lesson_batches(0, mix)
    return [lesson for step in range(steps) for group in make(step).groups for lesson in group]


def test_without_a_share_the_lessons_are_as_they_ever_were():
    assert LessonMix().said == 0
    usual, other = told(MIX), told(LessonMix(**{**MIX.__dict__, "said_outside": 0.5}))
    assert usual == other


def test_the_share_of_plans_in_other_words_is_what_was_set():
    asked: Counter[str] = Counter()

    class Counted(lessons.OtherWords):
        def plan(self, kind: lessons.PlanKind):
            made = super().plan(kind)
            asked["said" if made is not None else "usual"] += 1
            asked["outside"] += made is not None and kind == "text" and made.kind == "outside"
            asked["text"] += made is not None and kind == "text"
            return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lessons, "OtherWords", Counted)
        topics = Counter(lesson.topic for lesson in told(LessonMix(**{**MIX.__dict__, "said": 0.45}), 12))
    assert topics["plan"] == 24 * 12 and topics["plan_seen"] == 12 * 12
    assert 0.35 < asked["said"] / (asked["said"] + asked["usual"]) < 0.55
    assert 0.12 < asked["outside"] / asked["text"] < 0.36


def test_lessons_show_no_held_out_frame_and_no_scene_of_the_test(monkeypatch: pytest.MonkeyPatch):
    from omniagent.shapes.said import chinese, draws, edits, filling, outside, questions, references

    used: set[str] = set()
    fill = filling.filled

    def watched(frame, slots):
        used.add(frame.wording)
        return fill(frame, slots)

    for module in (draws, edits, references, questions, outside, chinese, filling):
        monkeypatch.setattr(module, "filled", watched)
    told(LessonMix(**{**MIX.__dict__, "said": 1.0}))
    assert used == {"train"}
    used.clear()
    for suite in SAID_SUITES:
        tasks_of(suite, limit=20)
    assert used == {"test"}


@pytest.mark.parametrize("kind", KINDS)
def test_requests_of_lessons_hold_no_synonym_of_the_test(kind: Kind):
    words = lexicon.load(held_out=False)
    frames = " ".join(frame.text for frame in all_frames() if frame.wording == "train")
    categories = ("sizes", "fills", "colours", "shapes", "backgrounds", "relations", "places", "numbers")
    entries = [(category, own) for category in categories for own in words.canonicals(category)]
    known = frames + " ".join(way for entry in entries for way in (*words.ways(*entry), *words.known(*entry)))
    held_out = {way for entry in entries for way in words.held_out_ways(*entry)}
    # Known words side by side may look like a new way: "the upper right-hand of image 1".
    kept = {way for way in held_out if not set(re.findall(r"[a-z]+", way)) <= set(re.findall(r"[a-z]+", known))}
    assert len(kept) > 60
    rng = np.random.default_rng(1)
    for _ in range(400):
        said = said_task(rng, kind, Speech()).instruction.lower()
        found = [way for way in kept if re.search(rf"\b{re.escape(way)}s?\b", said)]
        assert not found, (said, found)


def test_a_suite_of_synonyms_has_one_new_word_in_each_request():
    for task in tasks_of("draw-synonym", limit=30):
        assert task.new_word is not None
        assert re.search(re.escape(task.new_word.split()[0]), task.instruction, re.IGNORECASE)


def test_figures_by_wording_come_from_a_fixed_sample():
    batch, again = wordings(4), wordings(4)
    assert batch.groups == again.groups
    assert {group[0].topic for group in batch.groups} == {
        "plan_old", "plan_frames", "plan_unseen", "plan_chinese", "plan_outside", "plan_edits",
    }  # fmt: skip
