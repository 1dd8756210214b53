"""Makes the text states that the generator is conditioned on say what belongs together.

Answers never read a prompt's last-layer states, yet those are what the transformer is given. So linear heads ask the
state at the end of each phrase of a generator's instruction what the phrase as a whole names. The heads are thrown away
afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.mllm.prompts import chat_prompt


@dataclass(frozen=True)
class Caption:
    """A generator's instruction; `ends` are the character counts at which its phrases end.

    `classes`: for each phrase one class for each question. Without phrases nothing is asked, but the states are kept
    near the anchor's.
    """

    text: str
    ends: tuple[int, ...]
    classes: tuple[tuple[int, ...], ...]


class CaptionFigures(NamedTuple):
    """Mean cross entropy over all questions, the share answered right, and the relative squared drift."""

    loss: Tensor
    right: float | Tensor
    drift: Tensor


class CaptionProbe(nn.Module):
    """An MLLM with one linear head for each question about a phrase; `sizes` are the numbers of classes.

    `facts` is the number of classes of facts behind yes and no: asked for the count itself, a model learns to count
    from more than one bit a question.
    """

    def __init__(self, mllm: Qwen2_5_VLForConditionalGeneration, sizes: Sequence[int], facts: int) -> None:
        super().__init__()
        self.mllm = mllm
        width = mllm.model.language_model.embed_tokens.embedding_dim
        self.facts = nn.Linear(width, facts)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)

    def forward(
        self,
        tokenizer: PreTrainedTokenizerBase,
        captions: Sequence[Caption],
        anchor: Qwen2_5_VLForConditionalGeneration | None = None,
    ) -> CaptionFigures:
        """Ask all questions; with an anchor also measure how far the states have moved from the anchor's."""
        prompts = [chat_prompt(caption.text) for caption in captions]
        coded = tokenizer(prompts, padding=True, padding_side="right", return_tensors="pt", add_special_tokens=False)
        device = next(self.parameters()).device
        ids: Tensor = coded["input_ids"].to(device)  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]
        states = self.mllm.model.language_model(input_ids=ids, use_cache=False).last_hidden_state
        drift = states.new_zeros(())
        if anchor is not None:
            # Numbers of the real tokens, counted on the CPU: an accelerator would be waited for.
            real = [each.to(device) for each in coded["attention_mask"].nonzero(as_tuple=True)]  # pyright: ignore[reportAttributeAccessIssue]
            with torch.no_grad():
                kept = anchor.model.language_model(input_ids=ids, use_cache=False).last_hidden_state[*real].float()
            drift = (states[*real].float() - kept).square().mean() / kept.square().mean()
        rows: list[int] = []
        columns: list[int] = []
        wanted: list[tuple[int, ...]] = []
        for row, (caption, prompt) in enumerate(zip(captions, prompts, strict=True)):
            start = prompt.rindex(caption.text)
            for end, classes in zip(caption.ends, caption.classes, strict=True):
                token = coded.char_to_token(row, start + end - 1)
                assert token is not None
                rows.append(row)
                columns.append(token)
                wanted.append(classes)
        if not rows:
            return CaptionFigures(states.new_zeros(()), 1.0, drift)
        read = states[rows, columns]
        labels = torch.tensor(wanted, device=device)
        logits = [head(read).float() for head in self.heads]
        losses = [F.cross_entropy(each, truth) for each, truth in zip(logits, labels.unbind(1), strict=True)]
        right = [(each.argmax(-1) == truth).float() for each, truth in zip(logits, labels.unbind(1), strict=True)]
        return CaptionFigures(torch.stack(losses).mean(), torch.cat(right).mean(), drift)
