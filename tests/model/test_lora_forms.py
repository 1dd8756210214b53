"""LoRA files as trainers and programs write them: read alike, weighed by their alphas, or refused for what they are."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.network.lora import LORA_FILE, Loras
from tests.model.test_lora import output
from tests.support.tiny_omnigen2 import tiny_pipeline, tiny_transformer

LAYERS = {
    "layers.0.attn.to_q": (48, 48),
    "layers.1.attn.to_out.0": (48, 48),
    "layers.1.feed_forward.linear_1": (48, 192),
    "noise_refiner.0.attn.to_k": (48, 24),
    "context_refiner.0.attn.to_v": (48, 24),
    "time_caption_embed.caption_embedder.1": (64, 48),
    "x_embedder": (64, 48),
}
Weights = dict[str, torch.Tensor]
Form = Callable[[str], tuple[str, str]]


def halves(rank: int = 4) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return {
        layer: (torch.randn(rank, inputs, generator=generator), torch.randn(outputs, rank, generator=generator) / 8)
        for layer, (inputs, outputs) in LAYERS.items()
    }


def published(layer: str) -> tuple[str, str]:
    return f"transformer.{layer}.lora_A.weight", f"transformer.{layer}.lora_B.weight"


def written(form: Form, rank: int = 4) -> Weights:
    tensors: Weights = {}
    for layer, (down, up) in halves(rank).items():
        a, b = form(layer)
        tensors |= {a: down, b: up}
    return tensors


def drawn(file: Path) -> torch.Tensor:
    net = tiny_transformer()
    Loras(net).load(file)
    return output(net)


def canonical(folder: Path, rank: int = 4, **config: object) -> torch.Tensor:
    """What the published form draws, with peft's settings in its header as diffusers writes them."""
    said = {f"transformer.{key}": value for key, value in config.items()}
    metadata = {"lora_adapter_metadata": json.dumps(said)} if said else {}
    save_file(written(published, rank), folder / "canonical.safetensors", metadata=metadata)
    return drawn(folder / "canonical.safetensors")


def _named(prefix: str, down: str, up: str, flat: bool = False) -> Form:
    def form(layer: str) -> tuple[str, str]:
        name = prefix + (layer.replace(".", "_") if flat else layer)
        return f"{name}.{down}", f"{name}.{up}"

    return form


FORMS: dict[str, Form] = {
    "bare": _named("", "lora_A.weight", "lora_B.weight"),
    "the trainer's": _named("", "lora_A.default.weight", "lora_B.default.weight"),
    "peft's": _named("base_model.model.", "lora_A.weight", "lora_B.weight"),
    "peft's in memory": _named("base_model.model.", "lora_A.style.weight", "lora_B.style.weight"),
    "peft's of a pipeline": _named("transformer.base_model.model.", "lora_A.weight", "lora_B.weight"),
    "ComfyUI's": _named("diffusion_model.", "lora_A.weight", "lora_B.weight"),
    "ComfyUI's whole": _named("model.diffusion_model.", "lora_down.weight", "lora_up.weight"),
    "down and up": _named("transformer.", "lora_down.weight", "lora_up.weight"),
    "old diffusers": _named("transformer.", "lora.down.weight", "lora.up.weight"),
    "kohya's": _named("lora_unet_", "lora_down.weight", "lora_up.weight", flat=True),
    "kohya's of a transformer": _named("lora_transformer_", "lora_down.weight", "lora_up.weight", flat=True),
    "lycoris": _named("lycoris_", "lora_down.weight", "lora_up.weight", flat=True),
    "compiled": _named("_orig_mod.", "lora_A.weight", "lora_B.weight"),
    "wrapped for many devices": _named("module.", "lora_A.default.weight", "lora_B.default.weight"),
}


