"""Saving a pipeline in whatever state it is: with LoRAs, offloaded, in few bits, over itself; or a refusal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.hooks.group_offloading import apply_group_offloading
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from omniagent.model.checkpoint.folder import load_module
from omniagent.model.checkpoint.settings import FAMILY, SETTINGS_FILE
from omniagent.model.errors import BadSetting, OutputUnwritable, StorageFull
from omniagent.model.files.disk import disk_faults
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.memory import MODES, hold
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.model.test_lora import MODULES, adapter
from tests.support.tiny_omnigen2 import tiny_pipeline

CPU = torch.device("cpu")
NETWORKS = ("transformer", "vae", "mllm")


def picture(pipeline: OmniGen2Pipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    untyped: Any = pipeline
    return untyped("x", num_inference_steps=2, generator=torch.Generator().manual_seed(1), output_type="np").images


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    # Weights lie at other addresses in memory, which may change the order of additions.
    return float(np.abs(one - other).max()) < 1e-4


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dora(folder: Path, seed: int) -> Path:
    file = next(adapter(folder, seed).glob("*.safetensors"))
    lengths = {f"transformer.{k}.lora_magnitude_vector": torch.rand(out) + 0.5 for k, (_, out) in MODULES.items()}
    save_file(load_file(file) | lengths, file)
    return folder


def rank_stabilised(folder: Path, seed: int) -> Path:
    file = next(adapter(folder, seed).glob("*.safetensors"))
    said = {"transformer.r": 4, "transformer.lora_alpha": 3, "transformer.use_rslora": True}
    save_file(load_file(file), file, metadata={"lora_adapter_metadata": json.dumps(said)})
    return folder


def test_a_pipeline_with_loras_is_saved_without_them_and_keeps_them(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "before")
    pipeline.loras.load(adapter(tmp_path / "a", 1), "a")
    pipeline.loras.load(adapter(tmp_path / "b", 2), "b", scale=0.5)
    worn = picture(pipeline)
    pipeline.save_pretrained(tmp_path / "with")
    assert files(tmp_path / "with") == files(tmp_path / "before")
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "with")), picture(tiny_pipeline()))
    assert pipeline.loras.scales == {"a": 1.0, "b": 0.5} and np.array_equal(picture(pipeline), worn)
    pipeline.loras.weigh({"a": 0.0, "b": 0.0})
    pipeline.save_pretrained(tmp_path / "weighed", fuse_loras=True)
    pipeline.loras.unload("a")
    pipeline.save_pretrained(tmp_path / "one off")
    pipeline.loras.unload()
    pipeline.save_pretrained(tmp_path / "all off", fuse_loras=True)
    for name in ("weighed", "one off", "all off"):
        assert files(tmp_path / name) == files(tmp_path / "before"), name


@pytest.mark.parametrize("kind", [adapter, dora, rank_stabilised])
def test_fused_loras_draw_from_the_saved_checkpoint_what_they_draw_now(
    tmp_path: Path, kind: Callable[[Path, int], Path]
) -> None:
    pipeline = tiny_pipeline()
    pipeline.loras.load(kind(tmp_path / "a", 1), "a", scale=0.7)
    pipeline.loras.load(adapter(tmp_path / "b", 2), "b", scale=-0.5)
    pipeline.loras.load(dora(tmp_path / "c", 3), "c")
    pipeline.save_pretrained(tmp_path / "fused", fuse_loras=True)
    loaded = OmniGen2Pipeline.from_pretrained(tmp_path / "fused")
    assert loaded.loras.scales == {}
    assert alike(picture(loaded), picture(pipeline)) and not alike(picture(loaded), picture(tiny_pipeline()))
    pipeline.loras.unload()
    assert alike(picture(pipeline), picture(tiny_pipeline()))


def test_a_single_network_is_saved_without_or_with_its_loras(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.loras.load(adapter(tmp_path / "a", 1))
    for fuse in (False, True):
        folder = tmp_path / str(fuse)
        pipeline.transformer.save_pretrained(folder, fuse_loras=fuse, max_shard_size="100KB")
        alone = load_module(OmniGen2Transformer2DModel, folder, torch.float32).eval()
        wanted = tiny_pipeline() if not fuse else pipeline
        made = tiny_pipeline()
        made.register_modules(transformer=alone)
        assert alike(picture(made), picture(wanted))


def test_loras_that_are_fused_in_memory_are_saved_only_as_such(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.loras.load(adapter(tmp_path / "a", 1))
    worn = picture(pipeline)
    pipeline.transformer.fuse_lora()
    with pytest.raises(BadSetting, match=r"LoRAs fused into its weights.*unfuse_lora.*fuse_loras=True"):
        pipeline.save_pretrained(tmp_path / "plain")
    pipeline.save_pretrained(tmp_path / "fused", fuse_loras=True)
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "fused")), worn)
    assert not (tmp_path / "plain").exists()


def test_adapters_of_the_text_model_and_the_vae_are_left_out_or_fused_too(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "before")
    settings: dict[str, Any] = {"r": 2, "init_lora_weights": False}
    pipeline.mllm.add_adapter(LoraConfig(target_modules=["q_proj"], **settings))
    pipeline.vae.add_adapter(LoraConfig(target_modules=["to_q"], **settings))
    pipeline.save_pretrained(tmp_path / "plain")
    assert files(tmp_path / "plain") == files(tmp_path / "before")
    pipeline.save_pretrained(tmp_path / "fused", fuse_loras=True)
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "fused")), picture(pipeline))


def test_offloaded_weights_are_saved_wherever_they_lie(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "before")
    ways: dict[str, Callable[[OmniGen2Pipeline], object]] = {
        "layer by layer": lambda each: each.enable_sequential_cpu_offload(device="cpu"),
        **{mode: lambda each, mode=mode: hold(each, mode, CPU) for mode in MODES if mode != "model"},
    }
    for name, offload in ways.items():
        pipeline = tiny_pipeline()
        offload(pipeline)
        pipeline.save_pretrained(tmp_path / name)
        assert files(tmp_path / name) == files(tmp_path / "before"), name
    worn = tiny_pipeline()
    worn.loras.load(adapter(tmp_path / "a", 1))
    before = picture(worn)
    worn.enable_sequential_cpu_offload(device="cpu")
    for fuse in (False, True):
        worn.save_pretrained(tmp_path / str(fuse), fuse_loras=fuse)
    assert files(tmp_path / "False") == files(tmp_path / "before")
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "True")), before)


def test_half_precision_and_eight_bits_are_saved_with_the_values_that_are_computed_with(tmp_path: Path) -> None:
    for dtype in (torch.bfloat16, torch.float16):
        pipeline = tiny_pipeline()
        pipeline.to(dtype)
        pipeline.save_pretrained(tmp_path / str(dtype))
        held = load_file(next((tmp_path / str(dtype) / "transformer").glob("*.safetensors")))
        assert all(torch.equal(each, held[key]) for key, each in pipeline.transformer.state_dict().items())
        OmniGen2Pipeline.from_pretrained(tmp_path / str(dtype), torch_dtype=dtype)
    pipeline = tiny_pipeline()
    pipeline.transformer.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    pipeline.save_pretrained(tmp_path / "eight")
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "eight")), picture(pipeline))
    pipeline.loras.load(adapter(tmp_path / "a", 1))
    pipeline.save_pretrained(tmp_path / "eight fused", fuse_loras=True)
    assert alike(picture(OmniGen2Pipeline.from_pretrained(tmp_path / "eight fused")), picture(pipeline))


def test_saving_over_a_checkpoint_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "fresh")
    whole = files(tmp_path / "fresh")
    tiny_pipeline().save_pretrained(tmp_path / "again", max_shard_size="100KB")
    shards = files(tmp_path / "again")
    pipeline = OmniGen2Pipeline.from_pretrained(tmp_path / "again")
    for size, wanted in (("5GB", whole), ("100KB", shards), ("5GB", whole)):
        pipeline.save_pretrained(tmp_path / "again", max_shard_size=size)
        assert files(tmp_path / "again") == wanted
    assert alike(picture(pipeline), picture(OmniGen2Pipeline.from_pretrained(tmp_path / "again")))
    assert (tmp_path / "again" / SETTINGS_FILE).is_file()
    pipeline.profiles = FAMILY
    pipeline.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again" / SETTINGS_FILE).exists()
    assert OmniGen2Pipeline.from_pretrained(tmp_path / "again").profiles == FAMILY


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    for name in ("README.md", "transformer/notes.txt", "transformer/other.safetensors"):
        (tmp_path / name).write_text("mine")
    tiny_pipeline().save_pretrained(tmp_path)
    assert {"README.md", "transformer/notes.txt", "transformer/other.safetensors"} <= set(files(tmp_path))
    assert not list(tmp_path.glob(".*"))


def test_what_no_checkpoint_can_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def on_disk(pipeline: OmniGen2Pipeline) -> None:
        apply_group_offloading(
            pipeline.transformer, CPU, CPU, offload_type="leaf_level", offload_to_disk_path=str(tmp_path / "disk")
        )

    def lost(pipeline: OmniGen2Pipeline) -> None:
        pipeline.vae.to("meta")  # pyright: ignore[reportArgumentType]

    def grown(pipeline: OmniGen2Pipeline) -> None:
        pipeline.transformer.head = torch.nn.Linear(2, 2)

    def shrunk(pipeline: OmniGen2Pipeline) -> None:
        pipeline.transformer.x_embedder = torch.nn.Linear(2, 2)

    def counted(pipeline: OmniGen2Pipeline) -> None:
        weight = torch.nn.Parameter(torch.zeros(48, 64, dtype=torch.int8), requires_grad=False)
        pipeline.transformer.x_embedder.weight = weight

    def broken(pipeline: OmniGen2Pipeline) -> None:
        pipeline.mllm.lm_head.weight.data[0, 0] = float("nan")

    def sampler(pipeline: OmniGen2Pipeline) -> None:
        pipeline.register_modules(scheduler=EulerDiscreteScheduler())

    cases: list[tuple[Callable[[OmniGen2Pipeline], None], str]] = [
        (on_disk, "the transformer keeps its weights on a disk"),
        (lost, "the vae keeps its weights nowhere that can be read"),
        (grown, r"the transformer cannot be saved.*knows no head\.bias, head\.weight"),
        (shrunk, r"x_embedder\.bias is \[2\] of torch\.float32, not \[48\]"),
        (counted, r"x_embedder\.weight is \[48, 64\] of torch\.int8"),
        (broken, r"the mllm cannot be saved.*NaN or infinite: .*"),
        (sampler, "the scheduler is EulerDiscreteScheduler; only FlowMatchEulerDiscreteScheduler, DPMSolver"),
    ]
    tiny_pipeline().save_pretrained(tmp_path / "kept")
    before = files(tmp_path / "kept")
    for damage, message in cases:
        pipeline = tiny_pipeline()
        damage(pipeline)
        with pytest.raises(BadSetting, match=message):
            pipeline.save_pretrained(tmp_path / "kept")
        assert files(tmp_path / "kept") == before


def test_a_disk_that_gives_up_leaves_the_old_checkpoint_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "kept")
    before = files(tmp_path / "kept")
    pipeline = tiny_pipeline()

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pipeline.processor.tokenizer, "save_pretrained", fails)
    with pytest.raises(OutputUnwritable, match="Permission denied"):
        pipeline.save_pretrained(tmp_path / "kept", max_shard_size="100KB")
    assert files(tmp_path / "kept") == before
    shutil.rmtree(tmp_path / "kept")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("I/O error: No space left on device (os error 28)", StorageFull),
        ("I/O error: Permission denied (os error 13)", OutputUnwritable),
        ("no such tensor", SafetensorError),
    ],
)
def test_what_safetensors_says_of_the_disk_is_told_as_the_system_would(
    tmp_path: Path, said: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=said.split(":")[0] if kind is SafetensorError else str(tmp_path)), \
            disk_faults(tmp_path):  # fmt: skip
        raise SafetensorError(said)
