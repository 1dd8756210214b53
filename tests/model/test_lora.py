"""LoRA adapters: in force, weighed, several at once, taken off, and those of another model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.network.lora import LORA_FILE, Loras
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.support.tiny_omnigen2 import CONFIG, tiny_transformer

MODULES = {
    "layers.0.attn.to_q": (48, 48),
    "layers.1.feed_forward.linear_1": (48, 192),
    "layers.0.norm1.linear": (48, 192),
}


def adapter(folder: Path, seed: int, width: int = 0) -> Path:
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for module, (inputs, outputs) in MODULES.items():
        tensors[f"transformer.{module}.lora_A.weight"] = torch.randn(4, inputs + width, generator=generator)
        tensors[f"transformer.{module}.lora_B.weight"] = torch.randn(outputs, 4, generator=generator) / 8
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / LORA_FILE)
    return folder


@torch.no_grad()
def output(net: OmniGen2Transformer2DModel, **settings: object) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 16, 4, 4, generator=generator)
    text = torch.randn(1, 3, CONFIG["text_feat_dim"], generator=generator)
    return net(latents, torch.tensor([0.3]), text, **settings).sample


def test_strengths_add_up_and_taking_adapters_off_brings_the_network_back(tmp_path: Path) -> None:
    net = tiny_transformer()
    loras, before = Loras(net), output(net)
    loras.load(adapter(tmp_path / "a", 1), "a")
    one = output(net)
    loras.load(adapter(tmp_path / "b", 2) / LORA_FILE, "b", scale=0.5)
    both = output(net)
    assert loras.scales == {"a": 1.0, "b": 0.5}
    assert not torch.allclose(one, before, atol=1e-3) and not torch.allclose(one, both, atol=1e-3)
    loras.weigh({"a": 1.0})
    assert torch.allclose(output(net), one, atol=1e-6)
    loras.weigh({"a": 0.0, "b": 0.0})
    assert torch.allclose(output(net), before, atol=1e-6)
    loras.weigh({"a": 1.0, "b": 0.5})
    assert torch.allclose(output(net), both, atol=1e-6)
    loras.unload("b")
    assert torch.allclose(output(net), one, atol=1e-6)
    loras.unload()
    assert torch.equal(output(net), before) and loras.scales == {}


def test_a_scale_of_a_call_weighs_what_is_loaded(tmp_path: Path) -> None:
    net = tiny_transformer()
    loras = Loras(net)
    loras.load(adapter(tmp_path / "a", 1), scale=0.5)
    half = output(net)
    loras.weigh({"default": 1.0})
    assert torch.allclose(output(net, attention_kwargs={"scale": 0.5}), half, atol=1e-6)


def test_an_adapter_of_another_model_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    net = tiny_transformer()
    loras, before = Loras(net), output(net)
    with pytest.raises(BadCheckpoint, match=r"to_q\.lora_A\.weight is \[4, 50\] and the layer has 48 inputs"):
        loras.load(adapter(tmp_path / "wide", 1, width=2))
    save_file({"transformer.blocks.0.lora_A.weight": torch.zeros(4, 4)}, tmp_path / "other.safetensors")
    with pytest.raises(BadCheckpoint, match=r"transformer\.blocks\.0\.lora_A\.weight fits no layer"):
        loras.load(tmp_path / "other.safetensors")
    save_file({"transformer.layers.0.attn.to_q.lora_A.weight": torch.zeros(4, 48)}, tmp_path / "half.safetensors")
    with pytest.raises(BadCheckpoint, match="two halves"):
        loras.load(tmp_path / "half.safetensors")
    key = "transformer.layers.0.attn.to_q.lora_A.weight"
    for shape in ((4, 48, 1, 1), (48,), ()):
        save_file({key: torch.zeros(shape)}, tmp_path / "shape.safetensors")
        with pytest.raises(BadCheckpoint, match=r"to_q\.lora_A\.weight is \[.*\] and the layer takes a matrix"):
            loras.load(tmp_path / "shape.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BadCheckpoint, match="cut short"):
        loras.load(tmp_path / "torn.safetensors")
    with pytest.raises(BadCheckpoint, match="is missing"):
        loras.load(tmp_path / "nowhere")
    assert torch.equal(output(net), before) and loras.scales == {}


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_an_adapter_that_is_no_number_is_refused_with_its_tensor(tmp_path: Path, value: float) -> None:
    net = tiny_transformer()
    file = adapter(tmp_path / "a", 1) / LORA_FILE
    tensors = {name: each.clone() for name, each in load_file(file).items()}
    tensors["transformer.layers.0.norm1.linear.lora_B.weight"][3, 2] = value
    save_file(tensors, file)
    loras, before = Loras(net), output(net)
    with pytest.raises(BadCheckpoint, match=r"NaN or infinite: transformer\.layers\.0\.norm1\.linear\.lora_B\.weight"):
        loras.load(file)
    assert torch.equal(output(net), before) and loras.scales == {}


@pytest.mark.parametrize("name", ["style.v1", "", "a/b", "keys", "train", 5, None])
def test_a_name_that_torch_cannot_keep_is_refused_with_what_is_allowed(tmp_path: Path, name: str) -> None:
    loras = Loras(tiny_transformer())
    with pytest.raises(BadSetting, match=r"name of a LoRA=.*letters, digits, spaces, _ and -"):
        loras.load(adapter(tmp_path / "a", 1), name)
    loras.load(tmp_path / "a", "my-style_v1 größer")
    assert list(loras.scales) == ["my-style_v1 größer"]


def test_names_and_scales_are_checked(tmp_path: Path) -> None:
    loras = Loras(tiny_transformer())
    folder = adapter(tmp_path / "a", 1)
    with pytest.raises(BadSetting, match="scale nan"):
        loras.load(folder, scale=float("nan"))
    with pytest.raises(BadSetting, match="scale '1'"):
        loras.load(folder, scale="1")  # pyright: ignore[reportArgumentType]
    loras.load(folder)
    with pytest.raises(BadSetting, match="'default' is loaded already"):
        loras.load(folder)
    for call in (lambda: loras.unload("b"), lambda: loras.weigh({"b": 1.0})):
        with pytest.raises(BadSetting, match="no LoRA is loaded as 'b'; there are default"):
            call()
