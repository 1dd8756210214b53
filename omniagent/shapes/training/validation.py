"""Judges the generator while it trains: validation tasks drawn with the real pipeline and read by the oracle."""

from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline, OmniGen2PipelineOutput
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.painting.own_pictures import generator_words
from omniagent.shapes.tasks.task import Kind, ShapesTask, sample_task

STATIC_SHIFT = 3.0
STEPS = 20
TEXT_GUIDANCE, IMAGE_GUIDANCE = 2.0, 1.5


def small_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """The sampler of the bundled checkpoint: more steps near the noise, whatever the size."""
    return FlowMatchEulerDiscreteScheduler(static_shift=STATIC_SHIFT)


class GeneratorValidation:
    """Draws a fixed set of validation tasks and writes them as one sheet of pictures."""

    def __init__(
        self,
        vae: AutoencoderKL,
        mllm: Qwen2_5_VLForConditionalGeneration,
        processor: LightProcessor,
        *,
        draws: int = 24,
        edits: int = 8,
        references: int = 4,
        seed: int = 11,
    ) -> None:
        rng = np.random.default_rng(seed)
        self._parts = (vae, mllm, processor)
        numbers: dict[Kind, int] = {"draw": draws, "edit": edits, "reference": references}
        self._tasks = [sample_task(rng, kind, "validation") for kind, number in numbers.items() for _ in range(number)]

    def __call__(self, transformer: OmniGen2Transformer2DModel, folder: Path) -> dict[str, float]:
        """Share of tasks whose picture is right in all, and share of requirements that hold, by kind."""
        vae, mllm, processor = self._parts
        pipeline = OmniGen2Pipeline(transformer, vae, small_scheduler(), mllm, processor)
        pipeline.set_progress_bar_config(disable=True)
        found: dict[str, list[tuple[float, float]]] = {}
        rows: list[np.ndarray] = []
        for kind in ("draw", "edit", "reference"):
            tasks = [task for task in self._tasks if task.kind == kind]
            for start in range(0, len(tasks), 12):
                part = tasks[start : start + 12]
                for task, picture in zip(part, paint(pipeline, part), strict=True):
                    assert task.wanted is not None
                    judged = judge(picture, task.wanted)
                    found.setdefault(kind, []).append((float(right(judged)), float(np.mean([j.holds for j in judged]))))
                    rows.append(np.concatenate([picture, *task.images[:1]], axis=1) if kind != "draw" else picture)
        folder.mkdir(parents=True, exist_ok=True)
        sheet(rows).save(folder / "sheet.png")
        figures: dict[str, float] = {}
        for kind, values in found.items():
            figures[f"{kind}_right"] = float(np.mean([v[0] for v in values]))
            figures[f"{kind}_held"] = float(np.mean([v[1] for v in values]))
        return figures


def paint(
    pipeline: OmniGen2Pipeline, tasks: list[ShapesTask], *, steps: int = STEPS, seed: int = 0
) -> list[np.ndarray]:
    """One picture for each task from its canonical instruction, (128, 128, 3) uint8."""
    references = [[Image.fromarray(picture) for picture in task.images] or None for task in tasks]
    output = pipeline(
        [generator_words(task) for task in tasks],
        input_images=references if any(references) else None,
        num_inference_steps=steps,
        text_guidance_scale=TEXT_GUIDANCE,
        image_guidance_scale=IMAGE_GUIDANCE if any(references) else 1.0,
        height=128,
        width=128,
        align_res=False,
        generator=[torch.Generator().manual_seed(seed + i) for i in range(len(tasks))],
    )
    assert isinstance(output, OmniGen2PipelineOutput)
    return [np.asarray(image) for image in output.images]  # pyright: ignore[reportGeneralTypeIssues]


def sheet(pictures: list[np.ndarray], columns: int = 8) -> Image.Image:
    """Pictures side by side, those of other widths in rows of their own."""
    lines: list[np.ndarray] = []
    for width in sorted({p.shape[1] for p in pictures}):
        alike = [p for p in pictures if p.shape[1] == width]
        per = columns * 128 // width
        for start in range(0, len(alike), per):
            line = np.concatenate(alike[start : start + per], axis=1)
            lines.append(np.pad(line, ((0, 2), (0, max(0, columns * 128 - line.shape[1])), (0, 0))))
    return Image.fromarray(np.concatenate(lines, axis=0))
