"""Random histories through the real routing: whatever models answer, every run ends, within its caps, with its best.

`python -m omniagent.simulation.histories 10000` plays so many and exits with 1 if any breaks a promise of the loop.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from PIL import Image
from pydantic import BaseModel

from omniagent.graphs.build import Graph, build
from omniagent.graphs.history import critique_of, pictures_drawn
from omniagent.graphs.leading import best_of, doubtful
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState
from omniagent.model.errors import CriticBadOutput, CriticTimeout, CriticUnavailable, GenerationFailed, OutOfMemory
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written, picture_for
from omniagent.simulation.comparing import switches
from omniagent.simulation.stage import Memory, play
from omniagent.tools.types import (
    Attempt,
    Budget,
    ImageRef,
    Mode,
    Plan,
    Requirement,
    RequirementKind,
    Step,
    StopReason,
    Task,
)

_SIDE: Final = 32
_WORDS: Final = "add a lamp to the room"
_BOXES: Final = ([0, 0, _SIDE, _SIDE], [2, 2, 5, 5], [4, 4, 20, 20], [9, 9, 9, 9], [-80, 0, 900, 3], list[int]())
"""The whole picture, three pixels, a part; without area, outside, and no numbers."""

_LIKELY: Final = (0.02, 0.1, 0.45, 0.5, 0.55, 0.7, 0.9, 0.98)
_KINDS: Final[tuple[RequirementKind, ...]] = ("presence", "attribute", "count", "relation", "text", "preservation")
_FAULTS: Final[tuple[Callable[[], Exception], ...]] = (
    lambda: CriticTimeout("no answer came"),
    lambda: CriticUnavailable("the server is down"),
    lambda: CriticBadOutput("no probability was given"),
)


class Played(NamedTuple):
    """A history that was played.

    Attributes:
        number: Its seed.
        stop: The stop reason, None where the run has none.
        broken: The promises that it breaks, in words; empty as it should be.
    """

    number: int
    stop: StopReason | None
    broken: tuple[str, ...]


class _Moods:
    """Models that answer by chance, with a share of faults, and pictures that repeat or show nothing."""

    def __init__(self, chance: random.Random, token: CancelToken) -> None:
        self._chance = chance
        self._token = token
        self._fails = chance.choice([0.0, 0.0, 0.02, 0.2])
        self._repeats = chance.choice([0.0, 0.1, 0.6])
        self._stops = chance.choice([0.0, 0.0, 0.0, 0.02])
        self._likely = chance.choices(_LIKELY, k=chance.randint(1, 6))

    def draw(self, request: GenerationRequest) -> Sequence[Image.Image] | Exception:
        chance = self._chance
        self._may_stop()
        if chance.random() < self._fails / 2:
            return chance.choice([GenerationFailed("nothing usable came"), OutOfMemory("the device is full")])
        return [self._picture(request, seed) for seed in request.seeds]

    def _picture(self, request: GenerationRequest, seed: int) -> Image.Image:
        chance = self._chance
        if chance.random() < self._repeats:
            if request.references and chance.random() < 0.5:
                return request.references[0]
            return picture_for("the same", chance.randint(0, 1), (_SIDE, _SIDE))
        if chance.random() < 0.05:
            return Image.new("RGB", (_SIDE * 3, _SIDE * 3), "gray")
        return picture_for(request.instruction, seed, chance.choice([(_SIDE, _SIDE), (48, 24)]))

    def answer(self, prompt: Prompt, question: str) -> float:
        self._may_fail()
        return self._chance.choice(self._likely)

    def choose(self, prompt: Prompt, options: tuple[str, ...]) -> str:
        self._may_fail()
        return self._chance.choice(options)

    def write(self, prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        self._may_fail()
        chance = self._chance
        asked = " ".join(part for part in prompt.parts if isinstance(part, str))
        if "bbox_2d" in asked and chance.random() < 0.9:
            box = chance.choice(_BOXES)
            return json.dumps([{"bbox_2d": box, "label": chance.choice(["change", "stays", "wall"])}])
        if schema is None or chance.random() < 0.1:
            return chance.choice(["", "I cannot help with that.", "{", "add a lamp", "[]"])
        words = chance.choice([_WORDS, f"{_WORDS} by the window", f"{_WORDS}, and remove the cup", "a room", "", " "])
        form = {"seen": "a room", "instruction": words, "scope": chance.choice(["local", "global"])}
        if "wrong" in schema.model_fields:
            form = {"wrong": "no lamp", "right": chance.random() < 0.2, "instruction": words}
        return json.dumps(form)

    def _may_fail(self) -> None:
        self._may_stop()
        if self._chance.random() < self._fails:
            raise self._chance.choice(_FAULTS)()

    def _may_stop(self) -> None:
        if self._chance.random() < self._stops:
            self._token.cancel()


def play_history(number: int, graph: Graph | None = None) -> Played:
    """One random history; the same number plays the same one."""
    chance, token = random.Random(number), CancelToken()
    moods, store = _Moods(chance, token), Memory()
    budget, entry = _budget(chance), _entry(chance, store)
    profile = CriticProfile(name="by chance", grounding=chance.choice(["none", "pixels"]))
    state = play(
        graph or build(),
        entry,
        ScriptedGenerator(
            moods.draw, size=(_SIDE, _SIDE), steps=1, profile=GeneratorProfile(width=_SIDE, height=_SIDE)
        ),
        ScriptedCritic(moods.answer, moods.write, choices=moods.choose, profile=profile),
        store=store,
        budget=budget,
        token=token,
    )
    return Played(number, state.stop, tuple(broken_promises(state)))


def broken_promises(state: AgentState) -> list[str]:
    """What a state that has ended breaks of: one stop reason, no cap exceeded, the best returned; in words."""
    found: list[str] = []
    stops, budget, usage = [one for one in state.decisions if one.stop is not None], state.budget, state.usage
    if state.stop is None or [one.stop for one in stops] != [state.stop] or state.decisions[-1] is not stops[-1]:
        found.append(f"the stop reasons are {[one.stop for one in stops]}, the state's is {state.stop}")
    rounds = Counter(one.round for one in state.attempts if not one.restored)
    # A round of the first candidates is as large as the policy says, a later one as the budget does.
    rules = state.policy
    first = max((rules.first_candidates, *rules.first_by_mode.values()))
    widest = max(budget.candidates, first, rules.repair_candidates)
    # Each step of several changes is an edit of the one before it.
    deepest = max(1, budget.max_depth) + max(0, (0 if state.plan is None else len(state.plan.steps)) - 1)
    for what, spent, cap in (
        ("pictures", pictures_drawn(state), budget.max_images),
        ("rounds", max(rounds, default=0), budget.max_rounds),
        ("critic calls", usage.critic_calls, budget.max_critic_calls),
        ("pictures of a round", max(rounds.values(), default=0), widest),
        ("edits of one picture", max((one.depth for one in state.attempts), default=0), deepest),
    ):
        if spent > cap:
            found.append(f"{spent} {what}, {cap} at most")
    best = best_of(state)
    if best is None:
        return [*found, "pictures were drawn, but none is returned"] if state.attempts else found
    mine, first = critique_of(state, best), critique_of(state, state.attempts[0])
    if state.stop == "accepted" and (mine is None or not mine.accepted):
        found.append(f"{best.id} is accepted, but not by its verdicts")
    if state.plan is not None and state.plan.steps:
        # Pictures of different steps are judged by different lines.
        return found
    if any(one.accepted for one in state.critiques) and (mine is None or not mine.accepted):
        found.append(f"{best.id} is returned, but another picture holds every requirement")
    if doubtful(state, best) and state.fault is not None and state.fault.message not in state.decisions[-1].reason:
        found.append(f"{best.id} is accepted in doubt after a fault that is not told")
    if (late := next((one for one in state.attempts if _is_surer(state, one, best)), None)) is not None:
        found.append(f"{best.id} is returned in doubt, but {late.id} holds for sure")
    if mine is not None and first is not None and mine.passed < first.passed:
        found.append(f"{best.id} is returned, which holds less than the first picture")
    return found


def _is_surer(state: AgentState, one: Attempt, best: Attempt) -> bool:
    """Whether a picture holds for sure that nothing speaks against, where the returned one holds in doubt."""
    seen = critique_of(state, one)
    if seen is None or not seen.accepted or not doubtful(state, best) or doubtful(state, one):
        return False
    return one.id not in _lost(state) and one.parent is None


def _lost(state: AgentState) -> set[str]:
    """The pictures that lost a choice, and those that a choice left equal to one of these."""
    decided = [each for each in state.preferences if each.better is not None]
    lost = {name for each in decided for name in each.pair if name != each.better}
    even = [each.pair for each in state.preferences if each.better is None]
    return lost | {name for pair in even if lost & set(pair) for name in pair}


def _budget(chance: random.Random) -> Budget:
    return Budget(
        max_rounds=chance.randint(1, 7),
        max_images=chance.randint(1, 12),
        max_critic_calls=chance.choice([3, 10, 40, 200]),
        candidates=chance.randint(1, 4),
        max_depth=chance.randint(0, 3),
    )


def _entry(chance: random.Random, store: Memory) -> dict[str, Any]:
    mode: Mode = chance.choice(["generate", "generate", "edit", "compose"])
    given: tuple[ImageRef, ...] = ()
    if mode != "generate":
        number = 1 if mode == "edit" else 2
        given = tuple(store.put(picture_for("given", index, (_SIDE, _SIDE))) for index in range(number))
    lines = tuple(
        Requirement(id=f"r{index}", kind=chance.choice(_KINDS), question=f"Is there a lamp, number {index}?")
        for index in range(1, chance.randint(2, 6))
    )
    steps = (Step(instruction="add a lamp", checklist=lines[:1]), Step(instruction="light it", checklist=lines))
    plan = Plan(
        mode=mode,
        steps=steps if mode == "edit" and chance.random() < 0.4 else (),
        instruction=_WORDS,
        checklist=lines,
        unchecked=("the mood",) if chance.random() < 0.1 else (),
        sure=chance.choice([1.0, 0.3]),
        final=chance.random() < 0.7,
    )
    turned = {
        one.rule: one.policy.model_dump()[one.rule] for one in chance.sample(switches(), chance.randint(0, 4))
    } | {"first_candidates": chance.randint(1, 4), "repair_candidates": chance.randint(1, 3)}
    return {
        "task": Task(instruction=_WORDS, images=given),
        "plan": plan,
        "seed": chance.randint(0, 1000),
        "policy": LoopPolicy.model_validate(turned),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Play histories and tell the stop reasons and what was broken; 1 if anything was."""
    parser = argparse.ArgumentParser(prog="python -m omniagent.simulation.histories", description=main.__doc__)
    parser.add_argument("number", type=int, nargs="?", default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first history")
    given = parser.parse_args(arguments)
    graph, stops, wrong = build(), Counter[str](), 0
    for number in range(given.first, given.first + given.number):
        played = play_history(number, graph)
        stops[str(played.stop)] += 1
        for promise in played.broken:
            wrong += 1
            print(f"history {number}: {promise}")
    print(
        f"{given.number} histories, {wrong} broken promises; " + ", ".join(f"{n} {s}" for s, n in stops.most_common())
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
