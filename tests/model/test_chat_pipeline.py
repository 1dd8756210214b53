"""The chat: words or a picture, by how the answer begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from omniagent.model.errors import BadSetting, BadTask
from omniagent.model.pipeline.chat import OmniGen2ChatPipeline
from tests.support.tiny_omnigen2 import SIDE, tiny_pipeline, tiny_transformer

RED, BLUE = Image.new("RGB", (48, 64), (200, 30, 30)), Image.new("RGB", (64, 48), (20, 40, 220))
TALK, DRAW = "Tell me about the weather today", "a photo of a small cat on a red chair"


@pytest.fixture(scope="module")
def chat() -> Iterator[OmniGen2ChatPipeline]:
    parts = tiny_pipeline().components | {"transformer": tiny_transformer(axes_lens=(512, 128, 128))}
    pipeline = OmniGen2ChatPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    yield pipeline


def test_a_question_is_answered_in_words_and_a_wish_for_a_picture_with_one(chat: OmniGen2ChatPipeline) -> None:
    said = chat(TALK, max_new_tokens=8)
    assert said.images is None and said.text and not said.text.startswith("<|")
    drawn = chat(DRAW, width=SIDE, height=SIDE, num_inference_steps=1)
    assert drawn.text == "" and drawn.spoken == "<|img|>"
    assert isinstance(drawn.images, list) and drawn.images[0].size == (SIDE, SIDE)


def test_pictures_are_seen_by_the_text_model_in_their_order(chat: OmniGen2ChatPipeline) -> None:
    settings = {"width": SIDE, "height": SIDE, "num_inference_steps": 1, "output_type": "np"}
    noise = chat.prepare_latents(1, SIDE, SIDE)
    first, swapped = (
        chat.draw(DRAW, pictures, ref_latents=[[]], latents=noise, **settings)
        for pictures in ([RED, BLUE], [BLUE, RED])
    )
    assert not np.array_equal(first, swapped)


def test_an_answer_can_be_stopped_and_cut(chat: OmniGen2ChatPipeline) -> None:
    asked: list[bool] = []
    chat(TALK, max_new_tokens=50, stop=lambda: bool(asked.append(True)) or len(asked) == 2)
    assert len(asked) == 2
    assert len(chat.answer(TALK, max_new_tokens=1)) < len(chat.answer(TALK, max_new_tokens=8))


def test_bad_messages_are_named(chat: OmniGen2ChatPipeline) -> None:
    with pytest.raises(BadTask, match="int 3"):
        chat(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadTask, match="image_pad"):
        chat("what is <|image_pad|>?")
    with pytest.raises(BadSetting, match="max_new_tokens=0"):
        chat(TALK, max_new_tokens=0)
