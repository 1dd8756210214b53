"""A hundred replies of grounding models in their three formats: boxes in the picture's pixels, or a fault."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest
import yaml
from PIL import Image
from pydantic import BaseModel, ConfigDict, TypeAdapter

from omniagent.model.profile import CRITICS
from omniagent.model.requests import Completion
from omniagent.tools.dialects import DIALECTS
from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.types import Box
from tests.tools.dialects.plain.consultations import ScriptedConsultation


class Recorded(BaseModel):
    """One reply; `boxes` are (label, left, top, right, bottom) in pixels of a picture of `size`."""

    model_config = ConfigDict(extra="forbid")

    size: tuple[int, int]
    things: tuple[str, ...] = ()
    question: str = ""
    reply: str
    boxes: tuple[tuple[str, float, float, float, float], ...] = ()
    fault: bool = False
    holds: bool | None = None


RECORDED: Final = TypeAdapter(dict[str, list[Recorded]]).validate_python(
    yaml.safe_load(Path(__file__).with_name("grounding_replies.yaml").read_text(encoding="utf-8"))
)
FAMILIES: Final = {"pixels": "qwen2.5-vl", "thousandths": "qwen3-vl"}


def test_there_are_a_hundred_replies_of_three_formats() -> None:
    assert sum(len(replies) for replies in RECORDED.values()) == 100
    assert set(RECORDED) == {"pixels", "thousandths", "places"}


@pytest.mark.parametrize("form", ["pixels", "thousandths"])
def test_boxes_are_mapped_to_the_pictures_pixels_and_faults_are_unreadable(form: str) -> None:
    wrong: list[str] = []
    for one in RECORDED[form]:
        critic = ScriptedConsultation(one.reply, profile=CRITICS[FAMILIES[form]])
        try:
            found = DIALECTS["plain"].locate(Image.new("RGB", one.size), one.things, critic)
        except Unreadable:
            found = None
        told = None if found is None else written(found)
        if told != (None if one.fault else expected(one)):
            wrong.append(f"{one.reply!r}: {told}")
    assert not wrong


def test_the_places_of_the_bundled_notation_are_ninths_of_the_picture() -> None:
    listed = DIALECTS["listed"]
    for one in RECORDED["places"]:
        assert listed.described(one.question, one.reply) is one.holds, one
        assert written(listed.places(one.question, one.reply, one.size)) == expected(one), one


def test_a_reply_that_was_cut_at_its_token_limit_tells_no_boxes() -> None:
    whole = '[{"bbox_2d": [10, 20, 110, 220], "label": "fox"}]'
    critic = ScriptedConsultation(Completion(text=whole, cut=True), profile=CRITICS["qwen2.5-vl"])
    with pytest.raises(Unreadable, match="cut at the token limit"):
        DIALECTS["plain"].locate(Image.new("RGB", (640, 480)), ("fox",), critic)


def expected(one: Recorded) -> Counter[tuple[str, ...]]:
    return Counter((label, *(f"{number:.1f}" for number in box)) for label, *box in one.boxes)


def written(boxes: tuple[Box, ...]) -> Counter[tuple[str, ...]]:
    return Counter(
        (box.label, *(f"{number:.1f}" for number in (box.left, box.top, box.right, box.bottom))) for box in boxes
    )
