"""From latents, time and text states to tokens, and back to latents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import nn

from omniagent.model.network.norms import RootMeanSquareNorm

TIME_CHANNELS = 256


class TimeCaptionEmbedding(nn.Module):
    """Embeds the time and projects the text model's states to the hidden size; two independent halves.

    Args:
        hidden_size: H, the transformer's width.
        text_feat_dim: Width of the text states.
        norm_eps: Epsilon of the norm over the text states.
        timestep_scale: What times in [0, 1] are multiplied with before the sinusoid.
    """

    def __init__(self, hidden_size: int, text_feat_dim: int, norm_eps: float, timestep_scale: float) -> None:
        super().__init__()
        self.time_proj = Timesteps(
            TIME_CHANNELS,
            flip_sin_to_cos=True,
            downscale_freq_shift=0.0,
            scale=timestep_scale,  # pyright: ignore[reportArgumentType]
        )
        self.timestep_embedder = TimestepEmbedding(TIME_CHANNELS, min(hidden_size, 1024))
        self.caption_embedder = nn.Sequential(
            RootMeanSquareNorm(text_feat_dim, norm_eps), nn.Linear(text_feat_dim, hidden_size)
        )

    def embed_time(self, timestep: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Time embedding (B, T) of times (B,) in [0, 1]; the sinusoid itself is always float32."""
        return self.timestep_embedder(self.time_proj(timestep.float()).to(dtype)).to(dtype)

    def embed_text(self, states: torch.Tensor) -> torch.Tensor:
        """Project text states (B, L, text_feat_dim) to (B, L, H)."""
        return self.caption_embedder(states).to(states.dtype)


def patchify(latent: torch.Tensor, patch: int) -> torch.Tensor:
    """Cut latents (..., C, h, w) into row-major tokens (..., h·w / patch², patch² · C), channel fastest."""
    *lead, channels, height, width = latent.shape
    cut = latent.reshape(*lead, channels, height // patch, patch, width // patch, patch)
    n = len(lead)
    order = (*range(n), n + 1, n + 3, n + 2, n + 4, n)
    return cut.permute(order).reshape(*lead, (height // patch) * (width // patch), patch * patch * channels)


def unpatchify(tokens: torch.Tensor, rows: int, columns: int, patch: int) -> torch.Tensor:
    """Undo `patchify`: tokens (..., rows·columns, patch² · C) to latents (..., C, rows·patch, columns·patch)."""
    *lead, _, width = tokens.shape
    channels, n = width // (patch * patch), len(lead)
    cut = tokens.reshape(*lead, rows, columns, patch, patch, channels)
    order = (*range(n), n + 4, n, n + 2, n + 1, n + 3)
    return cut.permute(order).reshape(*lead, channels, rows * patch, columns * patch)


def pad_tokens(sequences: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stack token sequences (length, C) to (N, longest, C), zeros on the right."""
    if len({sequence.size(0) for sequence in sequences}) == 1:
        return torch.stack(list(sequences))
    return nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
