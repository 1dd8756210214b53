"""Root mean square norms."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class RootMeanSquareNorm(nn.Module):
    """RMSNorm (arXiv 1910.07467, equation 4) whose weight follows the precision of its input."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


def scaled_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """`x` over its root mean square, times `weight` (H,), which may hold a modulation folded into it."""
    if x.device.type == "cpu" and x.dtype == torch.float32:
        # Norm, quotient and product are three sweeps; the operator's own way over the CPU takes six.
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.size(-1)).add_(eps).rsqrt_()
        return (x * inverse).mul_(weight)
    return functional.rms_norm(x, (x.size(-1),), weight.to(x.dtype), eps)
