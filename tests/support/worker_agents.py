"""Agents that tests make in a worker process; what becomes of a run is chosen by its seed."""

import os
import signal
from functools import partial
from pathlib import Path

from PIL import Image

from omniagent.agent import Agent
from omniagent.graphs.history import seed_of
from omniagent.model.errors import HubUnreachable, OutOfMemory
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import Drawn, ScriptedGenerator, picture_for
from tests.support.faces import FAILS, HOLDS
from tests.support.scripted_runs import by_picture, scripted_agent

FATAL, TOO_LARGE, WAITING = 6, 3, 7
"""Seeds: the process is killed while it draws; memory runs out; the second picture waits until the pipe is closed."""

PIPE = "pipe"


def by_seed(runs: Path) -> Agent:
    """The first picture of the waiting seed fails a requirement, all others hold; see the seeds for what happens."""
    first = picture_for("a red circle", WAITING).tobytes()
    fails, holds = by_picture(FAILS), by_picture(HOLDS)

    def judge(prompt: Prompt, question: str) -> float:
        pixels = next(part for part in prompt.parts if isinstance(part, Image.Image)).tobytes()
        return (fails if pixels == first else holds)(prompt, question)

    return scripted_agent(runs, judge, generator=ScriptedGenerator(partial(_draw, runs)))


def unreachable() -> Agent:
    """It cannot be made."""
    raise HubUnreachable("the hub cannot be reached")


def _draw(runs: Path, request: GenerationRequest) -> Drawn:
    match request.seeds[0]:
        case seed if seed == FATAL:
            os.kill(os.getpid(), signal.SIGKILL)
        case seed if seed == TOO_LARGE:
            raise OutOfMemory("no memory for this picture")
        case seed if seed == seed_of(WAITING, 1):
            # Opening a pipe waits until its other end is opened, reading until that is closed.
            (runs / PIPE).read_bytes()
        case _:
            pass
    return [picture_for(request.instruction, one) for one in request.seeds]
