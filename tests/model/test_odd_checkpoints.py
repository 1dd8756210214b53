"""Checkpoints with a file missing, empty, of another form or with impossible numbers: refused by name at loading."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import PreTrainedTokenizerBase

from omniagent.model.checkpoint.folder import load_mllm, load_module, load_scheduler
from omniagent.model.errors import BadCheckpoint, OutOfMemory
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.support.tiny_omnigen2 import PARTS, tiny_pipeline

LOADERS: dict[str, Callable[[Path], object]] = {
    "transformer": lambda folder: load_module(OmniGen2Transformer2DModel, folder, torch.float32),
    "vae": lambda folder: load_module(AutoencoderKL, folder, torch.float32),
    "scheduler": lambda folder: load_scheduler(folder, "FlowMatchEulerDiscreteScheduler"),
    "mllm": lambda folder: load_mllm(folder, torch.float32),
    "processor": LightProcessor.from_pretrained,
}
TRANSFORMER, VAE, MLLM = "transformer/config.json", "vae/config.json", "mllm/config.json"
SCHEDULER, WORDS = "scheduler/scheduler_config.json", "processor/tokenizer.json"
WORD_SETTINGS, PICTURE_SETTINGS = "processor/tokenizer_config.json", "processor/preprocessor_config.json"

# A file, what becomes of it (None: it is gone, a text: all of it, a dict: some of its keys), and what must be told.
ODD: list[tuple[str, str | dict[str, Any] | None, str]] = [
    (WORDS, None, "processor holds no usable processor, it lacks tokenizer.json"),
    (WORDS, "[]", "tokenizer.json describes no possible tokenizer"),
    (WORDS, "{}", "tokenizer.json describes no possible tokenizer"),
    (WORD_SETTINGS, None, "lacks tokenizer_config.json"),
    (WORD_SETTINGS, "[]", "tokenizer_config.json holds list; it must hold a JSON object"),
    (PICTURE_SETTINGS, None, "lacks preprocessor_config.json"),
    (PICTURE_SETTINGS, "[]", "preprocessor_config.json holds list"),
    (PICTURE_SETTINGS, "{}", "preprocessor_config.json describes no possible picture processor"),
    (PICTURE_SETTINGS, {"patch_size": 0}, "preprocessor_config.json describes no possible picture processor"),
    (PICTURE_SETTINGS, {"merge_size": "a"}, "preprocessor_config.json describes no possible picture processor"),
    (PICTURE_SETTINGS, {"image_mean": "a"}, "preprocessor_config.json describes no possible picture processor"),
    (TRANSFORMER, "[" * 100_000, "config.json cannot be read as JSON"),
    (TRANSFORMER, {"in_channels": -1}, "config.json describes no possible OmniGen2Transformer2DModel"),
    (TRANSFORMER, {"text_feat_dim": -1}, "config.json describes no possible OmniGen2Transformer2DModel"),
    (TRANSFORMER, {"num_kv_heads": 0}, "config.json describes no possible OmniGen2Transformer2DModel"),
    (TRANSFORMER, {"axes_lens": None}, "config.json has axes_lens=None; it must be positive"),
    (TRANSFORMER, {"axes_dim_rope": [-4, 12, 4]}, r"config.json has axes_dim_rope=\[-4, 12, 4\]; it must be positive"),
    (TRANSFORMER, {"axes_dim_rope": []}, "config.json describes no possible OmniGen2Transformer2DModel"),
    (TRANSFORMER, {"norm_eps": "a"}, "config.json has norm_eps='a'; it must be positive"),
    (TRANSFORMER, {"timestep_scale": float("nan")}, "config.json has timestep_scale=nan"),
    (TRANSFORMER, {"patch_size": -2}, "config.json has patch_size=-2; it must be positive"),
    (VAE, {"latent_channels": -8}, "vae/config.json describes no possible AutoencoderKL"),
    (VAE, {"block_out_channels": []}, "vae/config.json describes no possible AutoencoderKL"),
    (VAE, {"sample_size": "a"}, "vae/config.json describes no possible AutoencoderKL"),
    (VAE, {"scaling_factor": "a"}, "vae/config.json has scaling_factor='a'; it must be positive"),
    (VAE, {"scaling_factor": 0}, "vae/config.json has scaling_factor=0"),
    (VAE, {"scaling_factor": None}, "vae/config.json has scaling_factor=None"),
    (VAE, {"shift_factor": [1]}, r"vae/config.json has shift_factor=\[1\]; it must be a number or null"),
    (SCHEDULER, {"num_train_timesteps": 0}, "scheduler_config.json .* num_train_timesteps=0 .* positive whole number"),
    (SCHEDULER, {"num_train_timesteps": "a"}, "scheduler_config.json .* num_train_timesteps='a'"),
    (SCHEDULER, {"dynamic_time_shift": "no"}, "scheduler_config.json .* dynamic_time_shift='no' .* True or False"),
    (SCHEDULER, {"static_shift": "a"}, "scheduler_config.json .* static_shift='a' .* positive number or None"),
    (MLLM, "{}", "mllm/config.json has model_type=None; it must be 'qwen2_5_vl'"),
    (MLLM, "[]", "mllm/config.json holds list"),
    (MLLM, '{"model_type": "qwen2_5_vl"}', r"mllm/config.json describes [\d,]+ weights and .* holds"),
    (MLLM, {"model_type": "llama"}, "has model_type='llama'"),
    (MLLM, {"vision_config": 5}, "mllm/config.json describes no possible Qwen2.5-VL"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    tiny_pipeline().save_pretrained(folder)
    return folder


def _part(saved: Path, part: str, folder: Path) -> Path:
    return Path(shutil.copytree(saved / part, folder / part))


def _edit(path: Path, change: str | dict[str, Any] | None) -> None:
    if change is None:
        path.unlink()
    elif isinstance(change, str):
        path.write_text(change)
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(("file", "change", "message"), ODD, ids=[f"{file}: {change!s:.40}" for file, change, _ in ODD])
def test_a_file_that_nobody_can_use_is_named(
    saved: Path, tmp_path: Path, file: str, change: str | dict[str, Any] | None, message: str
) -> None:
    folder = _part(saved, file.split("/")[0], tmp_path)
    _edit(tmp_path / file, change)
    with pytest.raises(BadCheckpoint, match=message):
        LOADERS[folder.name](folder)


def test_half_of_a_vocabulary_in_two_files_is_refused_and_the_whole_is_read(saved: Path, tmp_path: Path) -> None:
    folder = _part(saved, "processor", tmp_path)
    words = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(words["vocab"]))
    for name in ("added_tokens.json", "tokenizer_config.json"):
        shutil.copy(PARTS / "processor" / name, folder)
    with pytest.raises(BadCheckpoint, match=r"lacks tokenizer\.json"):
        LightProcessor.from_pretrained(folder)
    (folder / "merges.txt").write_text("\n".join(map(" ".join, words["merges"])))
    read, whole = LightProcessor.from_pretrained(folder), LightProcessor.from_pretrained(saved / "processor")
    assert read.tokenizer.encode("<|im_start|>yes") == whole.tokenizer.encode("<|im_start|>yes")


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        # Marks that the settings name would be made up again, with other numbers.
        ({"added_tokens": []}, {"extra_special_tokens": []}, r"tokenizer\.json has no tokens for .*<\|image_pad\|>"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": []}}, {}, r"tokenizer\.json has no tokens for yes, no"),
    ],
    ids=["marks", "answers"],
)
def test_a_vocabulary_without_marks_or_answers_is_refused_with_what_it_lacks(
    saved: Path, tmp_path: Path, words: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    folder = _part(saved, "processor", tmp_path)
    _edit(folder / "tokenizer.json", words)
    _edit(folder / "tokenizer_config.json", settings)
    with pytest.raises(BadCheckpoint, match=message):
        LightProcessor.from_pretrained(folder)


def test_a_vocabulary_of_another_checkpoint_is_refused(
    saved: Path, tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "mixed"))
    _edit(folder / "mllm" / "config.json", {"image_token_id": 5})
    with pytest.raises(BadCheckpoint, match=r"processor has <\|image_pad\|> as token 572, and the network as 5;"):
        OmniGen2Pipeline.from_pretrained(folder)
    tokenizer.save_pretrained(folder / "processor")
    mark = tokenizer.get_vocab()["<|image_pad|>"]
    _edit(folder / "mllm" / "config.json", {"image_token_id": mark})
    with pytest.raises(BadCheckpoint, match=r"processor has tokens up to number \d+, and the network knows 608;"):
        OmniGen2Pipeline.from_pretrained(folder)


def test_a_lack_of_memory_is_not_the_checkpoints_fault(saved: Path, tmp_path: Path) -> None:
    folder = _part(saved, "transformer", tmp_path)
    _edit(tmp_path / TRANSFORMER, {"axes_lens": [10**15] * 3})
    with pytest.raises(OutOfMemory, match="too little memory"):
        load_module(OmniGen2Transformer2DModel, folder, torch.float32)


def test_weights_in_another_form_are_named_for_what_they_are(saved: Path, tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    page = b"<!DOCTYPE html>\n<html lang=en><title>Sign in</title></html>"
    weights = {
        part: next(path.name for path in (saved / part).glob("*.safetensors")) for part in ("transformer", "mllm")
    }
    cases: list[tuple[str, str, bytes, str]] = [
        (
            "transformer",
            weights["transformer"],
            pointer,
            r"diffusion_pytorch_model\.safetensors is a pointer of a large",
        ),
        ("mllm", weights["mllm"], pointer, r"mllm/model\.safetensors is a pointer"),
        ("transformer", weights["transformer"], page, r"\.safetensors is a web page"),
        ("transformer", weights["transformer"], pickle.dumps([1]), r"\.safetensors is a pickle .* refused"),
        ("mllm", weights["mllm"], b"GGUF\3\0\0\0" + bytes(40), r"model\.safetensors is a GGUF file"),
        ("transformer", weights["transformer"], b"", r"\.safetensors is empty; download it again"),
        ("transformer", "config.json", pointer, r"transformer/config\.json is a pointer"),
        ("vae", "config.json", page, r"vae/config\.json is a web page"),
        ("processor", "tokenizer.json", pointer, r"tokenizer\.json is a pointer"),
        ("processor", "preprocessor_config.json", page, r"preprocessor_config\.json is a web page"),
    ]
    for number, (part, name, content, message) in enumerate(cases):
        folder = _part(saved, part, tmp_path / str(number))
        (folder / name).write_bytes(content)
        with pytest.raises(BadCheckpoint, match=message):
            LOADERS[part](folder)


def test_a_folder_with_weights_in_another_form_alone_says_which(saved: Path, tmp_path: Path) -> None:
    cases = {
        "pytorch_model.bin": (b"", "is empty|is a pickle"),
        "diffusion_pytorch_model.bin": (pickle.dumps([1]), r"lacks .*; diffusion_pytorch_model\.bin is a pickle"),
        "weights": (pickle.dumps([1]), "weights is a pickle"),
        "model-Q4_K_M.gguf": (b"GGUF\3\0\0\0", "is a GGUF file"),
        "flax_model.msgpack": (b"\x81\xa1a\1", "weights of another framework"),
    }
    for number, (name, (content, message)) in enumerate(cases.items()):
        folder = _part(saved, "transformer", tmp_path / str(number))
        next(folder.glob("*.safetensors")).unlink()
        (folder / name).write_bytes(content)
        with pytest.raises(BadCheckpoint, match=message):
            LOADERS["transformer"](folder)
