"""Text ready for the joint layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from omniagent.model.errors import BadSetting


class TextStates(NamedTuple):
    """Refined text, padded on the right.

    Attributes:
        hidden: (B, longest, H).
        lengths: Tokens of each sample.
        source: (B, longest, text_feat_dim) states of the text model, kept where the text is to be refined again.
    """

    hidden: torch.Tensor
    lengths: tuple[int, ...]
    source: torch.Tensor | None = None

    def select(self, samples: Sequence[int]) -> TextStates:
        """The states of `samples`, in that order, repeats allowed, cut to the longest of them."""
        lengths = tuple(self.lengths[sample] for sample in samples)
        rows, longest = list(samples), max(lengths)
        source = None if self.source is None else self.source[rows, :longest]
        return TextStates(self.hidden[rows, :longest], lengths, source)

    def tokens(self, sample: int) -> torch.Tensor:
        """(length, H) of one sample."""
        return self.hidden[sample, : self.lengths[sample]]


def text_mask(lengths: Sequence[int], device: torch.device) -> torch.Tensor:
    """(B, longest), true where there is a token."""
    return torch.arange(max(lengths), device=device) < torch.tensor(lengths, device=device)[:, None]


def text_lengths(states: torch.Tensor, mask: torch.Tensor | None) -> tuple[int, ...]:
    """Tokens of each sample of `states` (B, L, ·).

    Raises:
        BadSetting: the mask has another shape, isn't right-padded, or leaves a sample without a token.
    """
    batch, longest = states.shape[:2]
    if mask is None:
        return (longest,) * batch
    if mask.shape != (batch, longest):
        raise BadSetting(f"the text mask has shape {tuple(mask.shape)}; give {(batch, longest)} like the text states")
    rows = mask.bool().cpu()
    lengths = rows.sum(dim=1)
    if not torch.equal(rows, torch.arange(longest) < lengths[:, None]) or int(lengths.min()) < 1:
        raise BadSetting("the text mask must be ones followed by zeros, with at least one token for each sample")
    return tuple(lengths.tolist())


def join_texts(texts: Sequence[TextStates]) -> TextStates:
    """Several texts, of any lengths, as one batch."""
    if len(texts) == 1:
        return texts[0]
    longest = max(max(text.lengths) for text in texts)

    def padded(states: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(states, (0, 0, 0, longest - states.size(1)))

    sources = [text.source for text in texts if text.source is not None]
    return TextStates(
        torch.cat([padded(text.hidden) for text in texts]),
        tuple(length for text in texts for length in text.lengths),
        torch.cat([padded(source) for source in sources]) if len(sources) == len(texts) else None,
    )
