"""Trains a small Qwen2.5-VL on lessons (`lesson_packing.py`)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.training.captions import CaptionFigures, CaptionProbe
from omniagent.model.training.compiling import LayersCompiled
from omniagent.model.training.lesson_packing import (
    IGNORE,
    LessonBatch,
    LessonPacker,
    PackedBatch,
    PackedGroup,
    branch_mask,
)
from omniagent.model.training.prefetch import Ahead
from omniagent.model.training.vision import normalised, vision_tokens

CAPTION_WEIGHT = 0.5


class _Answers(NamedTuple):
    """Logits (n, vocabulary), labels, weights and lessons' numbers (n,) at a group's answers; facts, if asked."""

    logits: Tensor
    labels: Tensor
    weights: Tensor
    topic: str
    lessons: Tensor
    facts: Tensor | None = None
    true: Tensor | None = None


def _mean_loss(answers: _Answers) -> Tensor:
    each = F.cross_entropy(answers.logits, answers.labels, reduction="none")
    return (each * answers.weights).sum() / answers.weights.sum()


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; an accelerator fetches it while more is being prepared."""
    if device.type != "cuda" or not tensor.numel():
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class MllmTraining:
    """The MLLM as a component of the loop: its language half learns, and its vision tower `vision_from` a step on.

    A tower that learns from the start of new lessons follows the errors of a language half that does not know them.
    `weights`: of the topics of lessons, 1 where none is named. A topic's loss is a mean over its tokens, so long
    answers that are right only as a whole, as plans are, need more.
    `caption_weight`: weight of the questions about generators' instructions.
    `anchor`: an earlier MLLM whose text states of generators' instructions are kept, since a transformer learned them.
    `workers`: processes that make lessons beforehand.
    `compile_from`: the step from which the language half's layers are compiled; None for never.
    """

    def __init__(
        self,
        module: CaptionProbe,
        packer: LessonPacker,
        batches: Callable[[int], LessonBatch],
        validation: Sequence[LessonBatch],
        *,
        vision_from: int | None = None,
        caption_weight: float = CAPTION_WEIGHT,
        anchor: Qwen2_5_VLForConditionalGeneration | None = None,
        anchor_weight: float = 4.0,
        weights: Mapping[str, float] | None = None,
        workers: int = 0,
        compile_from: int | None = None,
    ) -> None:
        self.module: nn.Module = module
        self._mllm, self._caption_weight = module.mllm, caption_weight
        self._anchor = None if anchor is None else anchor.eval().requires_grad_(False)
        self._anchor_weight, self._weights = anchor_weight, weights or {}
        self._tokenizer = packer.tokenizer
        self._batches = Ahead(lambda step: packer.packed(batches(step)), workers)
        self._validation = [packer.packed(batch) for batch in validation]
        self._compiled = LayersCompiled(module.mllm.model.language_model.layers, compile_from)
        self._vision_from = vision_from
        module.mllm.model.visual.requires_grad_(vision_from is not None)

    def batch(self, step: int) -> PackedBatch:
        """Lessons of this step."""
        return self._batches(step)

    def _answers(self, batch: PackedBatch, *, vision: bool = False) -> list[_Answers]:
        """The answers of each group; `vision` for gradients of the tower."""
        model = self._mllm
        device = next(model.parameters()).device
        features: Tensor | None = None
        if len(batch.pictures):
            with torch.set_grad_enabled(vision and torch.is_grad_enabled()):
                features = vision_tokens(model.model.visual, normalised(_moved(batch.pictures, device)))
        return [self._read(group, features) for group in batch.groups]

    def _read(self, group: PackedGroup, features: Tensor | None) -> _Answers:
        """The answers of one topic's lessons."""
        model = self._mllm
        device = next(model.parameters()).device
        logits: list[Tensor] = []
        labels: list[Tensor] = []
        weights: list[Tensor] = []
        lessons: list[Tensor] = []
        facts: list[Tensor] = []
        true: list[Tensor] = []
        before = 0
        for chunk in group.chunks:
            # Found on the CPU, where the lessons come from: an accelerator would be waited for to count them.
            row, column = (chunk["labels"][:, 1:] != IGNORE).nonzero(as_tuple=True)
            asked = {name: chunk[name][row, column + 1] for name in ("labels", "weights", "facts")}
            asked |= {"row": row, "column": column}
            data = {name: _moved(value, device) for name, value in (chunk | asked).items()}
            embeds = model.model.language_model.embed_tokens(data["ids"])
            slots = data["ids"] == model.config.image_token_id
            if features is not None and len(data["pictures"]):
                seen = features[data["pictures"]].flatten(0, 1).to(embeds.dtype)
                embeds = embeds.masked_scatter(slots[..., None], seen)
            half = torch.is_autocast_enabled(device.type)
            kind = torch.get_autocast_dtype(device.type) if half else embeds.dtype
            states = model.model.language_model(
                inputs_embeds=embeds,
                attention_mask={"full_attention": branch_mask(data["branch"], kind)},
                position_ids=data["positions"],
                use_cache=False,
            ).last_hidden_state
            read = states[data["row"], data["column"]]
            logits.append(model.lm_head(read).float())
            labels.append(data["labels"])
            weights.append(data["weights"])
            lessons.append(data["row"] + before)
            before += len(chunk["ids"])
            if group.factual:
                facts.append(self.module.facts(read).float())  # pyright: ignore[reportCallIssue]
                true.append(data["facts"])
        answers = _Answers(torch.cat(logits), torch.cat(labels), torch.cat(weights), group.topic, torch.cat(lessons))
        return answers._replace(facts=torch.cat(facts), true=torch.cat(true)) if facts else answers

    def loss(self, batch: PackedBatch, step: int) -> tuple[Tensor, dict[str, float | Tensor]]:
        """Weighted sum over the topics of the weighted mean cross entropy of their answers' tokens."""
        self._compiled.before(step)
        answers = self._answers(batch, vision=self._vision_from is not None and step >= self._vision_from)
        losses = {one.topic: _mean_loss(one) for one in answers}
        for one in answers:
            if one.facts is not None and one.true is not None:
                losses[f"{one.topic}_facts"] = F.cross_entropy(one.facts, one.true)
        figures: dict[str, float | Tensor] = {topic: value.detach() for topic, value in losses.items()}
        total = torch.stack([self._weights.get(topic, 1.0) * value for topic, value in losses.items()]).sum()
        if batch.captions:
            told: CaptionFigures = self.module(self._tokenizer, batch.captions, self._anchor)
            total = total + self._caption_weight * told.loss + self._anchor_weight * told.drift
            figures |= {"caption_right": told.right, "drift": told.drift.detach()}
        return total, figures

    @torch.no_grad()
    @torch.no_grad()
    def export(self, folder: Path) -> dict[str, float]:
        """Save the MLLM; teacher-forced share of right tokens for each topic on the validation lessons.

        ``…_whole`` is the share of lessons with no wrong token: a model that writes what is likeliest then writes just
        the answer.
        """
        self._mllm.save_pretrained(folder / "mllm")
        with self._compiled.as_written():
            return self._figures()

    def _figures(self) -> dict[str, float]:
        right: dict[str, list[Tensor]] = {}
        for batch in self._validation:
            for one in self._answers(batch):
                hits = (one.logits.argmax(-1) == one.labels).float()
                right.setdefault(one.topic, []).append(hits)
                whole = torch.ones(int(one.lessons.max()) + 1, device=hits.device)
                whole = whole.scatter_reduce(0, one.lessons, hits, "amin")
                right.setdefault(f"{one.topic}_whole", []).append(whole)
        figures = {topic: float(torch.cat(values).mean()) for topic, values in right.items()}
        captions = [caption for batch in self._validation for caption in batch.captions]
        if captions:
            told: CaptionFigures = self.module(self._tokenizer, captions, self._anchor)
            figures |= {"caption": float(told.right), "drift": float(told.drift)}
        return figures
