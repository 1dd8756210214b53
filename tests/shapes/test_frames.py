"""Sentence frames: each can be filled, and lessons and evaluations have none in common."""

from collections import Counter

import numpy as np
import pytest

from omniagent.shapes.said.tasks import said_task
from omniagent.shapes.said.vocabulary import Speech
from omniagent.shapes.tasks.task import KINDS, Kind
from omniagent.shapes.words.frames import all_frames, frames_of

LANGUAGES = [(kind, False) for kind in KINDS] + [("draw", True), ("edit", True), ("question", True)]


def test_there_are_hundreds_of_frames_and_a_fifth_is_held_out():
    frames = all_frames()
    held_out = [frame for frame in frames if frame.wording == "test"]
    assert len(frames) > 1000
    assert 0.17 < len(held_out) / len(frames) < 0.25
    assert all(frames_of(kind, "test") for kind in {frame.kind for frame in frames})


def test_no_frame_is_both_for_lessons_and_held_out():
    known = {(frame.kind, frame.text) for frame in frames_in("train")}
    assert not known & {(frame.kind, frame.text) for frame in frames_in("test")}


def test_no_frame_stands_twice_in_its_kind_but_the_usual_ones():
    twice = [key for key, number in Counter((f.kind, f.form, f.text) for f in all_frames()).items() if number > 1]
    assert len(twice) < 6


@pytest.mark.parametrize(("kind", "chinese"), LANGUAGES)
def test_every_frame_of_a_kind_comes_to_be_used(kind: Kind, chinese: bool, monkeypatch: pytest.MonkeyPatch):
    """A frame that never fits is no way to say anything."""
    from omniagent.shapes.said import chinese as foreign
    from omniagent.shapes.said import draws, edits, filling, outside, questions, references

    used: set[tuple[str, str]] = set()
    fill = filling.filled

    def watched(frame, slots):
        used.add((frame.kind, frame.text))
        return fill(frame, slots)

    for module in (draws, edits, references, questions, outside, foreign, filling):
        monkeypatch.setattr(module, "filled", watched)
    rng = np.random.default_rng(0)
    prefix = f"zh {kind}" if chinese else kind
    expected = {
        (frame.kind, frame.text)
        for frame in frames_in("test")
        if frame.kind.startswith(prefix) or (kind == "draw" and not chinese and " " not in frame.kind)
    }
    for _ in range(4000):
        said_task(rng, kind, Speech("test", chinese=chinese), "train")
        if used >= expected:
            break
    assert expected and not expected - used


def frames_in(wording: str):
    return [frame for frame in all_frames() if frame.wording == wording]
