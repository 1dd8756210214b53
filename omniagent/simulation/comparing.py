"""Policies over the same simulated tasks, and what each rule of the loop brings."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from omniagent.comparison import Comparison, Outcome, Share, Variant, baseline_of, caps_of, compared
from omniagent.comparison.outcomes import Range, gain
from omniagent.graphs.policy import LoopPolicy
from omniagent.simulation.qualities import critic_of, generator_of
from omniagent.simulation.running import Ended, Simulator
from omniagent.simulation.tasks import SimulatedTask, TaskMode

OnRun = Callable[[str, int, Ended], None]
"""Told of every run: the variant's label, the budget, how it ended."""

AGENT: Final = Variant("agent", "agent")


class Suite(NamedTuple):
    """Simulated tasks and who works on them.

    Attributes:
        generator: The name of its file.
        critic: The name of its file.
        tasks: How many, all of a kind.
        lines: Of each checklist, 1 to 16.
        mode: Edits have half of their lines, rounded down, about what must stay.
        seed: Other tasks by another one.
    """

    generator: str = "stated"
    critic: str = "stated"
    tasks: int = 500
    lines: int = 4
    mode: TaskMode = "generate"
    seed: int = 0

    def all(self) -> Iterator[SimulatedTask]:
        """The tasks, in order."""
        kept = self.lines // 2 if self.mode == "edit" else 0
        for number in range(self.tasks):
            yield SimulatedTask(f"{self.mode} {self.seed}/{number}", self.lines, kept, self.mode)

    @property
    def about(self) -> str:
        """The suite in words."""
        kind = "edits" if self.mode == "edit" else "pictures from words"
        return (
            f"{self.tasks} {kind} of {self.lines} lines, generator {self.generator}, critic {self.critic}, "
            f"seed {self.seed}"
        )


class Switch(BaseModel):
    """A rule of the loop that can be turned over.

    Attributes:
        rule: The field of `LoopPolicy`.
        turned: Its value without the rule, or with it where the defaults leave it.
        what: What the defaults do, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    turned: JsonValue
    what: str

    @property
    def policy(self) -> LoopPolicy:
        """The rules with this one turned over."""
        return LoopPolicy.model_validate({self.rule: self.turned})

    @property
    def label(self) -> str:
        """What is set, as `--set` takes it."""
        return f"{self.rule}={json.dumps(self.turned)}"


class Effect(BaseModel):
    """What one rule brings: figures of the agent with the rule turned over, and the default's gain over that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    set_to: str
    what: str
    right: Share
    worse: Share
    pictures: float = Field(ge=0)
    change: Range


class Ablation(BaseModel):
    """Every rule turned over by itself, at one budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    budget: int
    right: Share
    worse: Share
    pictures: float
    effects: tuple[Effect, ...]

    def table(self) -> str:
        """The rules as a Markdown table."""
        lines = [["set", "rule", "pictures", "right", "points by this", "worse than the first"], ["---"] * 6]
        lines.append(["—", "as it is", f"{self.pictures:.1f}", str(self.right), "—", str(self.worse)])
        for one in self.effects:
            change = f"{100 * one.change.value:+.1f} ({100 * one.change.low:+.1f} to {100 * one.change.high:+.1f})"
            lines.append([f"`{one.set_to}`", one.what, f"{one.pictures:.1f}", str(one.right), change, str(one.worse)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@cache
def switches() -> tuple[Switch, ...]:
    """Every rule that can be turned over, in the order of the table (`switches.yaml`)."""
    text = files("omniagent.simulation").joinpath("switches.yaml").read_text(encoding="utf-8")
    data: Any = yaml.safe_load(text)
    return TypeAdapter(tuple[Switch, ...]).validate_python(data)


def outcomes_of(suite: Suite, variant: Variant, budget: int, on_run: OnRun | None = None) -> tuple[Outcome, ...]:
    """How the suite's tasks end by one policy at one budget, in order.

    Raises:
        BadSetting: no such generator or critic, or a budget that the policy cannot spend.
    """
    simulator = Simulator(generator_of(suite.generator), critic_of(suite.critic))
    caps = caps_of(variant, budget)
    found: list[Outcome] = []
    for number, task in enumerate(suite.all()):
        ended = simulator.run(task, caps.budget, caps.rules, seed=number)
        if on_run is not None:
            on_run(variant.label, budget, ended)
        found.append(Outcome(ended.right, ended.worse if ended.pictures else None, len(ended.pictures), ended.stop))
    return tuple(found)


def compare(
    suite: Suite, variants: Sequence[Variant], budgets: Sequence[int], *, command: str = "", on_run: OnRun | None = None
) -> Comparison:
    """The variants at every budget; `single` once. Raises: as `outcomes_of`."""
    pairs = [
        (variant, budget)
        for variant in variants
        for budget in dict.fromkeys(1 if variant.policy == "single" else one for one in budgets)
    ]
    for variant, budget in pairs:
        # What no policy can spend is told before the first run.
        caps_of(variant, budget)
    found = {(variant.label, budget): outcomes_of(suite, variant, budget, on_run) for variant, budget in pairs}
    title = f"generator {suite.generator}, critic {suite.critic}"
    return compared(found, baseline=baseline_of(variants), title=title, about=suite.about, command=command)


def ablation_of(suite: Suite, budget: int, on_run: OnRun | None = None) -> Ablation:
    """The agent as it is, and with every rule turned over by itself. Raises: as `outcomes_of`."""
    base = outcomes_of(suite, AGENT, budget, on_run)
    effects: list[Effect] = []
    for switch in switches():
        turned = outcomes_of(suite, Variant(switch.label, "agent", switch.policy), budget, on_run)
        effects.append(
            Effect(
                set_to=switch.label,
                what=switch.what,
                right=_right(turned),
                worse=_worse(turned),
                pictures=_pictures(turned),
                change=gain(turned, base),
            )
        )
    return Ablation(
        about=suite.about,
        budget=budget,
        right=_right(base),
        worse=_worse(base),
        pictures=_pictures(base),
        effects=tuple(effects),
    )


def _right(ended: Sequence[Outcome]) -> Share:
    return Share(count=sum(one.right for one in ended), of=len(ended))


def _worse(ended: Sequence[Outcome]) -> Share:
    known = [one.worse for one in ended if one.worse is not None]
    return Share(count=sum(known), of=len(known))


def _pictures(ended: Sequence[Outcome]) -> float:
    return sum(one.pictures for one in ended) / max(1, len(ended))
