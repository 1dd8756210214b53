"""States of the loop made up for tests of its rules."""

from collections.abc import Sequence

from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState, Fault
from omniagent.model.profile import Thresholds
from omniagent.tools.instruments.agreement import answer_of
from omniagent.tools.types import (
    Answer,
    Attempt,
    Budget,
    Critique,
    ImageRef,
    Mode,
    Plan,
    Requirement,
    Task,
    Usage,
    Verdict,
)

PROBABILITY: dict[str, tuple[Answer, float]] = {"y": ("yes", 0.97), "n": ("no", 0.1), "?": ("unsure", 0.5)}


def picture(name: str) -> ImageRef:
    return ImageRef(sha256=name.encode().hex().rjust(64, "0"), width=8, height=8)


def attempt(name: str, round: int, *, parent: str | None = None, look: str = "", words: str = "draw") -> Attempt:
    depth = 0 if parent is None else 1
    return Attempt(
        id=name, image=picture(look or name), parent=parent, instruction=words, seed=round, depth=depth, round=round
    )


def critique(name: str, verdicts: str, repair: str | None = None, over_edit: float = 0.0) -> Critique:
    said = [PROBABILITY[letter] for letter in verdicts]
    return Critique(
        attempt=name,
        verdicts=tuple(
            Verdict(requirement=f"r{number}", answer=answer, probability=p)
            for number, (answer, p) in enumerate(said, 1)
        ),
        repair=repair,
        over_edit=over_edit,
        quality=sum(p for _, p in said) / len(said),
    )


def judged(name: str, probabilities: Sequence[float]) -> Critique:
    verdicts = tuple(
        Verdict(requirement=f"r{n}", answer=answer_of(p, Thresholds()), probability=p)
        for n, p in enumerate(probabilities, 1)
    )
    return Critique(attempt=name, verdicts=verdicts, quality=sum(probabilities) / len(probabilities))


def state(
    attempts: Sequence[Attempt],
    critiques: Sequence[Critique],
    *,
    mode: Mode = "generate",
    policy: LoopPolicy | None = None,
    budget: Budget | None = None,
    fault: Fault | None = None,
    usage: Usage | None = None,
    checklist: tuple[Requirement, ...] = (),
) -> AgentState:
    width = len(critiques[0].verdicts) if critiques else 2
    plan = Plan(
        mode=mode,
        instruction="a red circle",
        checklist=checklist
        or tuple(Requirement(id=f"r{n}", kind="presence", question=f"is it {n}?") for n in range(1, width + 1)),
    )
    return AgentState(
        task=Task(instruction="a red circle"),
        plan=plan,
        attempts=tuple(attempts),
        critiques=tuple(critiques),
        policy=policy or LoopPolicy(),
        budget=budget or Budget(max_rounds=20, max_images=40),
        fault=fault,
        usage=usage or Usage(),
    )
