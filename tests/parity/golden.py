"""A folder of recorded cases: its manifest, tensors, settings and checkpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from safetensors.torch import load_file
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.checkpoint.folder import load_mllm, load_module
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline

Tensors = dict[str, torch.Tensor]
PUBLIC = Path(__file__).parents[3] / "shared" / "golden"
KEPT = Path(__file__).parents[1] / "golden"


class NotCovered(Exception):
    """The case asks for something that this implementation does not do (yet)."""


@dataclass
class Golden:
    """One golden folder. Checkpoints are found in it, or in the folder beside this repository, and loaded once."""

    folder: Path
    _pipelines: dict[str, OmniGen2Pipeline] = field(default_factory=dict[str, OmniGen2Pipeline])

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    def cases(self) -> list[Case]:
        return [Case(self, name, entry) for name, entry in self.manifest["cases"].items()]

    def checkpoint(self, name: str) -> Path:
        """Folder of a checkpoint, or of other data that cases share."""
        places = (self.folder, self.folder.parent, self.folder.parent / "golden", PUBLIC)
        for place in places:
            if (place / name).is_dir():
                return place / name
        raise FileNotFoundError(f"{name} lies neither in {self.folder} nor beside it")

    def pipeline(self, name: str) -> OmniGen2Pipeline:
        if name not in self._pipelines:
            pipeline = OmniGen2Pipeline.from_pretrained(self.checkpoint(name))
            pipeline.set_progress_bar_config(disable=True)
            self._pipelines[name] = pipeline
        return self._pipelines[name]

    def transformer(self, name: str, dtype: torch.dtype = torch.float32) -> OmniGen2Transformer2DModel:
        """A fresh copy, for cases that change or convert it."""
        return load_module(OmniGen2Transformer2DModel, self.checkpoint(name) / "transformer", dtype).eval()


@dataclass
class Case:
    """One entry of a manifest."""

    golden: Golden
    name: str
    entry: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]

    @cached_property
    def tensors(self) -> Tensors:
        return load_file(self.golden.folder / self.entry["file"])

    @cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads((self.golden.folder / self.entry["meta"]).read_text(encoding="utf-8"))

    @property
    def tolerance(self) -> dict[str, float]:
        return self.entry["suggested_tolerance"]

    @property
    def checkpoint(self) -> Path:
        return self.golden.checkpoint(self.meta["checkpoint"])

    @property
    def pipeline(self) -> OmniGen2Pipeline:
        return self.golden.pipeline(self.meta["checkpoint"])

    def vae(self) -> AutoencoderKL:
        return load_module(AutoencoderKL, self.checkpoint / "vae", torch.float32).eval()

    def mllm(self) -> Qwen2_5_VLForConditionalGeneration:
        return load_mllm(self.checkpoint / "mllm", torch.float32).eval()

    def processor(self) -> LightProcessor:
        return LightProcessor.from_pretrained(self.checkpoint / "processor")

    def numbered(self, name: str) -> list[torch.Tensor]:
        """`name.0`, `name.1`, … in order."""
        return [self.tensors[f"{name}.{i}"] for i in range(self.count(name))]

    def count(self, name: str) -> int:
        found = 0
        while f"{name}.{found}" in self.tensors:
            found += 1
        return found

    def references(self, samples: int, name: str = "ref") -> list[list[torch.Tensor]]:
        """`name.i.j` for each sample i."""
        return [self.numbered(f"{name}.{sample}") for sample in range(samples)]

    def pictures(self, prompts: int) -> list[list[Image.Image]]:
        """`input_image.j` of the only prompt, or `input_image.i.j` of each prompt i."""
        if self.count("input_image"):
            return [[Image.fromarray(each.numpy()) for each in self.numbered("input_image")]]
        return [
            [Image.fromarray(each.numpy()) for each in pictures] for pictures in self.references(prompts, "input_image")
        ]
