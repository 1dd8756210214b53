"""What a mix becomes in training: draws by ratio, the published loss, text and latents as the network reads them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from omniagent.model.training.dataset import MixedDataset
from omniagent.model.training.mixture import Drawn, FlowBatch, Frozen, MixtureTraining
from tests.parity.golden import PUBLIC, Golden
from tests.support.records import PROMPT, write_mix
from tests.support.tiny_omnigen2 import tiny_pipeline

FACTOR = tiny_pipeline().vae_scale_factor


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    return write_mix(tmp_path)


def training(mix: Path, seed: int = 0) -> MixtureTraining:
    tiny = tiny_pipeline()
    frozen = Frozen(tiny.mllm.model.language_model, tiny.processor.tokenizer, tiny.vae, "mode")
    return MixtureTraining(
        tiny.transformer, tiny.transformer, frozen, MixedDataset(mix), batch=6, seed=seed, write=lambda folder: None
    )


def test_sources_come_into_batches_by_their_ratios_whatever_order_batches_are_asked_in(mix: Path) -> None:
    make = Drawn(MixedDataset(mix), 4, seed=3)
    kinds = Counter(example.task_type for number in range(300) for example in make(number))
    assert kinds["t2i"] / 1200 == pytest.approx(0.75, abs=0.04)
    fresh = Drawn(MixedDataset(mix), 4, seed=3)
    for number in (17, 4, 5):
        assert [each.chat for each in fresh(number)] == [each.chat for each in make(number)]


def test_a_batch_holds_latents_of_each_pictures_own_size_and_depends_on_its_number_alone(mix: Path) -> None:
    batch, again, other = (training(mix).batch(number) for number in (7, 7, 8))
    tall, wide = (48 // FACTOR, 32 // FACTOR), (32 // FACTOR, 48 // FACTOR)
    assert {len(each) for each in batch.references} == {0, 1}
    for data, references in zip(batch.data, batch.references, strict=True):
        assert data.shape[1:] == (tall if references else wide)
        assert all(each.shape[1:] == wide for each in references)
    assert all(noise.shape == data.shape for noise, data in zip(batch.noise, batch.data, strict=True))
    assert bool(((batch.times > 0) & (batch.times < 1)).all())
    assert all(torch.equal(one, two) for one, two in zip(batch.noise, again.noise, strict=True))
    assert torch.equal(batch.states, again.states) and not torch.equal(batch.times, other.times)


def test_texts_are_read_in_the_chat_that_the_pipeline_draws_with(mix: Path) -> None:
    batch, tiny = training(mix).batch(0), tiny_pipeline()
    embeds = tiny.encode_prompt([PROMPT])[0]
    row = next(n for n, references in enumerate(batch.references) if not references)
    length = int(batch.mask[row].sum())
    torch.testing.assert_close(batch.states[row, :length], embeds[0, :length], atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not (PUBLIC / "train").is_dir(), reason="the golden cases are not here")
def test_the_loss_is_the_recorded_one_of_the_published_training() -> None:
    case = next(each for each in Golden(PUBLIC).cases() if each.name == "train/loss_and_grads")
    net, data, tensors = case.golden.transformer(case.meta["checkpoint"]), case.numbered("x1"), case.tensors
    batch = FlowBatch(
        data,
        case.numbered("x0"),
        tensors["t"],
        tensors["text_hidden_states"],
        tensors["text_attention_mask"],
        case.references(len(data)),
    )
    unused = Frozen(nn.Identity(), lambda text, **settings: None, nn.Identity(), "mode")  # pyright: ignore[reportArgumentType]
    component = MixtureTraining(net, net, unused, None, batch=1, seed=0, write=print)  # pyright: ignore[reportArgumentType]
    loss, _ = component.loss(batch, 0)
    torch.testing.assert_close(loss.detach(), tensors["loss"][0], **case.tolerance)
