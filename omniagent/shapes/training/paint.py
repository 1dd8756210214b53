"""Has the work folder's generator draw training tasks, so that the MLLM learns to judge what generators really draw."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.training.attention import attention_kernels
from omniagent.model.training.loop import asked_to_stop
from omniagent.shapes.painting.own_pictures import paint_file
from omniagent.shapes.training.parts import read_mllm
from omniagent.shapes.training.stages import PAINTED, Stage, existing, painted_at_once
from omniagent.shapes.training.validation import paint, small_scheduler


def paint_lessons(stage: Stage) -> Iterator[dict[str, Any]]:
    """Draw training tasks with the work folder's generator, for the MLLM's lessons: `steps` files of `batch` tasks.

    Files that are there already are kept. `init` and `anchor` name another transformer and another MLLM.

    Raises:
        BadSetting: the batch is more than is drawn at once; told before anything is read.
    """
    number = painted_at_once(stage.batch)
    if stage.threads:
        torch.set_num_threads(stage.threads)
    ends_at = min(stage.ends_at, time.time() + min(stage.time_limit, stage.finish_within))
    on_card = torch.cuda.is_available()
    # Read in the type that is computed in: diffusers warns of modules that are brought to a smaller one afterwards.
    kind = torch.bfloat16 if on_card else torch.float32
    vae = AutoencoderKL.from_pretrained(existing(stage.work / "vae/weights/vae", "vae"), torch_dtype=kind)
    mllm = read_mllm(existing(stage.anchor or stage.work / "mllm/weights/mllm", "mllm")).to(kind)  # pyright: ignore[reportArgumentType]
    own = existing(stage.init or stage.work / "dit/weights/transformer", "dit")
    dit = OmniGen2Transformer2DModel.from_pretrained(own, torch_dtype=kind)
    processor = LightProcessor.from_pretrained(stage.work / "processor")
    pipeline = OmniGen2Pipeline(dit, vae, small_scheduler(), mllm, processor)
    pipeline.set_progress_bar_config(disable=True)
    if on_card:
        pipeline.to("cuda")
    for step in range(stage.steps or 40):
        if asked_to_stop() or time.time() >= ends_at:
            break
        path = stage.work / PAINTED / f"{stage.seed}-{step:04}.npz"
        if not path.is_file():
            with attention_kernels() if on_card else nullcontext():
                kept = paint_file(
                    path, lambda tasks, seed: paint(pipeline, tasks, seed=seed), seed=stage.seed, step=step,
                    number=number,
                )  # fmt: skip
            yield {"step": step + 1, "kept": kept}
