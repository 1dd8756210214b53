"""One task by models of stated quality through the agent's real graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omniagent.graphs.build import Graph, build
from omniagent.graphs.leading import best_of
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.simulation.judging import Judge
from omniagent.simulation.painting import SimulatedGenerator, centre_of
from omniagent.simulation.qualities import CriticQuality, GeneratorQuality
from omniagent.simulation.stage import Memory, play
from omniagent.simulation.tasks import SimulatedTask
from omniagent.simulation.tiles import SIDE, Seen
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Attempt, Budget, StopReason, Task


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture of a run.

    Attributes:
        id: The attempt's.
        held: How many lines truly hold.
        passed: How many do by the critic; None where it did not look.
        exploits: Whether it is wrong and the critic loves it.
    """

    id: str
    held: int
    passed: int | None
    exploits: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        task: Its name.
        lines: How many its checklist has.
        stop: The one stop reason.
        pictures: Every one drawn, in order.
        returned: Which one was handed back, counted from 0; None of none.
        rounds: Of drawing.
        verdicts: Of every judged picture and line, whether the line holds and whether the critic said yes.
        state: The whole final state.
    """

    task: str
    lines: int
    stop: StopReason
    pictures: tuple[Drawn, ...]
    returned: int | None
    rounds: int
    verdicts: tuple[tuple[bool, bool], ...]
    state: AgentState

    @property
    def right(self) -> bool:
        """Whether every line of the returned picture holds."""
        return self.returned is not None and self.pictures[self.returned].held == self.lines

    @property
    def worse(self) -> bool:
        """Whether fewer lines hold of the returned picture than of the first."""
        return self.returned is not None and self.pictures[self.returned].held < self.pictures[0].held


class Simulator:
    """Runs tasks with one generator and one critic; each run has models, store and state of its own.

    Args:
        generator: What draws.
        critic: What judges.
    """

    def __init__(self, generator: GeneratorQuality, critic: CriticQuality) -> None:
        self._generator = generator
        self._critic = critic
        self._centre = centre_of(generator)
        self._graph: Graph = build()
        self._profile = CriticProfile(
            name="simulated", source="omniagent.simulation", grounding="pixels" if critic.locates else "none"
        )
        self._drawing = GeneratorProfile(
            name="simulated", source="omniagent.simulation", width=SIDE, height=SIDE, steps=1
        )

    def run(self, task: SimulatedTask, budget: Budget, policy: LoopPolicy, *, seed: int = 0) -> Ended:
        """One task to its end. `seed` is the run's, 0 to 2**32 - 1; the same arguments give the same run."""
        script, judge = SimulatedGenerator(self._generator, self._centre, task), Judge(self._critic, task)
        store = Memory()
        images = (store.put(script.source()),) if task.mode == "edit" else ()
        entry: dict[str, Any] = {
            "task": Task(instruction=task.words, images=images),
            "plan": task.plan,
            "seed": seed,
            "policy": policy,
        }
        generator = ScriptedGenerator(script, size=(SIDE, SIDE), steps=1, profile=self._drawing)
        critic = ScriptedCritic(judge.answers, judge.writes, choices=judge.chooses, profile=self._profile)
        state = play(self._graph, entry, generator, critic, store=store, budget=budget)
        return _ended(task, judge, store, state)


def _ended(task: SimulatedTask, judge: Judge, store: ImageStore, state: AgentState) -> Ended:
    assert state.stop is not None, "the graph ends with a stop reason"
    critiques = {critique.attempt: critique for critique in state.critiques}
    pictures: list[Drawn] = []
    verdicts: list[tuple[bool, bool]] = []
    for attempt in state.attempts:
        seen, critique = Seen(store.get(attempt.image)), critiques.get(attempt.id)
        holds = [seen.holds(line) for line in range(task.lines)]
        if critique is not None:
            by_line = {verdict.requirement: verdict.answer == "yes" for verdict in critique.verdicts}
            verdicts += [(truth, by_line[one.id]) for truth, one in zip(holds, task.checklist, strict=True)]
        passed = None if critique is None else critique.passed
        pictures.append(Drawn(attempt.id, sum(holds), passed, judge.exploits(seen)))
    best = best_of(state)
    return Ended(
        task=task.name,
        lines=task.lines,
        stop=state.stop,
        pictures=tuple(pictures),
        returned=None if best is None else _index(state.attempts, best),
        rounds=state.usage.rounds,
        verdicts=tuple(verdicts),
        state=state,
    )


def _index(attempts: Sequence[Attempt], best: Attempt) -> int:
    return next(index for index, attempt in enumerate(attempts) if attempt.id == best.id)
