"""Kind `scheduler`: time grids, and trajectories under recorded model outputs."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from tests.parity.compare import Difference, difference
from tests.parity.golden import Case, NotCovered

SCHEDULERS = {"euler": FlowMatchEulerDiscreteScheduler, "dpm": DPMSolverMultistepScheduler}
CUSTOM_TIMES = (0.0, 0.1, 0.35, 0.8)


def check(case: Case) -> Iterator[Difference]:
    if "runs" in case.meta:
        yield from _trajectories(case)
    elif "tensors" in case.meta:
        yield from _grids(case)
    else:
        raise NotCovered("neither grids nor trajectories")


def _grids(case: Case) -> Iterator[Difference]:
    for name, wanted in case.tensors.items():
        kind, row, what = name.split(".")
        if row == "custom":
            scheduler = SCHEDULERS[kind]()
            scheduler.set_timesteps(timesteps=CUSTOM_TIMES, num_tokens=4096)
        else:
            setting = case.meta["tensors"][row]
            scheduler = SCHEDULERS[kind](dynamic_time_shift=setting["dynamic_time_shift"])
            scheduler.set_timesteps(setting["steps"], num_tokens=setting["num_tokens"])
        times = torch.tensor(scheduler.times)
        found = {"timesteps": scheduler.timesteps, "timesteps_with_end": times, "sigmas": 1 - times}
        yield difference(name, found[what], wanted, **case.tolerance)


def _trajectories(case: Case) -> Iterator[Difference]:
    for run, setting in case.meta["runs"].items():
        scheduler = SCHEDULERS[setting["kind"]](**setting["config"])
        scheduler.set_timesteps(setting["steps"], num_tokens=setting["num_tokens"])
        samples = case.tensors[f"{run}.samples"]
        sample = samples[0]
        outputs = case.tensors[f"{run}.model_outputs"]
        for step, (output, time) in enumerate(zip(outputs, scheduler.timesteps, strict=True)):
            sample = scheduler.step(output, time, sample, return_dict=False)[0]
            yield difference(f"{run}.samples[{step + 1}]", sample, samples[step + 1], **case.tolerance)
