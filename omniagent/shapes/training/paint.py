"""Has the work folder's painter draw training tasks, so that the MLLM learns to judge what painters really draw."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.training.attention import attention_kernels
from omniagent.shapes.training.own_pictures import paint_file
from omniagent.shapes.training.parts import read_mllm
from omniagent.shapes.training.stages import PAINTED, Stage, existing
from omniagent.shapes.training.validation import paint, small_scheduler


def paint_lessons(stage: Stage) -> Iterator[dict[str, Any]]:
    """Draw training tasks with the work folder's painter, for the MLLM's lessons: `steps` files of `batch` tasks each.

    Files that are there already are kept.
    """
    if stage.threads:
        torch.set_num_threads(stage.threads)
    vae = AutoencoderKL.from_pretrained(existing(stage.work / "vae/weights/vae", "vae"))
    mllm = read_mllm(existing(stage.work / "mllm/weights/mllm", "mllm"))
    dit = OmniGen2Transformer2DModel.from_pretrained(existing(stage.work / "dit/weights/transformer", "dit"))
    processor = LightProcessor.from_pretrained(stage.work / "processor")
    pipeline = OmniGen2Pipeline(dit, vae, small_scheduler(), mllm, processor)
    pipeline.set_progress_bar_config(disable=True)
    if torch.cuda.is_available():
        pipeline.to("cuda")
    for step in range(stage.steps or 40):
        path = stage.work / PAINTED / f"{stage.seed}-{step:04}.npz"
        if not path.is_file():
            with attention_kernels() if torch.cuda.is_available() else nullcontext():
                kept = paint_file(
                    path, lambda tasks, seed: paint(pipeline, tasks, seed=seed), seed=stage.seed, step=step,
                    number=stage.batch or 16,
                )  # fmt: skip
            yield {"step": step + 1, "kept": kept}
