"""A suite run by several policies within the same numbers of pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omniagent.comparison import Comparison, Outcome, Variant, baseline_of, capped, caps_of, compared, folder_of
from omniagent.shapes.evaluation.figures import SuiteFigures
from omniagent.shapes.evaluation.records import Record
from omniagent.shapes.evaluation.runner import run_suite
from omniagent.shapes.tasks.task import ShapesTask

if TYPE_CHECKING:
    from omniagent.agent import Agent

OnRecord = Callable[[str, Record], None]
"""Told of every task: by which policy, and how it ended."""


def suite_by_policy(
    agent: "Agent",
    tasks: Sequence[ShapesTask],
    out: Path,
    variants: Sequence[Variant],
    budgets: Sequence[int],
    *,
    title: str,
    seed: int = 0,
    on_record: OnRecord | None = None,
) -> tuple[list[SuiteFigures], Comparison]:
    """Run the tasks by every policy at every budget; `single` once.

    Each has a folder of its own in `out`, in which what is done is not done again. Models are loaded once.

    Args:
        agent: The agent whose models and settings all policies share.
        tasks: As of `run_suite`.
        out: The folder of the suite.
        variants: The policies.
        budgets: Numbers of pictures.
        title: What tables and plots are called.
        seed: As of `run_suite`.
        on_record: Told of every task, also of those done before.

    Raises:
        As `run_suite`, and BadSetting: best-of-n of more pictures than one round has.
    """
    from omniagent.agent import Agent

    plan = [
        (variant, budget, caps_of(variant, budget, agent.config.budget))
        for variant in variants
        for budget in dict.fromkeys(1 if variant.policy == "single" else one for one in budgets)
    ]
    figures: list[SuiteFigures] = []
    outcomes: dict[tuple[str, int], list[Outcome]] = {}
    for variant, budget, caps in plan:
        label = f"{variant.label}, {budget}"
        ended = outcomes.setdefault((variant.label, budget), [])

        def heard(record: Record, label: str = label, ended: list[Outcome] = ended) -> None:
            ended.append(outcome_of(record))
            if on_record is not None:
                on_record(label, record)

        worker = Agent(config=capped(agent.config, caps), runtime=agent.runtime)
        made = run_suite(worker, tasks, out / folder_of(variant, budget), seed=seed, on_record=heard)
        figures.append(made.model_copy(update={"kind": label}))
    about = f"{len(tasks)} tasks of {title}, generator {agent.runtime.generator.model}, seed {seed}"
    return figures, compared(outcomes, baseline=baseline_of(variants), title=title, about=about)


def outcome_of(record: Record) -> Outcome:
    """How a task ended, as policies are compared by it."""
    first, returned = record.first, record.returned
    worse = None if first is None or returned is None else returned.held < first.held
    return Outcome(record.right, worse, record.pictures, "error" if record.error else record.stop_reason or "none")
