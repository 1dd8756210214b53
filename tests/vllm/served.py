"""The bundled checkpoint's critic on a real vLLM, and the same critic in this process, for tests and figures."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from omniagent.config import bundled_checkpoint
from omniagent.model.checkpoint.settings import read_profiles
from omniagent.model.critic.local import LocalCritic
from omniagent.model.critic.service.keeper import Keeper
from omniagent.model.critic.service.record import read_record, state_folder
from omniagent.model.critic.service.service import plan_service
from omniagent.model.critic.vllm import VllmCritic
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import sample_task
from omniagent.shapes.words.statements import truth_of

CHECKPOINT = Path(bundled_checkpoint())
PROFILE = read_profiles(CHECKPOINT).critic
"""How the bundled critic is asked; the name that it is served by does not tell."""


@contextmanager
def served(log: Path, **options: float) -> Iterator[tuple[Keeper, VllmCritic]]:
    """A vLLM of one's own and a critic on it; both are gone afterwards."""
    keeper = Keeper(plan_service(CHECKPOINT, port=0), log, start_limit=1200.0, **options)
    critic = critic_on(keeper)
    try:
        critic.await_start()
        yield keeper, critic
    finally:
        critic.close()
        keeper.close()


def critic_on(keeper: Keeper, **options: float) -> VllmCritic:
    """Another critic on the same server. Closing it stops the server."""
    settings = keeper.settings
    return VllmCritic(settings.url, settings.name, settings.key, keeper=keeper, profile=PROFILE, **options)


def service_critic() -> VllmCritic | None:
    """A critic on the service that runs on this machine, if one does."""
    record = read_record(state_folder())
    return None if record is None else VllmCritic(record.url, record.name, record.key, profile=PROFILE)


def local_critic() -> LocalCritic:
    """The same weights in this process, in float32 on the CPU."""
    return LocalCritic.load(
        CHECKPOINT / "mllm", CHECKPOINT / "processor", device=torch.device("cpu"), dtype=torch.float32
    )


class Look(NamedTuple):
    """A picture and the questions of a checklist with their true answers."""

    picture: Image.Image
    truth: dict[str, bool]


def looks(number: int, seed: int = 5) -> list[Look]:
    """Pictures of the test split, each with the checklist of its own task or of another one."""
    rng = np.random.default_rng(seed)
    made: list[Look] = []
    while len(made) < number:
        task, other = sample_task(rng, "draw", "test"), sample_task(rng, "draw", "test")
        assert task.target is not None and task.wanted is not None and other.wanted is not None
        truth = truth_of(task.target, task.wanted if rng.random() < 0.5 else other.wanted)
        if truth:
            made.append(Look(Image.fromarray(render(task.target)), truth))
    return made


def metrics(url: str, *names: str) -> dict[str, float]:
    """Counters of the server, by the ends of their names."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url.removesuffix("/v1") + "/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    found = {}
    for name in names:
        values = [float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{")]
        found[name] = sum(values)
    return found
