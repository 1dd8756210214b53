"""Figures of the critic on a real vLLM: `make bench-critic`, or `python -m tests.bench.critic`.

Uses the service of this machine when one runs (`omniagent critic serve`), else starts a server of its own and times
that too. Prints one line of JSON for each figure.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.critic.vllm import VllmCritic
from omniagent.model.requests import Questions, Writing
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedGenerator
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import sample_task
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.listed.prompts import describe_prompt, verdict_prompt, verdict_question
from omniagent.tools.types import Budget
from tests.vllm.served import Look, local_critic, looks, metrics, served, service_critic

COUNTERS = ("prefix_cache_queries_total", "prefix_cache_hits_total", "mm_cache_queries_total", "mm_cache_hits_total")


def tell(**figures: object) -> None:
    print(json.dumps({**figures, "load": os.getloadavg()[0]}), flush=True)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def agreement(critic: OpenAICritic, pairs: int) -> None:
    """Probabilities and verdicts beside those of the in-process critic; both are shown its description."""
    local = local_critic()
    differences: list[float] = []
    same = truths = 0
    for look in looks(pairs):
        prompt = verdict_prompt(look.picture, local.write(Writing(describe_prompt(look.picture), max_tokens=128)).text)
        questions = [verdict_question(each) for each in look.truth]
        ours, theirs = (
            local.yes_no(Questions(prompt, tuple(questions))).probabilities,
            critic.yes_no(Questions(prompt, tuple(questions))).probabilities,
        )
        for mine, other, true in zip(ours, theirs, look.truth.values(), strict=True):
            differences.append(abs(mine - other))
            same += (mine >= 0.5) == (other >= 0.5)
            truths += (other >= 0.5) == true
        if len(differences) >= pairs:
            break
    tell(
        figure="agreement",
        pairs=len(differences),
        same_verdict=same / len(differences),
        largest_difference=max(differences),
        right_by_the_scene=truths / len(differences),
    )


def eight_against_one(critic: OpenAICritic, url: str, rounds: int) -> None:
    """A checklist of 8 questions about a new picture against one question about another new picture."""
    questions = [verdict_question(f"Is there exactly {n} red circle?") for n in range(8)]
    pictures = [look.picture for look in looks(2 * rounds + 2, seed=9)]
    critic.yes_no(Questions(verdict_prompt(pictures.pop()), tuple(questions[:1])))
    critic.yes_no(Questions(verdict_prompt(pictures.pop()), tuple(questions)))
    before = metrics(url, *COUNTERS)
    one, eight = list[float](), list[float]()
    for _ in range(rounds):
        first, second = verdict_prompt(pictures.pop()), verdict_prompt(pictures.pop())
        one.append(timed(lambda p=first: critic.yes_no(Questions(p, tuple(questions[:1])))))
        eight.append(timed(lambda p=second: critic.yes_no(Questions(p, tuple(questions)))))
    after = metrics(url, *COUNTERS)
    ratio = statistics.median(eight) / statistics.median(one)
    tell(figure="8 questions against 1", one=statistics.median(one), eight=statistics.median(eight), ratio=ratio)
    tell(figure="server counters", **{name: after[name] - before[name] for name in COUNTERS})


def at_once(critic: OpenAICritic, runs: int) -> None:
    """Checklists of several runs one after the other, then all at once."""
    everything = looks(4 * runs, seed=13)
    shares = [everything[start::runs] for start in range(runs)]

    def ask(share: list[Look]) -> int:
        done = 0
        for look in share:
            prompt = verdict_prompt(look.picture)
            done += len(critic.yes_no(Questions(prompt, tuple(map(verdict_question, look.truth)))).probabilities)
        return done

    alone = timed(lambda: [ask(share[:2]) for share in shares])
    answered: list[int] = []
    threads = [threading.Thread(target=lambda s=share: answered.append(ask(s[2:]))) for share in shares]

    def together() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    both = timed(together)
    tell(
        figure="runs at once",
        runs=runs,
        lost=runs - len(answered),
        one_at_a_time=alone,
        together=both,
        throughput=alone / both,
    )


def agent_runs(critic: OpenAICritic, runs: int) -> None:
    """Whole runs (plan, description, checklist) of an agent whose pictures cost nothing: in turn, then all at once."""
    rng = np.random.default_rng(21)
    tasks = [sample_task(rng, "draw", "test") for _ in range(2 * runs)]
    stops: list[str] = []

    def run(number: int, folder: Path) -> None:
        task = tasks[number]
        assert task.target is not None
        picture = Image.fromarray(render(task.target))
        runtime = ModelRuntime(ScriptedGenerator(lambda request: [picture for _ in request.seeds]), critic)
        config = Config(tools=ToolConfig(describe_first=True))
        agent = Agent(runtime=runtime, config=config, budget=Budget(max_rounds=1), runs_dir=folder)
        stops.append(agent.run(task.instruction).stop_reason)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = timed(lambda: [run(number, folder) for number in range(runs)])
        with ThreadPoolExecutor(runs) as callers:
            both = timed(lambda: list(callers.map(lambda number: run(number, folder), range(runs, 2 * runs))))
    tell(
        figure="agent runs at once",
        runs=runs,
        lost=2 * runs - len(stops),
        stops={stop: stops.count(stop) for stop in set(stops)},
        one_at_a_time=alone,
        together=both,
        throughput=alone / both,
    )


def main() -> None:
    existing = service_critic()
    if existing is not None:
        figures(existing, existing.url)
        existing.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with served(Path(folder) / "critic.log") as (keeper, critic):
            blank = verdict_prompt(Image.new("RGB", (128, 128), "white"))
            critic.yes_no(Questions(blank, (verdict_question("Is the background white?"),)))
            tell(figure="start to first verdict", seconds=time.perf_counter() - started)
            figures(critic, keeper.settings.url)


def figures(critic: VllmCritic, url: str) -> None:
    agreement(critic, 300)
    eight_against_one(critic, url, 10)
    at_once(critic, 32)
    agent_runs(critic, 32)


if __name__ == "__main__":
    main()
