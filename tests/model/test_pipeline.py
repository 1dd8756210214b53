"""The pipeline's promises: independence, caching, cancelling, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from omniagent.model.errors import BadImage, BadSetting, BadTask, Cancelled, GenerationFailed
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.support.tiny_omnigen2 import SIDE, tiny_pipeline

RED, BLUE = Image.new("RGB", (48, 64), (200, 30, 30)), Image.new("RGB", (80, 48), (20, 40, 220))


@pytest.fixture(scope="module")
def pipeline() -> Iterator[OmniGen2Pipeline]:
    yield tiny_pipeline()


def _seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _draw(pipeline: OmniGen2Pipeline, *prompts: str, **settings: Any) -> np.ndarray:
    settings = {"output_type": "np", "num_inference_steps": 2} | settings
    return pipeline(list(prompts), return_dict=False, **settings)[0]


def test_a_picture_does_not_depend_on_the_batch_it_is_in(pipeline: OmniGen2Pipeline) -> None:
    lists = [None, [RED], [BLUE, RED]]
    together = _draw(
        pipeline, "a", "b, longer than a", "c", input_images=lists, image_guidance_scale=2.0, generator=_seeded(1, 2, 3)
    )
    for number, prompt in enumerate(("a", "b, longer than a", "c")):
        alone = _draw(
            pipeline,
            prompt,
            input_images=[lists[number]],
            image_guidance_scale=2.0,
            generator=_seeded(number + 1),
            align_res=False,
        )
        assert np.abs(together[number] - alone[0]).max() < 1e-4


def test_several_pictures_for_several_prompts_keep_their_own_prompt_and_negative(pipeline: OmniGen2Pipeline) -> None:
    prompts, negatives = ("a", "two cats on a long red chair"), ("", "blurry")
    four = _draw(pipeline, *prompts, negative_prompt=negatives, num_images_per_prompt=2, generator=_seeded(1, 2, 3, 4))
    for number in range(4):
        alone = _draw(
            pipeline, prompts[number // 2], negative_prompt=negatives[number // 2], generator=_seeded(number + 1)
        )
        assert np.abs(four[number] - alone[0]).max() < 1e-4


def test_the_same_seed_gives_the_same_edit_and_another_seed_another(pipeline: OmniGen2Pipeline) -> None:
    first, again, other = (
        _draw(pipeline, "make it blue", input_images=[[RED]], generator=_seeded(s)) for s in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cached_text_and_references_give_the_same_picture(pipeline: OmniGen2Pipeline) -> None:
    direct = _draw(pipeline, "make it blue", input_images=[[RED]], image_guidance_scale=2.0, generator=_seeded(7))
    with torch.no_grad():
        text = pipeline.transformer.encode_text(*pipeline.encode_prompt("make it blue"))
        negative = pipeline.transformer.encode_text(*pipeline.encode_prompt(""))
    cached = pipeline(
        prompt_embeds=text,
        negative_prompt_embeds=negative,
        ref_latents=[pipeline.encode_references([RED])],
        height=64,
        width=48,
        image_guidance_scale=2.0,
        num_inference_steps=2,
        generator=_seeded(7),
        output_type="np",
    ).images
    assert np.array_equal(direct, cached)


def test_references_are_the_mode_unless_a_generator_draws_them(pipeline: OmniGen2Pipeline) -> None:
    mode, again = pipeline.encode_references([RED]), pipeline.encode_references([RED])
    drawn = pipeline.encode_references([RED], generator=_seeded(1)[0])
    assert torch.equal(mode[0], again[0])
    assert not torch.equal(mode[0], drawn[0])


def test_one_input_picture_sets_the_size_unless_told_otherwise(pipeline: OmniGen2Pipeline) -> None:
    assert _draw(pipeline, "x", input_images=[RED]).shape == (1, 64, 48, 3)
    assert _draw(pipeline, "x", input_images=[RED], align_res=False).shape == (1, SIDE, SIDE, 3)
    assert _draw(pipeline, "x", input_images=[RED, BLUE]).shape == (1, SIDE, SIDE, 3)


def test_a_size_between_the_steps_is_drawn_smaller_and_stretched(pipeline: OmniGen2Pipeline) -> None:
    sizes: list[torch.Size] = []
    picture = _draw(
        pipeline, "x", height=50, width=40, callback_on_step_end=lambda _i, _n, latents: sizes.append(latents.shape)
    )
    assert picture.shape == (1, 50, 40, 3)
    assert set(sizes) == {(1, 16, 6, 4)}


@pytest.mark.parametrize(("kind", "form"), [("pil", list), ("np", np.ndarray), ("pt", torch.Tensor)])
def test_pictures_come_in_the_form_asked_for(pipeline: OmniGen2Pipeline, kind: str, form: type) -> None:
    images = pipeline("x", num_inference_steps=1, output_type=kind).images
    assert isinstance(images, form)
    assert len(images) == 1
    if kind == "pil":
        assert images[0].size == (SIDE, SIDE)


def test_latents_can_be_decoded_later(pipeline: OmniGen2Pipeline) -> None:
    latents = _draw(pipeline, "x", output_type="latent", generator=_seeded(3))
    assert latents.shape == (1, 16, SIDE // 8, SIDE // 8)
    assert np.array_equal(pipeline.decode(latents, output_type="np"), _draw(pipeline, "x", generator=_seeded(3)))


def test_open_settings_are_the_checkpoints_own(pipeline: OmniGen2Pipeline) -> None:
    steps: list[tuple[int, int]] = []
    images = pipeline("x", callback_on_step_end=lambda step, total, _: steps.append((step, total))).images
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert images[0].size == (SIDE, SIDE)


def test_own_times_are_taken_as_they_are(pipeline: OmniGen2Pipeline) -> None:
    even = _draw(pipeline, "x", timesteps=(0.0, 0.5), generator=_seeded(3))
    uneven = _draw(pipeline, "x", timesteps=(0.0, 0.2), generator=_seeded(3))
    assert not np.array_equal(even, uneven)


def test_guidance_outside_its_range_of_steps_is_off(pipeline: OmniGen2Pipeline) -> None:
    off = _draw(pipeline, "x", text_guidance_scale=1.0, generator=_seeded(3))
    late = _draw(pipeline, "x", text_guidance_scale=5.0, cfg_range=(0.9, 1.0), generator=_seeded(3))
    early = _draw(pipeline, "x", text_guidance_scale=5.0, cfg_range=(0.0, 0.4), generator=_seeded(3))
    assert np.array_equal(off, late)
    assert not np.array_equal(off, early)


def test_a_callback_that_says_no_stops_the_request_at_once(pipeline: OmniGen2Pipeline) -> None:
    steps: list[int] = []

    def stop(step: int, _total: int, _latents: torch.Tensor) -> bool:
        steps.append(step)
        return step < 2

    with pytest.raises(Cancelled, match="after step 2 of 9"):
        _draw(pipeline, "x", num_inference_steps=9, callback_on_step_end=stop)
    assert steps == [1, 2]


def test_an_error_of_the_callback_comes_through(pipeline: OmniGen2Pipeline) -> None:
    def fail(*_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        _draw(pipeline, "x", callback_on_step_end=fail)


def test_latents_that_are_no_numbers_are_a_failed_generation(pipeline: OmniGen2Pipeline) -> None:
    with pytest.raises(GenerationFailed, match="not finite"):
        _draw(pipeline, "x", latents=torch.full((1, 16, SIDE // 8, SIDE // 8), float("nan")))


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no steps": ({"num_inference_steps": 0}, BadSetting, "num_inference_steps=0 .* 1 to 1000"),
    "too many steps": ({"num_inference_steps": 1001}, BadSetting, "num_inference_steps=1001 .* 1 to 1000"),
    "falling times": ({"timesteps": (0.5, 0.2)}, BadSetting, "timesteps=.*rising"),
    "height 0": ({"height": 0}, BadSetting, "height=0 .* 16 to 4096"),
    "width 7": ({"width": 7}, BadSetting, "width=7 .* 16 to 4096"),
    "height 5000": ({"height": 5000}, BadSetting, "height=5000 .* 16 to 4096"),
    "negative text guidance": ({"text_guidance_scale": -1.0}, BadSetting, "text_guidance_scale=-1.0 .* 0 to 100"),
    "negative image guidance": ({"image_guidance_scale": -0.1}, BadSetting, "image_guidance_scale=-0.1 .* 0 to 100"),
    "guidance is no number": ({"text_guidance_scale": float("nan")}, BadSetting, "text_guidance_scale=nan"),
    "backward range": ({"cfg_range": (0.6, 0.2)}, BadSetting, r"cfg_range=\(0.6, 0.2\)"),
    "six pictures": ({"input_images": [RED] * 6}, BadSetting, "input_images=6 .* 0 to 5"),
    "six latents": ({"ref_latents": [[torch.zeros(16, 2, 2)] * 6]}, BadSetting, "6 reference pictures .* 0 to 5"),
    "no pictures asked": ({"num_images_per_prompt": 0}, BadSetting, "num_images_per_prompt=0 .* 1 to 64"),
    "too few pixels": ({"max_pixels": 100}, BadSetting, "max_pixels=100 .* 256 to"),
    "text too long": ({"max_sequence_length": 2000}, BadSetting, "max_sequence_length=2000 .* 1 to 1024"),
    "noise of another shape": ({"latents": torch.zeros(1, 16, 2, 2)}, BadSetting, r"\(1, 16, 2, 2\).*\(1, 16, 6, 6\)"),
    "two generators": ({"generator": _seeded(1, 2)}, BadSetting, "2 generators .* 1 pictures"),
    "strange output": ({"output_type": "gif"}, BadSetting, "output_type='gif'"),
    "two negatives": ({"negative_prompt": ["a", "b"]}, BadSetting, "2 negative prompts .* 1 prompts"),
    "a list too many": ({"input_images": [[RED], [RED]]}, BadSetting, "2 entries for 1 prompts"),
    "no picture": ({"input_images": ["cat.png"]}, BadImage, "str"),
    "no picture in a list": ({"input_images": [["cat.png"]]}, BadImage, "str 'cat.png'"),
    "a tiny picture": ({"input_images": [Image.new("RGB", (100, 9))]}, BadImage, "100x9 .* at least 16"),
    "no prompt": ({"prompt": None}, BadTask, "neither prompt nor prompt_embeds"),
    "no prompts": ({"prompt": []}, BadTask, "is empty"),
    "a number as prompt": ({"prompt": [3]}, BadTask, "int 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_the_allowed_range_and_the_pipeline_stays_usable(
    pipeline: OmniGen2Pipeline, name: str
) -> None:
    change, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        pipeline(**{"prompt": "x", "num_inference_steps": 1} | change)
    assert np.isfinite(_draw(pipeline, "x", num_inference_steps=1)).all()
