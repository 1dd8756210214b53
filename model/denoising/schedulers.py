"""Samplers of the flow from noise (time 0) to data (time 1) under a velocity = data - noise.

Both keep their place in a trajectory, so every request works on its own `copy()`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Self, cast

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from numpy.typing import NDArray

from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import MAX_STEPS


class StepOutput(NamedTuple):
    """Latents after one step, in the precision of the latents before it."""

    prev_sample: torch.Tensor


def shift_of(num_tokens: int | None, *, dynamic: bool, static_shift: float | None) -> float | None:
    """The shift m of `time_grid`: a checkpoint's own, else sqrt(num_tokens) / 40, else None."""
    if static_shift is None and dynamic and num_tokens is not None:
        return math.sqrt(num_tokens) / 40
    return static_shift


def time_grid(
    steps: int, num_tokens: int | None = None, *, dynamic: bool = True, static_shift: float | None = None
) -> NDArray[np.float32]:
    """Start times of `steps` steps, increasing from 0, float32.

    Even times t move to t / (t + m (1 - t)): m > 1 puts more steps near the noise, m < 1 near the data.

    Args:
        steps: 1 to 1000.
        num_tokens: Latent height × width in latent pixels (not patches); None leaves a dynamic shift out.
        dynamic: Use m = sqrt(num_tokens) / 40, the rule of the published checkpoint.
        static_shift: Use this m instead, whatever the size.

    Raises:
        BadSetting: `steps` lies outside its range.
    """
    whole = isinstance(cast("object", steps), int | np.integer) and not isinstance(steps, bool)
    if not whole or not 1 <= steps <= MAX_STEPS:
        raise setting_out_of_range("num_inference_steps", steps, f"a whole number from 1 to {MAX_STEPS}")
    even = np.linspace(0, 1, steps + 1, dtype=np.float32)[:-1]
    shift = shift_of(num_tokens, dynamic=dynamic, static_shift=static_shift)
    return even if shift is None else (even / (even + np.float32(shift) * (1 - even))).astype(np.float32)


