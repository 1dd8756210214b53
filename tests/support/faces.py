"""The agents that the tests of the faces drive: scripted ones, or a checkpoint when OMNIAGENT_MODEL names it."""

import os
import threading
from pathlib import Path

from omniagent.agent import Agent
from omniagent.cli.options import ModelOptions, make_agent
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import Drawn, ScriptedCritic, ScriptedGenerator
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

TASK = "a red circle on a white background"
FAILS = (0.99, 0.1, 0.96)
HOLDS = (0.99, 0.97, 0.96)
SCENARIO = "OMNIAGENT_TEST_SCENARIO"


def repaired(runs: Path) -> Agent:
    """Its first picture fails one requirement, the second holds all."""
    return scripted_agent(runs, by_picture(FAILS, HOLDS))


def never_right(runs: Path) -> Agent:
    """No picture of it holds every requirement."""
    return scripted_agent(runs, by_picture(FAILS))


def stuck(runs: Path) -> Agent:
    """It finishes one picture, and hangs in the second until somebody cancels."""
    gate = threading.Event()
    gate.set()
    judge = by_picture(FAILS)

    def look(prompt: Prompt, question: str) -> float:
        gate.clear()
        return judge(prompt, question)

    return scripted_agent(
        runs, generator=ScriptedGenerator(gate=gate), critic=ScriptedCritic(look, texts(), profile=LISTED)
    )


def deaf(runs: Path) -> Agent:
    """Its first drawing never ends, whoever cancels; it says on stderr when it begins."""

    def draw(request: GenerationRequest) -> Drawn:
        os.write(2, b"deaf from here on\n")
        threading.Event().wait()
        raise AssertionError("nobody sets the event")

    return scripted_agent(runs, generator=ScriptedGenerator(draw))


SCENARIOS = {"deaf": deaf, "repaired": repaired, "never_right": never_right, "stuck": stuck}


def end_to_end_agent(runs: Path) -> Agent:
    """The agent of the end-to-end tests."""
    model = os.environ.get("OMNIAGENT_MODEL")
    return Agent(model=model, runs_dir=runs) if model else repaired(runs)


def make_test_agent(options: ModelOptions) -> Agent:
    """For `python -m tests.support.launch`: a scenario by name, or real models where OMNIAGENT_MODEL names them."""
    if options.model or os.environ.get("OMNIAGENT_MODEL"):
        return make_agent(options)
    runs = options.runs_dir or Path(os.environ.get("OMNIAGENT_RUNS_DIR", "runs"))
    return SCENARIOS[os.environ.get(SCENARIO, "repaired")](runs)
