"""What a call of the pipeline takes and in which forms, and that everything else is refused before any drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from omniagent.model.errors import BadImage, BadSetting, BadTask
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.support.tiny_omnigen2 import tiny_pipeline

RED = Image.new("RGB", (48, 64), (200, 30, 30))


@pytest.fixture(scope="module")
def pipeline() -> OmniGen2Pipeline:
    return tiny_pipeline()


def _seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _draw(pipeline: OmniGen2Pipeline, prompt: str, **settings: Any) -> np.ndarray:
    return pipeline(prompt, **{"output_type": "np", "num_inference_steps": 2} | settings).images


ODD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"prompt": 5}, BadTask, "a prompt is int 5; give text"),
    ({"prompt": b"x"}, BadTask, "a prompt is bytes"),
    ({"negative_prompt": 5}, BadTask, "a prompt is int 5; give text"),
    ({"input_images": "cat.png"}, BadImage, "input_images is str 'cat.png'"),
    ({"input_images": 5}, BadImage, "input_images is int 5"),
    ({"input_images": np.zeros((4, 4, 3))}, BadImage, "input_images is ndarray"),
    ({"num_inference_steps": 1.5}, BadSetting, "num_inference_steps=1.5 .* a whole number from 1 to 1000"),
    ({"num_inference_steps": "3"}, BadSetting, "num_inference_steps='3' .* a whole number from 1 to 1000"),
    ({"timesteps": "soon"}, BadSetting, "timesteps='soon' .* rising times"),
    ({"timesteps": [0.0, "x"]}, BadSetting, "timesteps=.* rising times"),
    ({"height": "32"}, BadSetting, "height='32' .* whole number of pixels from 16 to 4096"),
    ({"height": 32.5}, BadSetting, "height=32.5 .* whole number of pixels from 16 to 4096"),
    ({"width": 32.5}, BadSetting, "width=32.5 .* whole number of pixels from 16 to 4096"),
    ({"width": True}, BadSetting, "width=True .* whole number of pixels from 16 to 4096"),
    ({"max_pixels": "9000"}, BadSetting, "max_pixels='9000' .* whole number from 256"),
    (
        {"input_images": [RED], "max_input_image_side_length": 64.5},
        BadSetting,
        "max_input_image_side_length=64.5 .* whole number from 16 to 4096",
    ),
    ({"text_guidance_scale": "4"}, BadSetting, "text_guidance_scale='4' .* a number from 0 to 100"),
    ({"text_guidance_scale": 10**400}, BadSetting, "text_guidance_scale=10.* a number from 0 to 100"),
    ({"image_guidance_scale": [2.0]}, BadSetting, r"image_guidance_scale=\[2.0\] .* a number from 0 to 100"),
    ({"cfg_range": 0.5}, BadSetting, r"cfg_range=0.5 .* \(start, end\)"),
    ({"cfg_range": (0.5,)}, BadSetting, r"cfg_range=\(0.5,\) .* \(start, end\)"),
    ({"cfg_range": (0.0, 0.5, 1.0)}, BadSetting, r"cfg_range=\(0.0, 0.5, 1.0\) .* \(start, end\)"),
    ({"cfg_range": ()}, BadSetting, r"cfg_range=\(\) .* \(start, end\)"),
    ({"cfg_range": ("0", "1")}, BadSetting, r"cfg_range='0' .* \(start, end\)"),
    ({"num_images_per_prompt": 1.5}, BadSetting, "num_images_per_prompt=1.5 .* a whole number from 1 to 64"),
    ({"max_sequence_length": 1.5}, BadSetting, "max_sequence_length=1.5 .* a whole number of tokens from 1 to 1024"),
    ({"generator": 5}, BadSetting, "generator=5 .* a torch.Generator, or a list"),
    ({"generator": [5]}, BadSetting, r"generator=\[5\] .* a torch.Generator, or a list"),
    ({"reference_generator": _seeded(1)}, BadSetting, "reference_generator=.* a torch.Generator or None"),
    ({"latents": [1]}, BadSetting, r"latents have type list; give a tensor \(1, 16, 6, 6\)"),
    ({"ref_latents": 5}, BadSetting, "ref_latents has int; give a list"),
    ({"ref_latents": [torch.zeros(16, 2, 2)]}, BadSetting, "an entry of ref_latents is Tensor; give lists of tensors"),
    ({"prompt_embeds": 5}, BadSetting, "prompt_embeds is int; give a tensor"),
    ({"prompt_embeds": torch.zeros(3, 64)}, BadSetting, r"prompt_embeds is \(3, 64\); give a tensor"),
    ({"negative_prompt_embeds": [1]}, BadSetting, "negative_prompt_embeds is list; give a tensor"),
    (
        {"negative_prompt_embeds": torch.zeros(2, 3, 64), "negative_prompt_attention_mask": "all"},
        BadSetting,
        "the mask of negative_prompt_embeds is str",
    ),
    ({"negative_prompt_embeds": torch.ones(3, 3, 64)}, BadSetting, "3 negative prompts were given for 1 prompts"),
]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    ODD,
    ids=[f"{[*change][-1]}: {type([*change.values()][-1]).__name__}" for change, _, _ in ODD],
)
def test_what_is_of_no_possible_type_is_named_before_anything_is_drawn(
    pipeline: OmniGen2Pipeline, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    steps: list[int] = []
    with pytest.raises(kind, match=message):
        pipeline(
            **{"prompt": "x", "num_inference_steps": 1} | change,
            callback_on_step_end=lambda step, _total, _latents: steps.append(step),
        )
    assert not steps


def test_numbers_of_numpy_are_taken_like_pythons(pipeline: OmniGen2Pipeline) -> None:
    plain = _draw(
        pipeline,
        "x",
        height=64,
        width=32,
        num_images_per_prompt=2,
        max_sequence_length=9,
        text_guidance_scale=3.0,
        cfg_range=(0.0, 0.5),
        generator=_seeded(3, 4),
    )
    numpys = _draw(
        pipeline,
        "x",
        num_inference_steps=np.int64(2),
        height=np.int32(64),
        width=np.uint16(32),
        num_images_per_prompt=np.int64(2),
        max_sequence_length=np.int64(9),
        text_guidance_scale=np.float32(3.0),
        cfg_range=np.array([0.0, 0.5]),
        generator=_seeded(3, 4),
    )
    assert np.array_equal(plain, numpys)


def test_one_picture_and_no_negative_prompt_may_be_given_as_they_are(pipeline: OmniGen2Pipeline) -> None:
    listed = _draw(pipeline, "x", input_images=[RED], negative_prompt="", generator=_seeded(3))
    bare = _draw(pipeline, "x", input_images=RED, negative_prompt=None, generator=_seeded(3))
    assert np.array_equal(listed, bare)
    assert torch.equal(pipeline.encode_references(RED)[0], pipeline.encode_references([RED])[0])
