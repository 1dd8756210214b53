"""Muon with all matrices of one shape in one product, for accelerators, where hundreds of small ones wait to start."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor


class StackedMuon(torch.optim.Muon):
    """`torch.optim.Muon` with the `match_rms_adamw` rate; the same steps up to rounding, and the same state."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; `closure` computes the loss anew, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters: list[Tensor] = []
            grads: list[Tensor] = []
            moments: list[Tensor] = []
            self._init_group(group, parameters, grads, moments)
            if not parameters:
                continue
            momentum: float = group["momentum"]
            torch._foreach_lerp_(moments, grads, 1 - momentum)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            updates = torch._foreach_lerp(grads, moments, momentum) if group["nesterov"] else moments  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            shapes: dict[torch.Size, list[int]] = defaultdict(list)
            for index, parameter in enumerate(parameters):
                shapes[parameter.shape].append(index)
            for shape, members in shapes.items():
                stacked = torch.stack([updates[i] for i in members])
                turned = _orthogonal(stacked, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                own = [parameters[i] for i in members]
                torch._foreach_add_(own, list(turned.to(own[0].dtype).unbind()), alpha=-rate)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        return loss


def _orthogonal(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """The Newton-Schulz iteration of `torch.optim.Muon` on matrices (N, rows, columns), in bf16."""
    a, b, c = coefficients
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.bfloat16()
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
