"""Products in eight bits: close to those of float32, only where they may be, and refused by name where they may not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from PIL import Image
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from omniagent.model import loading
from omniagent.model.denoising import compiling
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import preset_named
from omniagent.model.errors import BadSetting, OutOfMemory
from omniagent.model.loading import load_generator
from omniagent.model.network.eight_bits import EIGHT, EightBitLinear, check_card, multiply_in_eight_bits, quantised
from omniagent.model.pipeline.memory import (
    COMPILED_MODES,
    GIB,
    PUBLISHED_CONFIG,
    PUBLISHED_NUMBERS,
    fit,
    hold,
    need_from,
    need_of,
)
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.requests import GenerationRequest, LoraChoice
from tests.model.test_lora import adapter
from tests.support.tiny_omnigen2 import CONFIG, tiny_pipeline, tiny_transformer

CPU = torch.device("cpu")


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Counts the graphs that blocks are compiled to, which run as written: the compiler of kernels takes a minute."""
    made = list[int]()

    def backend(graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        made.append(1)
        return graph.forward

    library: Any = torch
    library._dynamo.reset()
    compiling._halves.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    yield made
    library._dynamo.reset()
    compiling._halves.cache_clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("sides", [(96, 64), (40, 24)])
def test_a_product_in_eight_bits_is_within_a_few_percent_of_that_of_float32(sides: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(*sides, bias=False)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
    # Tokens of very different sizes, one of them nothing at all.
    x = torch.randn(2, 5, sides[0], generator=generator) * torch.logspace(-4, 4, 5)[:, None]
    x[1, 2] = 0
    with torch.no_grad():
        wanted, found = layer(x), EightBitLinear(layer)(x)
    assert found.shape == wanted.shape and found.dtype == x.dtype
    errors = (found - wanted).norm(dim=-1) / wanted.norm(dim=-1).clamp(min=1e-12)
    assert errors.max() < 0.06 and errors.max() > 0.001 and not found[1, 2].any()


def test_the_published_width_is_padded_as_the_kernels_of_cards_want_it() -> None:
    rows, scale = quantised(torch.ones(8, 2520))
    layer = EightBitLinear(nn.Linear(2520, 840, bias=False))
    assert rows.shape == (8, 2528) and layer.weight.shape == (848, 2528) and layer.scale.shape == (848, 1)
    library: Any = torch

    def multiplied(width: int) -> torch.Size:
        # What a card's kernels take, by torch's own rules for them.
        tokens, weight = (torch.empty(each, width, dtype=EIGHT, device="cuda") for each in (8, 848))
        scales = torch.empty(8, 1, device="cuda"), torch.empty(1, 848, device="cuda")
        return library._scaled_mm(
            tokens, weight.t(), scale_a=scales[0], scale_b=scales[1], out_dtype=torch.bfloat16
        ).shape

    with FakeTensorMode():
        with pytest.raises(RuntimeError, match="divisible by 16"):
            multiplied(2520)
        assert multiplied(2528) == (8, 848)
    assert (scale == 1 / 448).all()


def test_a_network_that_is_given_another_number_type_keeps_its_products_in_eight_bits_as_they_are() -> None:
    layer, x = EightBitLinear(nn.Linear(40, 24, bias=False)), torch.ones(3, 40)
    wanted, network = layer(x), nn.Sequential(layer, nn.Linear(24, 2))
    for change in (network.bfloat16, network.half, partial(network.type, torch.float64), partial(network.to, CPU)):
        change()
        assert torch.equal(layer(x), wanted)
    network.to("meta")
    assert layer.weight.is_meta and layer.scale.is_meta and layer.scale.dtype == torch.float32


def test_no_tokens_give_no_results() -> None:
    layer = EightBitLinear(nn.Linear(40, 24, bias=False))
    assert layer(torch.ones(2, 0, 40, dtype=torch.bfloat16)).shape == (2, 0, 24)


def test_only_products_of_modulated_blocks_are_replaced_and_a_second_call_finds_none() -> None:
    net = tiny_transformer()
    before = {name for name, layer in net.named_modules() if type(layer) is nn.Linear}
    blocks = CONFIG["num_layers"] + 2 * CONFIG["num_refiner_layers"]
    assert multiply_in_eight_bits(net, CPU) == 7 * blocks and multiply_in_eight_bits(net, CPU) == 0
    gone = before - {name for name, layer in net.named_modules() if type(layer) is nn.Linear}
    assert len(gone) == 7 * blocks
    assert {name.split(".")[0] for name in gone} == {"noise_refiner", "ref_image_refiner", "layers"}
    assert not any("norm" in name for name in gone)


def draw(pipeline: OmniGen2Pipeline, **task: Any) -> torch.Tensor:
    settings: dict[str, Any] = {"num_inference_steps": 2, "output_type": "latent"} | task
    call: Any = pipeline
    return call("a red circle", "", generator=torch.Generator().manual_seed(1), **settings).images


def test_text_to_image_edits_other_sizes_and_region_reuse_share_three_compiled_graphs(graphs: list[int]) -> None:
    pipeline, reuse = tiny_pipeline(), preset_named("edit").reuse
    reference = [Image.new("RGB", (48, 48), "red")]
    tasks: list[dict[str, Any]] = [
        {}, {"input_images": reference}, {"height": 32, "width": 64}, {"height": 64, "width": 64},
        {"input_images": reference, "reuse": reuse, "region": (0.0, 0.0, 0.5, 0.5), "num_inference_steps": 8},
    ]  # fmt: skip
    for task in tasks:
        wanted, found = draw(pipeline, **task), draw(pipeline, computation=Computation(compiled=True), **task)
        assert torch.allclose(found, wanted, atol=1e-4), task
    assert len(graphs) == 3


def test_a_picture_in_eight_bits_is_near_the_exact_one_and_its_blocks_are_compiled_unless_told_otherwise() -> None:
    pipeline = tiny_pipeline()
    wanted = draw(pipeline)
    hold(pipeline, "whole", CPU, eight_bits="multiplied")
    assert pipeline.computation == Computation(compiled=True)
    found = draw(pipeline, computation=Computation())
    assert 1e-4 < (found - wanted).norm() / wanted.norm() < 0.3


def test_loras_and_checkpoints_are_refused_with_the_way_out(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    path = adapter(tmp_path / "lora", 1)
    pipeline.loras.load(path)
    with pytest.raises(BadSetting, match=r"has LoRAs.*take them off first"):
        multiply_in_eight_bits(pipeline.transformer, CPU)
    pipeline.loras.unload()
    multiply_in_eight_bits(pipeline.transformer, CPU)
    with pytest.raises(BadSetting, match=r"multiplies in eight bits, to which no LoRA.*OMNIAGENT_EIGHT_BITS"):
        loading.OmniGen2Generator(pipeline).generate(
            GenerationRequest(instruction="a fox", loras=(LoraChoice(path=str(path)),))
        )
    for save in (pipeline.save_pretrained, pipeline.transformer.save_pretrained):
        with pytest.raises(BadSetting, match=r"the transformer multiplies in eight bits.*load it again without"):
            save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_devices_and_ways_of_holding_without_it_are_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no checkpoint in the folder, which would be the next thing to be told.
    with pytest.raises(BadSetting, match="need a CUDA card of Ada, Hopper or newer, and cpu is none"):
        load_generator(tmp_path, device="cpu", eight_bits=True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", Mock(return_value=(8, 0)))
    monkeypatch.setattr(torch.cuda, "get_device_name", Mock(return_value="NVIDIA A100"))
    with pytest.raises(BadSetting, match="NVIDIA A100 has no products in eight bits"):
        check_card(torch.device("cuda"))
    monkeypatch.setattr(loading, "check_card", Mock())
    with pytest.raises(BadSetting, match="not compiled where memory=group; give memory=whole or model"):
        load_generator(tmp_path, device="cpu", memory="group", eight_bits=True)
    monkeypatch.setattr(loading, "missing_compiler", lambda: "there is no C compiler")
    with pytest.raises(BadSetting, match="no C compiler; or leave eight_bits off"):
        load_generator(tmp_path, device="cpu", eight_bits=True)
    with pytest.raises(BadSetting, match="memory=sequential"):
        hold(tiny_pipeline(), "sequential", CPU, eight_bits="multiplied")


def test_memory_is_reckoned_with_the_weights_that_eight_bits_leave(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path)
    multiply_in_eight_bits(pipeline.transformer, CPU)
    held = sum(each.nbytes for each in pipeline.transformer.state_dict().values())
    assert need_of(tmp_path, 64, 4, eight_bits=True).transformer == held
    wide, narrow = (need_from(PUBLISHED_NUMBERS, PUBLISHED_CONFIG, 1024, eight_bits=each) for each in (False, True))
    # 17.2 and 14.2 GiB were measured on an H200.
    assert wide.peak("whole") - narrow.peak("whole") == pytest.approx(3.0 * GIB, rel=0.1)
    assert fit(narrow, round(15 * GIB), COMPILED_MODES).mode == "whole"
    with pytest.raises(OutOfMemory, match=r"even held model.*turn products in eight bits off"):
        fit(narrow, 5 * GIB, COMPILED_MODES)
    assert fit(wide, 5 * GIB).mode == "group"
