"""The in-process generator over a tiny random OmniGen2."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from omniagent.model.checkpoint.settings import FAMILY, read_profiles
from omniagent.model.denoising.graphed import Twin
from omniagent.model.denoising.graphs import StepGraphs, replaying
from omniagent.model.errors import BadCheckpoint, BadSetting, Cancelled, GenerationFailed, OutOfMemory
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest, Generator
from tests.support.tiny_omnigen2 import tiny_pipeline

SMALL = GeneratorProfile(width=48, height=32, steps=2)


@pytest.fixture(scope="module")
def shared() -> OmniGen2Pipeline:
    return tiny_pipeline()


@pytest.fixture
def generator(shared: OmniGen2Pipeline) -> OmniGen2Generator:
    return OmniGen2Generator(shared, SMALL)


def picture(seed: int, size: tuple[int, int] = (32, 48)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def drawn(generator: OmniGen2Generator, **settings: object) -> list[bytes]:
    request = GenerationRequest.model_validate({"instruction": "a red circle"} | settings)
    return [image.tobytes() for image in generator.generate(request)]


def test_it_fills_the_role_of_a_generator(generator: OmniGen2Generator) -> None:
    assert isinstance(generator, Generator)


def test_a_seeds_picture_does_not_depend_on_the_other_seeds(generator: OmniGen2Generator) -> None:
    together = drawn(generator, seeds=(3, 4, 5))
    assert drawn(generator, seeds=(5,)) == together[2:]
    assert drawn(generator, seeds=(5, 3)) == [together[2], together[0]]
    assert len(set(together)) == 3


def test_pictures_drawn_in_one_batch_are_those_drawn_alone_up_to_rounding(shared: OmniGen2Pipeline) -> None:
    request = GenerationRequest(instruction="a red circle", seeds=(3, 4, 5), references=(picture(1),))
    alone = OmniGen2Generator(shared, SMALL).generate(request)
    together = OmniGen2Generator(shared, SMALL, batch=2).generate(request)
    for one, other in zip(alone, together, strict=True):
        assert np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max() <= 1


def test_the_picture_is_that_of_the_pipeline_itself(generator: OmniGen2Generator, shared: OmniGen2Pipeline) -> None:
    (expected,) = shared(
        "a red circle",
        negative_prompt="blur",
        input_images=[picture(1), picture(2)],
        height=32,
        width=48,
        num_inference_steps=3,
        text_guidance_scale=3.0,
        image_guidance_scale=1.5,
        cfg_range=(0.0, 0.5),
        generator=[torch.Generator().manual_seed(9)],
        return_dict=False,
    )
    settings = {"steps": 3, "text_guidance": 3.0, "image_guidance": 1.5, "cfg_range": (0.0, 0.5), "negative": "blur"}
    found = drawn(generator, references=(picture(1), picture(2)), seeds=(9,), **settings)
    assert isinstance(expected, list)
    assert found == [expected[0].tobytes()]


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "a blue star"},
        {"negative": "blur"},
        {"steps": 3},
        {"text_guidance": 7.0},
        {"image_guidance": 1.2},
        {"cfg_range": (0.0, 0.0)},
        {"references": (picture(2), picture(1))},
        {"references": (picture(1),)},
        {"references": ()},
        {"seeds": (1,)},
    ],
)
def test_every_setting_of_a_request_reaches_the_picture(
    generator: OmniGen2Generator, change: dict[str, object]
) -> None:
    base = {"references": (picture(1), picture(2)), "width": 48, "height": 32}
    assert drawn(generator, **base) != drawn(generator, **base | change)


def test_left_out_settings_are_the_checkpoints_own(shared: OmniGen2Pipeline) -> None:
    mine = SMALL.model_copy(update={"steps": 3, "text_guidance": 2.0, "image_guidance": 1.5, "cfg_range": (0.0, 0.4)})
    spelt = {"steps": 3, "text_guidance": 2.0, "image_guidance": 1.5, "cfg_range": (0.0, 0.4)}
    base = {"references": (picture(1),)}
    assert drawn(OmniGen2Generator(shared, mine), **base) == drawn(OmniGen2Generator(shared, SMALL), **base, **spelt)


@pytest.mark.parametrize(
    ("references", "settings", "size"),
    [
        ((), {}, (48, 32)),
        ((picture(1, (64, 80)),), {}, (64, 80)),
        ((picture(1, (70, 85)),), {}, (64, 80)),
        ((picture(1, (64, 80)), picture(2)), {}, (48, 32)),
        ((picture(1, (64, 80)),), {"width": 32}, (32, 80)),
        ((), {"width": 37, "height": 50}, (37, 50)),
    ],
)
def test_the_size_is_the_requests_then_the_single_references_then_the_checkpoints(
    generator: OmniGen2Generator, references: tuple[Image.Image, ...], settings: dict[str, int], size: tuple[int, int]
) -> None:
    request = GenerationRequest.model_validate({"instruction": "a", "references": references, "steps": 1} | settings)
    (image,) = generator.generate(request)
    assert (image.size, image.mode) == (size, "RGB")


def test_references_are_brought_to_the_size_the_checkpoint_knows(shared: OmniGen2Pipeline) -> None:
    fixed = OmniGen2Generator(shared, SMALL.model_copy(update={"resize_inputs": (48, 32)}))
    large = picture(1, (100, 90))
    read = large.resize((48, 32), Image.Resampling.LANCZOS)
    given = drawn(fixed, references=(read,))
    assert drawn(fixed, references=(large,), width=48, height=32) == given
    assert drawn(fixed, references=(large, large)) == drawn(fixed, references=(read, read))


def test_an_edit_of_a_picture_that_is_read_at_another_size_comes_back_in_its_own_shape(
    shared: OmniGen2Pipeline,
) -> None:
    fixed = OmniGen2Generator(shared, SMALL.model_copy(update={"resize_inputs": (48, 32), "steps": 1}))
    for size, made in (((100, 90), (96, 80)), ((48, 32), (48, 32)), ((1, 1), (16, 16)), ((900, 4), (1024, 16))):
        request = GenerationRequest(instruction="a", references=(picture(1, size),))
        assert fixed.generate(request)[0].size == made
        assert fixed.bucket(request).size == (32, 48)
        said = " ".join(fixed.remarks(request))
        assert (f"the given picture has {size[0]}x{size[1]} pixels" in said) == (size in ((1, 1), (900, 4)))
        assert ("reads pictures at 48x32" in said) == (size != (48, 32))


def test_references_of_any_size_are_read_and_a_picture_of_one_pixel_is_edited(shared: OmniGen2Pipeline) -> None:
    generator = OmniGen2Generator(shared, SMALL.model_copy(update={"steps": 1}))
    for size, made in (((1, 1), (16, 16)), ((5, 40), (16, 128)), ((400, 8), (800, 16)), ((2, 700), (16, 1024))):
        (alone,) = generator.generate(GenerationRequest(instruction="a", references=(picture(1, size),)))
        assert alone.size == made, size
        both = GenerationRequest(instruction="a", references=(picture(1, size), picture(2)))
        assert generator.generate(both)[0].size == (48, 32)


def test_sizes_that_a_checkpoint_does_not_draw_are_drawn_within_its_own_stretched_and_said(
    shared: OmniGen2Pipeline,
) -> None:
    limited = OmniGen2Generator(shared, SMALL.model_copy(update={"sides": (32, 64), "steps": 1}))
    for size, at in (((512, 512), (32, 32)), ((2000, 100), (64, 32)), ((16, 16), (32, 32)), ((480, 320), (48, 32))):
        request = GenerationRequest(instruction="a", width=size[0], height=size[1])
        assert limited.bucket(request).size == (at[1], at[0]), size
        assert limited.generate(request)[0].size == size
        (said,) = limited.remarks(request)
        assert f"draws at {at[0]}x{at[1]} is stretched to {size[0]}x{size[1]}" in said and "32 to 64" in said
    for size in ((32, 32), (64, 48), (50, 37)):
        assert limited.remarks(GenerationRequest(instruction="a", width=size[0], height=size[1])) == ()
    assert limited.remarks(GenerationRequest(instruction="a")) == ()
    with pytest.raises(BadSetting, match="width=7"):
        limited.remarks(GenerationRequest(instruction="a", width=7))


def test_more_pixels_than_the_size_rules_allow_are_said_without_any_settings(generator: OmniGen2Generator) -> None:
    (said,) = generator.remarks(GenerationRequest(instruction="a", width=2048, height=2048))
    assert "1024x1024 is stretched to 2048x2048" in said
    (said,) = generator.remarks(GenerationRequest(instruction="a", references=(picture(1, (2000, 1500)),)))
    assert "2000x1500 pixels, the new one will have 1024x768" in said
    (said,) = generator.remarks(GenerationRequest(instruction="a", references=(picture(1, (2000, 1500)),), max_side=99))
    assert "2000x1500 pixels, the new one will have 96x64" in said


def test_a_longer_side_limit_reads_more_of_a_picture_and_large_photos_keep_a_megapixel() -> None:
    wide = OmniGen2Generator(tiny_pipeline(), SMALL.model_copy(update={"max_side": FAMILY.generator.max_side}))
    (said,) = wide.remarks(GenerationRequest(instruction="a", references=(picture(1, (4032, 3024)),)))
    assert "4032x3024 pixels, the new one will have 1168x880" in said
    (small,) = wide.generate(GenerationRequest(instruction="a", references=(picture(1, (64, 48)),), max_side=32))
    assert small.size == (32, 16)


def test_words_beyond_the_networks_limit_are_told_and_not_cut_in_silence(generator: OmniGen2Generator) -> None:
    long = "a very long row of words " * 400
    (said,) = generator.remarks(GenerationRequest(instruction=long))
    assert "the instruction has" in said and "reads 1,024" in said and "not read" in said
    (said,) = generator.remarks(GenerationRequest(instruction="a", negative=long))
    assert "the negative prompt has" in said
    assert generator.remarks(GenerationRequest(instruction="a fox " * 120)) == ()


def test_texts_and_references_are_read_once_and_found_again_by_content(generator: OmniGen2Generator) -> None:
    drawn(generator, references=(picture(1),))
    drawn(generator, references=(picture(1).copy(), picture(2)), seeds=(7, 8))
    texts, references = generator.stats["texts"], generator.stats["references"]
    assert (texts.misses, texts.hits) == (2, 2)
    assert (references.misses, references.hits) == (2, 1)
    assert texts.bytes > 0 and references.bytes > 0


def test_what_was_remembered_draws_the_same_picture_as_what_is_computed_anew(shared: OmniGen2Pipeline) -> None:
    warm = OmniGen2Generator(shared, SMALL)
    first = drawn(warm, references=(picture(1),))
    assert drawn(warm, references=(picture(1),)) == first
    assert drawn(OmniGen2Generator(shared, SMALL, cache_bytes=0), references=(picture(1),)) == first


def test_forgetting_makes_everything_be_computed_again(generator: OmniGen2Generator) -> None:
    drawn(generator)
    generator.forget()
    drawn(generator)
    assert generator.stats["texts"].hits == 0


def test_sampled_references_depend_on_the_picture_alone_and_differ_from_the_mode(shared: OmniGen2Pipeline) -> None:
    sampling = SMALL.model_copy(update={"reference_mode": "sample"})
    first = drawn(OmniGen2Generator(shared, sampling), references=(picture(1),))
    assert drawn(OmniGen2Generator(shared, sampling), references=(picture(1),)) == first
    assert drawn(OmniGen2Generator(shared, SMALL), references=(picture(1),)) != first


def test_steps_are_counted_over_all_pictures_of_the_request(generator: OmniGen2Generator) -> None:
    seen: list[tuple[int, int]] = []
    request = GenerationRequest(instruction="a", seeds=(1, 2), steps=2)
    generator.generate(request, on_step=lambda done, steps: seen.append((done, steps)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_cancelled_or_expired_token_stops_before_the_first_step(generator: OmniGen2Generator) -> None:
    cancelled, expired = CancelToken(), CancelToken(deadline=time.monotonic() - 1)
    cancelled.cancel()
    for token in (cancelled, expired):
        with pytest.raises(Cancelled):
            generator.generate(GenerationRequest(instruction="a"), token=token)
    assert generator.stats["texts"].misses == 0


def test_cancelling_at_a_step_stops_after_that_step(generator: OmniGen2Generator) -> None:
    token, seen = CancelToken(), list[int]()

    def on_step(done: int, steps: int) -> None:
        seen.append(done)
        if done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        generator.generate(GenerationRequest(instruction="a", steps=9), token=token, on_step=on_step)
    assert seen == [1, 2]
    assert drawn(generator)


def test_a_request_out_of_range_is_refused_and_the_generator_still_works(generator: OmniGen2Generator) -> None:
    for change in ({"steps": 0}, {"width": 7}, {"text_guidance": -1.0}, {"seeds": ()}):
        with pytest.raises(BadSetting):
            drawn(generator, **change)
    assert drawn(generator)


def test_weights_that_are_not_numbers_fail_and_mended_ones_draw_again() -> None:
    generator = OmniGen2Generator(tiny_pipeline(), SMALL)
    before = drawn(generator)
    for part in (generator.pipeline.transformer.norm_out.linear_2, generator.pipeline.vae.decoder.conv_out):
        weight: torch.Tensor = part.weight
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.fill_(float("nan"))
        with pytest.raises(GenerationFailed, match="finite"):
            drawn(generator)
        with torch.no_grad():
            weight.copy_(kept)
        assert drawn(generator) == before


def test_running_out_of_memory_is_named_and_the_generator_still_works(
    generator: OmniGen2Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")

    before = drawn(generator, steps=4)
    graphs = StepGraphs[Twin](replaying)
    monkeypatch.setattr(generator.pipeline, "graphs", graphs)
    assert drawn(generator, steps=4) == before and drawn(generator, steps=4) == before
    recorded = graphs.recorded
    with monkeypatch.context() as patch:
        patch.setattr(type(generator.pipeline.transformer), "run", full)
        with pytest.raises(OutOfMemory, match=r"cpu.*3 GiB") as caught:
            drawn(generator, steps=4)
    assert caught.value.__context__ is None
    # Its recorded steps were given up too, as they are when it makes room for a critic.
    assert drawn(generator, steps=4) == before and graphs.recorded == 2 * recorded > 0
    generator.leave()
    assert drawn(generator, steps=4) == before and graphs.recorded == 3 * recorded


def test_a_checkpoints_settings_survive_their_file(tmp_path: Path) -> None:
    settings = GeneratorProfile(width=128, height=128, steps=30, domain="coloured shapes", resize_inputs=(128, 128))
    FAMILY._replace(generator=settings).save(tmp_path)
    assert read_profiles(tmp_path).generator.model_dump() == settings.model_dump()


def test_a_checkpoint_without_the_file_has_the_published_settings(tmp_path: Path) -> None:
    defaults = read_profiles(tmp_path).generator
    assert (defaults.width, defaults.height, defaults.steps, defaults.cfg_range) == (1024, 1024, 50, (0.0, 1.0))
    assert (defaults.text_guidance, defaults.image_guidance, defaults.domain) == (4.0, 2.0, None)


@pytest.mark.parametrize("text", ["{", '{"steps": 0}', '{"colour": 1}', '{"cfg_range": [0.7, 0.2]}', "[]"])
def test_a_broken_settings_file_is_a_bad_checkpoint_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "omniagent.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"omniagent\.json"):
        read_profiles(tmp_path)


def test_the_sides_that_a_checkpoint_draws_hold_its_own_default() -> None:
    for sides in ((200, 300), (16, 64), (8, 128), (300, 100)):
        with pytest.raises(ValidationError, match="sides"):
            GeneratorProfile(width=128, height=128, sides=sides)
    assert GeneratorProfile(width=128, height=96, sides=(96, 128)).sides == (96, 128)


def test_inputs_cannot_be_resized_to_nothing() -> None:
    with pytest.raises(ValidationError, match="resize_inputs"):
        GeneratorProfile(resize_inputs=(0, 128))
