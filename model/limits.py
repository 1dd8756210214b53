"""The ranges a `GenerationRequest` must lie in, checked before any model runs."""

from __future__ import annotations

import math

from omniagent.model.errors import setting_out_of_range
from omniagent.model.requests import GenerationRequest

MAX_REFERENCES = 5
MAX_BATCH = 64
MIN_SIDE = 16
MAX_SIDE = 4096
MAX_STEPS = 1000
MAX_GUIDANCE = 100.0
MAX_SEED = 2**63 - 1


def check_request(request: GenerationRequest) -> None:
    """Return if every number of `request` lies in its range.

    Raises:
        BadSetting: naming the setting, the value met and the range allowed.
    """
    if len(request.references) > MAX_REFERENCES:
        raise setting_out_of_range(
            "the number of references", len(request.references), f"0 to {MAX_REFERENCES} pictures"
        )
    if not 1 <= len(request.seeds) <= MAX_BATCH:
        raise setting_out_of_range("the number of seeds", len(request.seeds), f"1 to {MAX_BATCH} seeds")
    for seed in request.seeds:
        _within("seed", seed, 0, MAX_SEED)
    for name in ("width", "height"):
        _within(name, getattr(request, name), MIN_SIDE, MAX_SIDE)
    _within("steps", request.steps, 1, MAX_STEPS)
    for name in ("text_guidance", "image_guidance"):
        _within(name, getattr(request, name), 0.0, MAX_GUIDANCE)
    if request.cfg_range is not None:
        first, last = request.cfg_range
        if not 0.0 <= first <= last <= 1.0:
            raise setting_out_of_range("cfg_range", request.cfg_range, "(start, end) with 0 <= start <= end <= 1")


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        kind = "an integer" if isinstance(low, int) else "a number"
        raise setting_out_of_range(name, value, f"{kind} from {low} to {high}")