class _FlowScheduler(SchedulerMixin, ConfigMixin):
    """What both samplers share: a time grid and a place on it."""

    order = 1
    timesteps: torch.Tensor

    def _reset(self) -> None:
        self._grid: list[float] = []
        self._step_index: int | None = None
        self.timesteps = torch.empty(0)
        self.num_inference_steps: int | None = None

    @property
    def step_index(self) -> int | None:
        """Number of steps made so far; None before the first."""
        return self._step_index

    @property
    def times(self) -> tuple[float, ...]:
        """All N + 1 times from the first start to 1."""
        return tuple(self._grid)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: torch.device | str | None = None,
        timesteps: Sequence[float] | NDArray[np.float32] | torch.Tensor | None = None,
        num_tokens: int | None = None,
    ) -> None:
        """Plan a trajectory.

        Args:
            num_inference_steps: 1 to 1000; not used with own `timesteps`.
            device: Where `self.timesteps` shall lie.
            timesteps: Own start times, rising within [0, 1); they are taken as they are, never shifted.
            num_tokens: Latent height × width, for the dynamic shift.

        Raises:
            BadSetting: a number lies outside its range.
        """
        if timesteps is not None:
            try:
                grid = np.asarray(timesteps, dtype=np.float32)
            except (TypeError, ValueError, OverflowError, RuntimeError):
                grid = np.empty(0, dtype=np.float32)
            rising = grid.ndim == 1 and grid.size and grid[0] >= 0 and grid[-1] < 1 and bool((np.diff(grid) > 0).all())
            if not rising or grid.size > MAX_STEPS:
                raise setting_out_of_range("timesteps", timesteps, f"1 to {MAX_STEPS} rising times within [0, 1)")
        else:
            config = self.config
            grid = time_grid(
                0 if num_inference_steps is None else num_inference_steps,
                num_tokens,
                dynamic=config["dynamic_time_shift"],
                static_shift=config["static_shift"],
            )
        self._reset()
        self._grid = [*grid.tolist(), 1.0]
        self.timesteps = torch.from_numpy(grid).to(device or "cpu")
        self.num_inference_steps = len(grid)

    def _advance(self, timestep: float | torch.Tensor) -> tuple[int, float, float]:
        """Count a step; its number and the times it goes from and to."""
        if not self._grid:
            raise BadSetting("step() was called before set_timesteps(); plan a trajectory first")
        index = self._step_index
        if index is None:
            index = int(np.abs(np.asarray(self._grid[:-1]) - float(timestep)).argmin())
        if index >= len(self._grid) - 1:
            raise BadSetting(f"all {len(self._grid) - 1} steps are done; call set_timesteps() for a new trajectory")
        self._step_index = index + 1
        return index, self._grid[index], self._grid[index + 1]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some samples of the batch alone."""

    def copy(self) -> Self:
        """A fresh scheduler of the same config, for one request."""
        return type(self)(**{name: value for name, value in self.config.items() if not name.startswith("_")})

    def __len__(self) -> int:
        return self.config["num_train_timesteps"]


class FlowMatchEulerDiscreteScheduler(_FlowScheduler):
    """Euler steps along the flow.

    Args:
        num_train_timesteps: Kept for the published config; the model's own `timestep_scale` is what counts.
        dynamic_time_shift: Shift times by the size of the picture, see `time_grid`.
        static_shift: A shift of the checkpoint's own, instead of the dynamic one; None in published configs.
    """

    @register_to_config
    def __init__(
        self, num_train_timesteps: int = 1000, dynamic_time_shift: bool = True, static_shift: float | None = None
    ) -> None:
        _check_times(num_train_timesteps, dynamic_time_shift, static_shift)
        self._reset()

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        return_dict: bool = True,
    ) -> StepOutput:
        """Move `sample` along the velocity `model_output` to the next time; computed in float32.

        The answer is a tuple of one tensor; `return_dict` is there because other schedulers have it.
        """
        _, now, then = self._advance(timestep)
        return StepOutput((sample.float() + (then - now) * model_output.float()).to(sample.dtype))


class DPMSolverMultistepScheduler(_FlowScheduler):
    """DPM-Solver++ multistep (arXiv 2211.01095, algorithm 2) on the flow: sigma = 1 - t, alpha = t.

    Args:
        num_train_timesteps: Kept for the published config.
        solver_order: 1, 2 or 3.
        prediction_type: Only `flow_prediction`.
        algorithm_type: Only `dpmsolver++`.
        solver_type: `midpoint` or `heun`, for second-order steps.
        lower_order_final: With fewer than 15 steps, bring a third-order solver down to second order one step early.
        dynamic_time_shift: As in `FlowMatchEulerDiscreteScheduler`.
        static_shift: As there.
    """

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        solver_order: int = 2,
        prediction_type: str = "flow_prediction",
        algorithm_type: str = "dpmsolver++",
        solver_type: str = "midpoint",
        lower_order_final: bool = True,
        dynamic_time_shift: bool = True,
        static_shift: float | None = None,
    ) -> None:
        _check_times(num_train_timesteps, dynamic_time_shift, static_shift)
        allowed: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("solver_order", solver_order, (1, 2, 3)),
            ("prediction_type", prediction_type, ("flow_prediction",)),
            ("algorithm_type", algorithm_type, ("dpmsolver++",)),
            ("solver_type", solver_type, ("midpoint", "heun")),
            ("lower_order_final", lower_order_final, (True, False)),
        )
        for name, value, choices in allowed:
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                raise setting_out_of_range(name, value, " or ".join(map(repr, choices)))
        self._reset()

    def _reset(self) -> None:
        super()._reset()
        self._data: list[torch.Tensor] = []

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some samples of the batch alone."""
        self._data = [each[list(rows)] for each in self._data]

    @property
    def sigmas(self) -> torch.Tensor:
        """Noise levels 1 - t at all N + 1 times."""
        return 1 - torch.tensor(self._grid)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        return_dict: bool = True,
    ) -> StepOutput:
        """Move `sample` along the velocity `model_output` to the next time; computed in float32.

        The answer is a tuple of one tensor; `return_dict` is there because other schedulers have it.
        """
        index, now, then = self._advance(timestep)
        state = sample.float()
        self._data = [*self._data, state + (1 - now) * model_output.float()][-self.config["solver_order"] :]
        return StepOutput(self._solve(state, index, now, then).to(sample.dtype))

    def _solve(self, state: torch.Tensor, index: int, now: float, then: float) -> torch.Tensor:
        order, last = self._order(index), self._data[-1]
        decay = (1 - then) / (1 - now)
        # alpha_t (1 - exp(-h)) with h the growth of the log signal-to-noise ratio, written so that it holds at
        # t = 0 and t = 1, where h is infinite.
        gain = then - now * decay
        result = decay * state + gain * last
        if order == 1:
            return result
        h, h0 = _log_snr(then) - _log_snr(now), _log_snr(now) - _log_snr(self._grid[index - 1])
        slope = (last - self._data[-2]) * (h / h0)
        curve_gain = then - gain / h
        if order == 2:
            return result + (0.5 * gain if self.config["solver_type"] == "midpoint" else curve_gain) * slope
        h1 = _log_snr(self._grid[index - 1]) - _log_snr(self._grid[index - 2])
        change = slope - (self._data[-2] - self._data[-3]) * (h / h1)
        slope = slope + (0.0 if math.isinf(h1) else h0 / (h0 + h1)) * change
        bend = (h / (h0 + h1)) * change
        return result + curve_gain * slope + (0.5 * then - curve_gain / h) * bend

    def _order(self, index: int) -> int:
        """Order of step `index`: as many as there are predictions, and first order into the clean picture."""
        steps = len(self._grid) - 1
        order = min(self.config["solver_order"], len(self._data))
        if index == steps - 1:
            return 1
        if index == steps - 2 and steps < 15 and self.config["lower_order_final"]:
            return min(order, 2)
        return order


def _log_snr(time: float) -> float:
    return -math.inf if time <= 0 else math.inf if time >= 1 else math.log(time / (1 - time))


def _check_times(num_train_timesteps: object, dynamic_time_shift: object, static_shift: object) -> None:
    # These come out of a file, whose types nobody has checked.
    if type(num_train_timesteps) is not int or num_train_timesteps < 1:
        raise setting_out_of_range("num_train_timesteps", num_train_timesteps, "a positive whole number")
    if not isinstance(dynamic_time_shift, bool):
        raise setting_out_of_range("dynamic_time_shift", dynamic_time_shift, "True or False")
    if static_shift is None:
        return
    if isinstance(static_shift, bool) or not isinstance(static_shift, int | float) or not 0 < static_shift < math.inf:
        raise setting_out_of_range("static_shift", static_shift, "a positive number or None")
