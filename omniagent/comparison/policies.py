"""Ways to spend a number of pictures, as budgets and rules of the one agent."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

import yaml
from pydantic import ValidationError

from omniagent.config import Config
from omniagent.graphs.policy import MOST_CANDIDATES, LoopPolicy
from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault, shown, unknown
from omniagent.tools.types import Budget

PolicyName = Literal["single", "best-of-n", "agent"]
POLICIES: Final[tuple[PolicyName, ...]] = get_args(PolicyName)

_CALLS_A_PICTURE: Final = 60
"""Critic calls that a picture may take, so that pictures are what runs out."""


class Variant(NamedTuple):
    """A policy with the rules that are set in it.

    Attributes:
        label: What tables call it.
        policy: `single` draws one picture; `best-of-n` draws all in one round and the critic's verdicts select;
            `agent` is the loop.
        rules: Set in place of the defaults and of what the generator's profile prefers; of the loop alone.
    """

    label: str
    policy: PolicyName
    rules: LoopPolicy = LoopPolicy()


class Caps(NamedTuple):
    """What a run is given: its budget, and the rules that are set."""

    budget: Budget
    rules: LoopPolicy


def caps_of(variant: Variant, pictures: int, base: Budget | None = None) -> Caps:
    """The budget and rules by which a policy draws at most so many pictures.

    Rounds and critic calls never end a run before its pictures do; the time limit and depth are those of `base`.

    Raises:
        BadSetting: best-of-n of more pictures than one round has.
    """
    base = base or Budget()
    if pictures < 1:
        raise BadSetting(f"budget={shown(pictures)} is not allowed; give a number of pictures from 1 on")
    if variant.policy == "single":
        pictures = 1
    if variant.policy == "best-of-n" and pictures > MOST_CANDIDATES:
        raise BadSetting(
            f"best-of-n draws all pictures in one round, {MOST_CANDIDATES} at most, and the budget is {pictures}; "
            "give a smaller budget"
        )
    budget = base.model_copy(
        update={
            "max_images": pictures,
            "max_rounds": min(100, pictures if variant.policy == "agent" else 1),
            "max_critic_calls": max(base.max_critic_calls, _CALLS_A_PICTURE * pictures),
        }
    )
    if variant.policy == "agent":
        return Caps(budget, variant.rules)
    selection = LoopPolicy(
        first_candidates=pictures,
        most_candidates=MOST_CANDIDATES,
        forced_choice=False,
        second_reading=False,
        confirm=False,
        restore=False,
    )
    return Caps(budget, selection)


def capped(config: Config, caps: Caps) -> Config:
    """The settings of an agent with a policy's budget and rules."""
    set_here = {name: getattr(caps.rules, name) for name in caps.rules.model_fields_set}
    return config.model_copy(update={"budget": caps.budget, "loop": config.loop.model_copy(update=set_here)})


def rules_of(given: Iterable[str]) -> LoopPolicy:
    """The rules that `NAME=VALUE` texts set; values are read as YAML, so `false`, `3`, `[edit]` and `null` are.

    Raises:
        BadSetting: a text without `=`, an unknown rule, one that is set twice, or a value out of range.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, mark, value = text.partition("=")
        name = name.strip()
        if not mark:
            raise BadSetting(f"{shown(text)} sets nothing; give NAME=VALUE, for example forced_choice=false")
        if name not in LoopPolicy.model_fields:
            raise BadSetting(unknown(name, LoopPolicy.model_fields))
        if name in values:
            raise BadSetting(f"{name} is set twice; rules that are set make one agent, so try each value by itself")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadSetting(f"the value of {name}, {shown(value)}, cannot be read") from error
    try:
        return LoopPolicy.model_validate(values)
    except ValidationError as error:
        raise BadSetting(f"a rule of the loop: {fault(error, LoopPolicy.model_fields)}") from error


def variants_of(policies: Sequence[str], given: Sequence[str] = ()) -> tuple[Variant, ...]:
    """The policies of those names, each once, in the order of `POLICIES`; where rules are set, the agent with them too.

    Raises:
        BadSetting: an unknown policy, or as `rules_of`.
    """
    if wrong := next((name for name in policies if name not in POLICIES), None):
        raise BadSetting(unknown(wrong, POLICIES))
    found = [Variant(policy, policy) for policy in POLICIES if policy in policies]
    if given:
        found.append(Variant(f"agent, {', '.join(given)}", "agent", rules_of(given)))
    return tuple(found)


def baseline_of(variants: Sequence[Variant]) -> str:
    """The label that the others are held against: best-of-n, else the agent as it is, else the first."""
    labels = [one.label for one in variants]
    return next((name for name in ("best-of-n", "agent") if name in labels), labels[0])


def folder_of(variant: Variant, budget: int) -> str:
    """The name of a policy's folder, of letters, digits and `=-_.,` alone."""
    return f"{re.sub(r'[^A-Za-z0-9=_.,-]+', '_', variant.label)}-{budget}"