def test_every_published_form_draws_exactly_what_the_canonical_one_draws(tmp_path: Path) -> None:
    wanted = canonical(tmp_path)
    assert not torch.allclose(wanted, output(tiny_transformer()), atol=1e-3)
    for name, form in FORMS.items():
        save_file(written(form), tmp_path / "lora.safetensors")
        assert torch.equal(drawn(tmp_path / "lora.safetensors"), wanted), name


def test_an_alpha_counts_wherever_a_trainer_keeps_it(tmp_path: Path) -> None:
    wanted = canonical(tmp_path, r=4, lora_alpha=2)
    assert not torch.allclose(wanted, canonical(tmp_path), atol=1e-3)
    file = tmp_path / "one" / "lora.safetensors"
    file.parent.mkdir()
    kohya = written(FORMS["kohya's"])
    flat = {key.split(".")[0] for key in kohya}
    for shape in ((), (1,)):
        save_file(kohya | {f"{layer}.alpha": torch.full(shape, 2.0) for layer in flat}, file)
        assert torch.equal(drawn(file), wanted)
    save_file(kohya, file, metadata={"ss_network_dim": "4", "ss_network_alpha": "2.0"})
    assert torch.equal(drawn(file), wanted)
    header = {"lora_adapter_metadata": json.dumps({"r": 4, "lora_alpha": 2, "peft_type": "LORA"})}
    save_file(written(FORMS["bare"]), file, metadata=header)
    assert torch.equal(drawn(file), wanted)
    save_file(written(FORMS["peft's"]), file.parent / "adapter_model.safetensors")
    file.unlink()
    (file.parent / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 2}')
    assert torch.equal(drawn(file.parent), wanted)
    (file.parent / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 4, "use_rslora": true}')
    assert torch.equal(drawn(file.parent), canonical(tmp_path, r=4, lora_alpha=8))


def test_layers_may_have_ranks_and_alphas_of_their_own(tmp_path: Path) -> None:
    tensors, other = written(published), written(published, rank=2)
    odd = "layers.1.feed_forward.linear_1"
    tensors |= {key: other[key] for key in published(odd)}
    doubled = {key: each * 2 if key == published(odd)[1] else each for key, each in tensors.items()}
    save_file(doubled, tmp_path / "doubled.safetensors")
    said = {"r": 4, "lora_alpha": 4, "rank_pattern": {odd: 2}, "alpha_pattern": {odd: 4}}
    save_file(tensors, tmp_path / "header.safetensors", metadata={"lora_adapter_metadata": json.dumps(said)})
    alphas = {f"transformer.{layer}.alpha": torch.tensor(4.0) for layer in LAYERS}
    save_file(tensors | alphas, tmp_path / "weights.safetensors")
    wanted = drawn(tmp_path / "doubled.safetensors")
    for name in ("header", "weights"):
        assert torch.equal(drawn(tmp_path / f"{name}.safetensors"), wanted), name


