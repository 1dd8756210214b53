"""Rough pictures of what is being drawn: what they show, whose they are, and that they change nothing."""

from pathlib import Path

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image, ImageChops, ImageDraw, ImageStat

from omniagent.config import bundled_checkpoint
from omniagent.model.denoising.guidance import Guidance
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.generator.queue import RequestQueue
from omniagent.model.pictures import Size, preprocess
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.pipeline.previews import fit_colours
from omniagent.model.pipeline.vae import encode_picture
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest, Previews, Watching
from omniagent.model.turns.lock import DeviceLock
from tests.support.tiny_omnigen2 import tiny_pipeline

SMALL = GeneratorProfile(width=32, height=48, steps=3)


class Watcher:
    """Takes every preview."""

    def __init__(self) -> None:
        self.seen: list[list[Image.Image]] = []
        self.steps: list[tuple[int, int]] = []

    def look(self, previews: Previews) -> None:
        self.seen.append(list(previews()))

    def __call__(self, done: int, steps: int) -> None:
        self.steps.append((done, steps))


@pytest.fixture(scope="module")
def pipeline() -> OmniGen2Pipeline:
    return tiny_pipeline()


def same(one: Image.Image, other: Image.Image) -> bool:
    """Equal but for the rounding of the last bit."""
    assert one.size == other.size
    return max(high for _, high in ImageChops.difference(one, other).getextrema()) <= 1  # type: ignore[misc]


def test_whoever_looks_sees_each_picture_after_each_step_and_changes_none(pipeline: OmniGen2Pipeline) -> None:
    generator, watcher = OmniGen2Generator(pipeline, SMALL, batch=2), Watcher()
    assert isinstance(watcher, Watching)
    request = GenerationRequest(instruction="a red circle", seeds=(1, 2))
    watched = generator.generate(request, on_step=watcher)
    assert [one.tobytes() for one in watched] == [one.tobytes() for one in generator.generate(request)]
    assert [len(pictures) for pictures in watcher.seen] == [2, 2, 2]
    scale = pipeline.vae_scale_factor
    assert {picture.size for pictures in watcher.seen for picture in pictures} == {(32 // scale, 48 // scale)}


def test_requests_that_are_drawn_together_see_their_own_pictures_in_the_order_of_their_seeds(
    pipeline: OmniGen2Pipeline,
) -> None:
    generator = OmniGen2Generator(pipeline, SMALL, batch=4)
    queue = RequestQueue(generator, DeviceLock().held)
    together, alone = Watcher(), {seed: Watcher() for seed in (5, 3, 9)}
    queue.draw(GenerationRequest(instruction="a red circle", seeds=(5, 3, 9)), on_step=together)
    for seed, watcher in alone.items():
        queue.draw(GenerationRequest(instruction="a red circle", seeds=(seed,)), on_step=watcher)
    queue.close()
    assert len(together.seen) == 3
    for number, pictures in enumerate(together.seen):
        for picture, seed in zip(pictures, (5, 3, 9), strict=True):
            assert same(picture, alone[seed].seen[number][0])
    with pytest.raises(AssertionError):
        assert same(together.seen[-1][0], together.seen[-1][1])


def test_what_is_foreseen_is_the_end_of_the_last_step_and_goes_with_the_pictures_kept(
    pipeline: OmniGen2Pipeline,
) -> None:
    text = pipeline.refine_text(pipeline.encode_prompt(["a red circle", "a blue star"]))
    noise = pipeline.prepare_latents(2, 48, 32, torch.Generator().manual_seed(0))
    drawing = pipeline.start(noise, text, None, [[], []], Guidance(1.0, 1.0, 0.0, 1.0), num_inference_steps=3)
    assert torch.equal(drawing.foreseen, noise)
    drawing.step()
    both = drawing.foreseen
    assert not torch.equal(both, drawing.latents)
    drawing.keep([1])
    assert torch.equal(drawing.foreseen, both[1:])
    drawing.step()
    drawing.step()
    torch.testing.assert_close(drawing.foreseen, drawing.latents)


@pytest.mark.bundled
def test_the_previews_of_the_bundled_model_show_the_colours_of_its_pictures() -> None:
    vae = AutoencoderKL.from_pretrained(str(Path(bundled_checkpoint()) / "vae"))
    colours = fit_colours(vae)
    for background, colour in (("white", (220, 30, 30)), ("black", (30, 60, 220)), ("gray", (30, 170, 60))):
        picture = Image.new("RGB", (128, 128), background)
        ImageDraw.Draw(picture).ellipse((16, 16, 80, 80), fill=colour)
        with torch.no_grad():
            latents = encode_picture(vae, preprocess(picture, Size(128, 128)), None)
        (rough,) = colours.pictures(latents)
        assert rough.size == (16, 16)
        away = ImageStat.Stat(ImageChops.difference(rough, picture.resize((16, 16), Image.Resampling.BOX))).mean
        assert max(away) < 40, (background, away)
    assert all(torch.equal(one, other) for one, other in zip(colours, fit_colours(vae), strict=True))
