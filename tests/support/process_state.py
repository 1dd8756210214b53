"""What libraries keep for the whole process, so that one test could change the numbers of the next."""

import sys
from typing import Any


def numbers() -> dict[str, object]:
    """How torch and diffusers calculate now; without what has not been imported."""
    found: dict[str, object] = {}
    if (torch := _loaded("torch")) is not None:
        matmul, cuda = torch.backends.cuda.matmul, torch.backends.cuda
        found |= {
            "default dtype": torch.get_default_dtype(),
            "gradients": torch.is_grad_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "denormals": bool(torch.full((1,), 1e-39).mul(1.0).any()),
            "float32 products": torch.get_float32_matmul_precision(),
            "bfloat16 sums": matmul.allow_bf16_reduced_precision_reduction,
            "float16 sums": matmul.allow_fp16_reduced_precision_reduction,
            "flash attention": cuda.flash_sdp_enabled(),
            "math attention": cuda.math_sdp_enabled(),
            "attention order": tuple(torch._C._get_sdp_priority_order()),
        }
    if (dispatch := _loaded("diffusers.models.attention_dispatch")) is not None:
        found["attention backend"] = dispatch._AttentionBackendRegistry.get_active_backend()[0]
    return found


def forget_accelerator() -> None:
    """Let the next training choose its precision: accelerate keeps one a process."""
    if (state := _loaded("accelerate.state")) is not None:
        state.AcceleratorState._reset_state(reset_partial_state=True)


def _loaded(name: str) -> Any:
    # A module that another thread is importing lacks some of its names.
    module = sys.modules.get(name)
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module