def test_a_dora_is_read_from_peft_and_from_kohya_and_at_strength_0_does_nothing(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    lengths = {layer: torch.rand(outputs, generator=generator) + 0.5 for layer, (_, outputs) in LAYERS.items()}
    peft = written(FORMS["peft's"])
    peft |= {f"base_model.model.{layer}.lora_magnitude_vector": each for layer, each in lengths.items()}
    save_file(peft, tmp_path / "peft.safetensors")
    kohya = written(FORMS["kohya's"])
    kohya |= {f"lora_unet_{k.replace('.', '_')}.dora_scale": each[:, None].clone() for k, each in lengths.items()}
    save_file(kohya, tmp_path / "kohya.safetensors")
    wanted = drawn(tmp_path / "peft.safetensors")
    assert not torch.allclose(wanted, canonical(tmp_path), atol=1e-3)
    assert torch.equal(drawn(tmp_path / "kohya.safetensors"), wanted)
    net = tiny_transformer()
    loras = Loras(net)
    loras.load(tmp_path / "peft.safetensors", scale=0.0)
    assert torch.equal(output(net), output(tiny_transformer()))
    loras.weigh({"default": 1.0})
    assert torch.equal(output(net), wanted)


def test_a_folder_means_its_published_file_or_its_only_one(tmp_path: Path) -> None:
    wanted = canonical(tmp_path)
    (tmp_path / "some").mkdir()
    save_file(written(published), tmp_path / "some" / "style.safetensors")
    assert torch.equal(drawn(tmp_path / "some"), wanted)
    save_file(written(published), tmp_path / "some" / "more.safetensors")
    with pytest.raises(BadCheckpoint, match=r"holds more\.safetensors, style\.safetensors; give the path of one"):
        drawn(tmp_path / "some")
    save_file(written(published), tmp_path / "some" / LORA_FILE)
    assert torch.equal(drawn(tmp_path / "some"), wanted)


def test_weights_that_fit_nothing_are_refused_with_what_they_are(tmp_path: Path) -> None:
    whole = {name: each.clone() for name, each in tiny_transformer().state_dict().items()}
    trained = {key.replace("attn.to_q.weight", "attn.to_q.base_layer.weight"): each for key, each in whole.items()}
    plain, one = written(published), torch.zeros(4, 4)
    layer = "transformer.layers.0.attn.to_q"
    cases: list[tuple[Weights, str]] = [
        (plain | {"text_encoder.layers.0.q_proj.lora_A.weight": one}, r"text model or the VAE \(text_encoder\.layers"),
        (plain | {"lora_te1_layers_0_q_proj.lora_down.weight": one}, "text model or the VAE"),
        (plain | {"transformer.blocks.0.lora_A.weight": one}, r"transformer\.blocks\.0\.lora_A\.weight fits no layer"),
        (plain | {"colour.layers.0.attn.to_q.lora_A.weight": one}, r"colour\.layers.*fits no layer"),
        ({f"{layer}.lokr_w1": one, f"{layer}.lokr_w2": one}, "is LoKr, .*to_q.lokr_w1; only LoRA and DoRA"),
        ({f"{layer}.hada_w1_a": one}, "is LoHa"),
        ({"lora_unet_layers_0_attn_to_q.oft_blocks": one}, "is OFT"),
        (plain | {f"{layer}.diff": one}, "a difference of whole weights"),
        (whole, r"is a whole model, .* load it as a checkpoint"),
        (trained | written(FORMS["the trainer's"]), "a LoRA together with the whole model"),
        (plain | {published("x_embedder")[0].removeprefix("transformer."): one}, "has two weights for one place"),
        (plain | written(FORMS["peft's in memory"]) | written(FORMS["the trainer's"]), "two weights|several LoRAs"),
        (written(FORMS["peft's in memory"]) | written(FORMS["the trainer's"]), r"several LoRAs \(default, style\)"),
        ({}, "it is empty"),
        ({f"{layer}.alpha": torch.tensor(2.0)}, r"layers\.0\.attn\.to_q has not two halves"),
        (plain | {f"{layer}.alpha": torch.zeros(2)}, "an alpha is one number"),
        (plain | {f"{layer}.alpha": torch.tensor(0.0)}, r"alphas that are not positive: 0 of layers\.0\.attn\.to_q"),
        (plain | {f"{layer}.lora_magnitude_vector": torch.ones(48)}, "has no magnitude"),
        (plain | {f"{layer}.dora_scale": torch.ones(1, 49)}, "the layer has 48 outputs"),
        (
            plain | {published("x_embedder")[1]: torch.zeros(48, 3)},
            r"x_embedder has not two halves of one rank \(4 and 3",
        ),
    ]
    for number, (tensors, message) in enumerate(cases):
        save_file({key: each.clone() for key, each in tensors.items()}, tmp_path / f"{number}.safetensors")
        with pytest.raises(BadCheckpoint, match=message):
            drawn(tmp_path / f"{number}.safetensors")


def test_settings_that_contradict_the_weights_or_each_other_are_refused(tmp_path: Path) -> None:
    file = tmp_path / LORA_FILE
    cases: list[tuple[dict[str, object], str]] = [
        ({"r": 8}, r"ranks that .*adapter_config\.json beside it names: .*layers\.0\.attn\.to_q has rank 4 and not 8"),
        ({"r": 4, "rank_pattern": {"to_k": 2}}, "to_k has rank 4 and not 2"),
        ({"lora_alpha": -1}, r"lora_alpha by .*=-1; it must be a positive number"),
        ({"lora_alpha": "much"}, "='much'"),
        ({"lora_alpha": 8}, r"alpha 2 by its header's ss_network_alpha, and 8 by the adapter_config\.json"),
        ({"peft_type": "LOHA"}, "is a LOHA adapter"),
        ({"init_lora_weights": "pissa"}, "begun by pissa"),
    ]
    for config, message in cases:
        save_file(written(published), file, metadata={"ss_network_alpha": "2"})
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        with pytest.raises(BadCheckpoint, match=message):
            drawn(file)
    (tmp_path / "adapter_config.json").unlink()
    for header in ({"lora_adapter_metadata": "{"}, {"lora_adapter_metadata": "[]"}, {"lora_alpha": "nan"}):
        save_file(written(published), file, metadata=header)
        with pytest.raises(BadCheckpoint, match=r"no JSON|must be a positive number"):
            drawn(file)


def test_a_file_that_is_no_safetensors_is_named_for_what_it_is_whatever_its_name(tmp_path: Path) -> None:
    pairs: list[tuple[bytes, str]] = [
        (pickle.dumps({"a": 1}), "is a pickle .* is refused; convert it to safetensors"),
        (b"GGUF\x03\x00\x00\x00" + b"\0" * 60, "is a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a pointer of a large file"),
        (b"\n<!DOCTYPE html><html><head></head></html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 60, "weights of another framework"),
        (b"\x1f\x8b" + b"\0" * 60, "a packed archive"),
        (b"", "is empty"),
        (b"no tensors at all", "cut short or no safetensors file"),
    ]
    torch.save({"a": torch.zeros(2)}, tmp_path / "new.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    pairs += [((tmp_path / name).read_bytes(), "is a pickle") for name in ("new.pt", "old.pt")]
    for content, message in pairs:
        for name in (LORA_FILE, "lora.bin", "lora.pt", "lora.ckpt", "lora"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(BadCheckpoint, match=message):
                drawn(tmp_path / name)
    (tmp_path / "only").mkdir()
    torch.save({"a": torch.zeros(2)}, tmp_path / "only" / "pytorch_lora_weights.bin")
    with pytest.raises(BadCheckpoint, match=r"no LoRA in safetensors; pytorch_lora_weights\.bin is a pickle"):
        drawn(tmp_path / "only")


def test_a_safetensors_file_of_any_name_is_read(tmp_path: Path) -> None:
    wanted = canonical(tmp_path)
    for name in ("lora.bin", "lora", "lora.st"):
        save_file(written(published), tmp_path / name)
        assert torch.equal(drawn(tmp_path / name), wanted)


def test_a_lora_comes_before_sequential_offload_and_is_refused_after_it(tmp_path: Path) -> None:
    canonical(tmp_path)
    pipeline = tiny_pipeline()
    pipeline.enable_sequential_cpu_offload(device="cpu")
    with pytest.raises(BadSetting, match="load its LoRAs first and offload it afterwards"):
        pipeline.loras.load(tmp_path / "canonical.safetensors")


def test_a_lora_on_weights_of_eight_bits_keeps_its_own_precision(tmp_path: Path) -> None:
    canonical(tmp_path)
    net = tiny_transformer()
    net.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    before = output(net)
    Loras(net).load(tmp_path / "canonical.safetensors")
    kept = dict(net.named_parameters())
    layer = "layers.0.attn.to_q"
    assert torch.equal(kept[f"{layer}.lora_A.default.weight"], halves()[layer][0])
    assert not torch.allclose(output(net), before, atol=1e-3)
