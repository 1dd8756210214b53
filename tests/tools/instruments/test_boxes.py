"""Boxes: replies of grounding models read in three forms, and requirements decided by arithmetic on them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from omniagent.model.profile import CRITICS, CriticProfile
from omniagent.model.requests import Prompt, Writing
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.dialects import DIALECTS
from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.listed.described import holds_as_described
from omniagent.tools.dialects.pixels import size_within
from omniagent.tools.dialects.plain.grounding.boxes import read_boxes
from omniagent.tools.instruments.boxes import boxes_evidence
from omniagent.tools.types import Box, Requirement, RequirementKind, Verdict
from tests.tools.instruments.test_evidence import counting, looked_at

PHOTO = (4032, 3024)
SENT = size_within(*PHOTO, 1_000_000)


def written(boxes: list[tuple[str, list[float]]], style: int) -> str:
    """A reply with these boxes, as models word it."""
    objects = [{"bbox_2d": box, "label": label} for label, box in boxes]
    match style % 5:
        case 0:
            return json.dumps(objects)
        case 1:
            return f"Here are the boxes:\n```json\n{json.dumps(objects, indent=1)}\n```"
        case 2:
            return json.dumps({"objects": [{"label": one["label"], "bbox": one["bbox_2d"]} for one in objects]})
        case 3:
            return str(objects)
        case _:
            return "\n".join(json.dumps(one) for one in objects) + "\nThat is all."


def of_sent(rng: np.random.Generator, sent: tuple[int, int]) -> list[float]:
    x, y = sorted(rng.integers(0, sent[0], 2)), sorted(rng.integers(0, sent[1], 2))
    return [int(x[0]), int(y[0]), int(x[1]) + 1, int(y[1]) + 1]


@pytest.mark.parametrize("sent", [SENT, (1000, 1000)], ids=["pixels", "thousandths"])
def test_replies_of_both_formats_are_mapped_back_to_the_pictures_pixels(sent: tuple[int, int]) -> None:
    for seed in range(35):
        rng = np.random.default_rng(seed)
        boxes = [(("fox", "red tent")[number % 2], of_sent(rng, sent)) for number in range(1 + seed % 3)]
        found = read_boxes(written(boxes, seed), sent=sent, size=PHOTO, things=("fox", "red tent"))
        assert [one.label for one in found] == [label for label, _ in dict.fromkeys((a, tuple(b)) for a, b in boxes)]
        for one, (_, box) in zip(found, boxes, strict=False):
            assert one.left == pytest.approx(box[0] / sent[0] * PHOTO[0])
            assert one.bottom == pytest.approx(min(1.0, box[3] / sent[1]) * PHOTO[1])


@pytest.mark.parametrize(
    "box",
    [
        [-200, 0, 50, 50], [0, 0, 5000, 50], [0, 0, 50], [0, 0, 50, 50, 60], ["a", 0, 1, 2], "10, 10, 20, 20",
        [10, 10, 10, 40], [None, 1, 2, 3], [True, 0, 5, 5], [0, 0, 1e9, 1e9], {}, [[0, 0], [5, 5]], [5, 5, 5, 5],
    ],
)  # fmt: skip
def test_boxes_at_fault_are_unreadable_and_never_a_verdict(box: object) -> None:
    for style in range(2):
        good = {"bbox_2d": [1, 1, 40, 40], "label": "fox"}
        reply = json.dumps([good, {"bbox_2d": box, "label": "fox"}])
        with pytest.raises(Unreadable):
            read_boxes(reply if style else f"```json\n{reply}\n```", sent=SENT, size=PHOTO, things=("fox",))


@pytest.mark.parametrize("text", ["", "I see three foxes.", '{"count": 3}', "a few"])
def test_a_reply_without_boxes_is_unreadable_and_an_empty_list_is_none(text: str) -> None:
    with pytest.raises(Unreadable):
        read_boxes(text, sent=SENT, size=PHOTO, things=("fox",))
    assert read_boxes("[]", sent=SENT, size=PHOTO, things=("fox",)) == ()


def test_swapped_corners_and_a_little_overhang_name_the_same_box() -> None:
    (box,) = read_boxes(
        f'[{{"bbox_2d": [300, 200, 100, {SENT[1] + 5}], "label": "foxes"}}]', sent=SENT, size=SENT, things=("fox",)
    )
    assert (box.label, box.left, box.right, box.top, box.bottom) == ("fox", 100, 300, 200, SENT[1])


def test_labels_of_nothing_that_was_asked_for_are_left_out() -> None:
    reply = '[{"bbox_2d": [1,1,9,9], "label": "dog"}, {"bbox_2d": [1,1,9,9], "label": "small fox"}]'
    assert [one.label for one in read_boxes(reply, sent=SENT, size=PHOTO, things=("fox",))] == ["fox"]


def test_an_unknown_label_leaves_things_without_a_box_unread() -> None:
    reply = '[{"bbox_2d": [1,1,9,9], "label": "Zelt"}, {"bbox_2d": [1,1,9,9], "label": "small fox"}]'
    with pytest.raises(Unreadable, match="'Zelt' names none of fox, tent"):
        read_boxes(reply, sent=SENT, size=PHOTO, things=("fox", "tent"))


def need(kind: RequirementKind, question: str) -> Requirement:
    return Requirement(id="r1", kind=kind, question=question, stated=DIALECTS["plain"].stated(kind, question))


def at(label: str, x: float, y: float, side: float = 10) -> Box:
    return Box(label=label, left=x, top=y, right=x + side, bottom=y + side)


@pytest.mark.parametrize(
    ("kind", "question", "boxes", "answer"),
    [
        ("presence", "Is there a fox?", [at("fox", 5, 5)], "yes"),
        ("presence", "Is there a fox in the picture?", [], "no"),
        ("count", "Are there exactly two foxes?", [at("foxes", 5, 5), at("foxes", 50, 5)], "yes"),
        ("count", "Are there exactly two foxes?", [at("foxes", 5, 5)], "no"),
        ("relation", "Is the fox to the left of the tent?", [at("fox", 5, 5), at("tent", 70, 5)], "yes"),
        ("relation", "Is the fox to the right of the tent?", [at("fox", 5, 5), at("tent", 70, 5)], "no"),
        ("relation", "Is the fox above the tent?", [at("fox", 5, 5), at("tent", 70, 6)], "unsure"),
        ("relation", "Is the fox below the tent?", [at("fox", 5, 60), at("tent", 70, 5), at("tent", 5, 90)], "unsure"),
        ("relation", "Is the fox inside the tent?", [at("fox", 20, 20, 5), at("tent", 10, 10, 40)], "yes"),
        ("relation", "Is the fox inside the tent?", [at("fox", 70, 20, 5), at("tent", 10, 10, 40)], "no"),
        ("relation", "Is the fox left of the tent?", [at("tent", 70, 5)], "no"),
        ("relation", "Are the two foxes left of the tent?", [at("foxes", 5, 5), at("tent", 70, 5)], "yes"),
    ],
)
def test_a_requirement_is_decided_by_arithmetic(
    kind: RequirementKind, question: str, boxes: list[Box], answer: str
) -> None:
    made = boxes_evidence(need(kind, question), boxes, (100, 100))
    assert made is not None and made.answer == answer and len(made.boxes) == len(boxes)


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        ("presence", "Is there no fox?"),
        ("presence", "Is there a fox on the roof?"),
        ("relation", "Is the fox holding the lamp?"),
        ("attribute", "Is the fox red?"),
    ],
)
def test_what_boxes_do_not_tell_is_left_to_the_question(kind: RequirementKind, question: str) -> None:
    assert boxes_evidence(need(kind, question), [], (100, 100)) is None


def seen_by(folder: Path, profile: CriticProfile, reply: Callable[[tuple[int, int]], str]) -> tuple[Verdict, int]:
    """The verdict on one count of a critic that locates, and how often it was asked for boxes."""

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> str:
        (shown,) = (part for part in prompt.parts if isinstance(part, Image.Image))
        return reply(shown.size)

    critic = ScriptedCritic(lambda prompt, question: 0.9, write, choices=counting("2"), profile=profile)
    (verdict,) = looked_at(folder, [need("count", "Are there exactly two foxes?")], critic)
    return verdict, sum(isinstance(call, Writing) for call in critic.calls)


@pytest.mark.parametrize("family", ["qwen2.5-vl", "qwen3-vl"])
def test_a_critic_that_locates_is_asked_once_in_its_own_numbers(tmp_path: Path, family: str) -> None:
    def reply(size: tuple[int, int]) -> str:
        side = 1000 if family == "qwen3-vl" else size[0]
        boxes = [[0, 0, side // 4, side // 4], [side // 2, 0, side, side // 2]]
        return json.dumps([{"bbox_2d": box, "label": "foxes"} for box in boxes])

    verdict, calls = seen_by(tmp_path, CRITICS[family], reply)
    assert (verdict.answer, calls) == ("yes", 1)
    assert [one.instrument for one in verdict.evidence] == ["probability", "number", "boxes"]
    assert [(box.left, box.right) for box in verdict.evidence[-1].boxes] == [(0, 16), (32, 64)]


def test_boxes_that_contradict_the_answer_or_cannot_be_read_leave_it_no_surer(tmp_path: Path) -> None:
    fewer, _ = seen_by(tmp_path / "a", CRITICS["qwen2.5-vl"], lambda size: '[{"bbox_2d": [0,0,9,9], "label": "foxes"}]')
    assert fewer.answer == "unsure"
    torn, _ = seen_by(tmp_path / "b", CRITICS["qwen2.5-vl"], lambda size: "a few foxes, here and there")
    assert (
        torn.evidence[-1].note.startswith("its boxes cannot be read: the reply holds no boxes")
        and torn.probability < 0.99
    )


@given(st.text(max_size=200))
def test_any_text_gives_boxes_inside_the_picture_or_is_unreadable(text: str) -> None:
    try:
        found = read_boxes(text, sent=(100, 50), size=(1000, 500), things=("fox",))
    except Unreadable:
        return
    assert all(0 <= one.left < one.right <= 1000 and 0 <= one.top < one.bottom <= 500 for one in found)


def test_the_places_of_the_listed_notation_decide_as_boxes_do() -> None:
    seen = "black background; star (red, left); ring (blue, right)"
    assert holds_as_described("Is the red star left of the blue ring?", seen) is True
    assert holds_as_described("Is the red star right of the blue ring?", seen) is False
