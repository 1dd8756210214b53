"""Pictures of which every requirement holds, but not for sure (rule 17)."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from omniagent.config import Config
from omniagent.graphs.leading import best_of, questioned, sureness
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.rules import decide, wants_refinement, wants_suggestion
from omniagent.graphs.state import Fault
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.forms import ChecklistForm, Line
from omniagent.tools.dialects.plain.prompts import repair_prompt
from omniagent.tools.types import (
    Answer,
    Attempt,
    Budget,
    Evidence,
    Instrument,
    Preference,
    Requirement,
    Stated,
    Step,
    Verdict,
)
from tests.support.scripted_runs import scripted_agent
from tests.support.states import attempt, critique, judged, state

SURE, DOUBTFUL = (0.95, 0.97), (0.95, 0.7)


def redrawn(*looks: Sequence[float], policy: LoopPolicy | None = None, budget: Budget | None = None):
    """A state of one picture a round, all drawn afresh, with these probabilities of yes."""
    attempts = [attempt(f"a{number}", number) for number in range(1, len(looks) + 1)]
    seen = [judged(one.id, look) for one, look in zip(attempts, looks, strict=True)]
    return state(attempts, seen, policy=policy, budget=budget)


def test_a_picture_that_holds_for_sure_ends_the_run_and_one_in_doubt_does_not():
    assert decide(redrawn(SURE)).action == "accept"
    made = decide(redrawn(DOUBTFUL))
    assert made.action == "regenerate" and "1 of 2 requirements is not sure" in made.reason


def test_a_doubtful_line_is_repaired_and_rewritten_like_one_that_failed():
    doubtful = redrawn(DOUBTFUL)
    assert wants_suggestion(doubtful) and wants_refinement(doubtful)
    with_words = judged("a1", DOUBTFUL).model_copy(update={"repair": "make it red"})
    made = decide(state([attempt("a1", 1)], [with_words]))
    assert (made.action, made.target) == ("edit", "a1")


def test_new_words_are_written_for_what_the_critic_could_not_tell_but_no_edit_is_made():
    unsure = state([attempt("a1", 1)], [critique("a1", "y?")])
    assert wants_refinement(unsure) and not wants_suggestion(unsure)
    assert not wants_refinement(unsure.model_copy(update={"policy": LoopPolicy(refine_unsure=False)}))
    failing = state([attempt("a1", 1)], [critique("a1", "nnn")], policy=LoopPolicy(refine_unsure=False))
    assert wants_refinement(failing)


@pytest.mark.parametrize("budget", [Budget(max_rounds=1), Budget(max_images=1), Budget(max_rounds=9, time_limit=0.001)])
def test_where_the_budget_ends_the_doubtful_picture_is_accepted_and_the_doubt_told(budget: Budget):
    made = redrawn(DOUBTFUL, budget=budget)
    made = decide(made.model_copy(update={"usage": made.usage.model_copy(update={"seconds": 1.0})}))
    assert (made.action, made.stop, made.target) == ("accept", "accepted", "a1")
    assert "not for sure (70% at least)" in made.reason


def test_a_fault_or_a_cancelled_run_returns_the_doubtful_picture_as_accepted():
    doubtful = redrawn(DOUBTFUL)
    assert decide(doubtful, cancelled=True).stop == "accepted"
    broken = doubtful.model_copy(update={"fault": Fault(stop="critic_unavailable", message="it is gone")})
    assert decide(broken).stop == "accepted"


def test_what_kept_a_doubtful_picture_from_being_bettered_is_told():
    doubtful = redrawn(DOUBTFUL)
    assert "not bettered, as the run was cancelled" in decide(doubtful, cancelled=True).reason
    broken = doubtful.model_copy(update={"fault": Fault(stop="critic_unavailable", message="the server is down")})
    assert "not bettered, as the server is down" in decide(broken).reason
    gained = redrawn((0.95, 0.1), DOUBTFUL, (0.95, 0.7), (0.96, 0.7))
    assert decide(gained).action == "regenerate"
    gained = redrawn((0.95, 0.1), DOUBTFUL, (0.95, 0.1), (0.1, 0.95), (0.1, 0.1))
    assert "3 rounds brought no surer picture" in decide(gained).reason
    less = decide(gained.model_copy(update={"policy": LoopPolicy(doubtful_rounds=0)}))
    assert less.action == "regenerate"


def test_a_doubtful_picture_that_the_critic_chose_over_a_sure_one_ends_the_run():
    chosen = redrawn(DOUBTFUL, SURE).model_copy(update={"preferences": (Preference(pair=("a1", "a2"), better="a1"),)})
    made = decide(chosen)
    assert (made.stop, made.target) == ("accepted", "a1") and "chose it over a surer picture" in made.reason


@pytest.mark.parametrize("over_edit", [0.0, 0.9])
@pytest.mark.parametrize("whole", [False, True])
def test_a_surer_repair_takes_over_unless_it_changed_more_than_it_had_a_reason_to(over_edit: float, whole: bool):
    repair = judged("a2", SURE).model_copy(update={"over_edit": over_edit})
    lines = tuple(
        Requirement(id=f"r{n}", kind="style", question="?", stated=Stated(reach="look" if whole else "part"))
        for n in (1, 2)
    )
    attempts = [attempt("a1", 1), attempt("a2", 2, parent="a1")]
    made = decide(state(attempts, [judged("a1", DOUBTFUL), repair], checklist=lines))
    if over_edit and not whole:
        assert (made.action, made.target) == ("roll_back", "a1") and "90% of what the repair changed" in made.reason
    else:
        assert (made.action, made.target) == ("accept", "a2")


def test_a_critic_that_betters_a_doubtful_picture_is_told_which_line_is_in_doubt():
    doubtful = redrawn(DOUBTFUL)
    seen = questioned(doubtful, doubtful.attempts[0], doubtful.critiques[0])
    assert [one.answer for one in seen.verdicts] == ["yes", "unsure"]
    lines = [("Is there a cat?", seen.verdicts[0]), ("Is the hat red?", seen.verdicts[1])]
    told = str(repair_prompt(Image.new("RGB", (8, 8)), "a cat in a red hat", *parted(lines)).parts[-1])
    held, _, failed = told.partition("may not hold")
    assert "Is there a cat?" in held and "Is the hat red?" in failed and "Is there a cat?" not in failed


def parted(lines: Sequence[tuple[str, Verdict]]) -> tuple[list[str], list[str]]:
    """The lines that hold, and the others."""
    held = [question for question, verdict in lines if verdict.answer == "yes"]
    return held, [question for question, _ in lines if question not in held]


def test_three_rounds_that_bring_no_surer_picture_end_the_run_with_it():
    assert decide(redrawn(DOUBTFUL, (0.95, 0.1), (0.95, 0.1))).action == "regenerate"
    made = decide(redrawn(DOUBTFUL, (0.95, 0.1), (0.1, 0.95), (0.95, 0.1)))
    assert (made.stop, made.target) == ("accepted", "a1")


def test_a_surer_picture_takes_over_and_a_less_sure_one_does_not():
    surer, less = redrawn(DOUBTFUL, SURE), redrawn(DOUBTFUL, (0.95, 0.65))
    assert [getattr(best_of(one), "id", None) for one in (surer, less)] == ["a2", "a1"]
    assert decide(surer).target == "a2"


def test_the_critics_choice_between_two_that_hold_comes_before_their_probabilities():
    chosen = redrawn(DOUBTFUL, SURE).model_copy(update={"preferences": (Preference(pair=("a1", "a2"), better="a1"),)})
    open_choice = chosen.model_copy(update={"preferences": (Preference(pair=("a1", "a2")),)})
    assert [getattr(best_of(one), "id", None) for one in (chosen, open_choice)] == ["a1", "a2"]


def test_a_step_that_holds_in_doubt_is_gone_on_from_and_the_last_one_is_not():
    doubtful = redrawn(DOUBTFUL)
    assert doubtful.plan is not None
    checklist = doubtful.plan.checklist
    steps = (Step(instruction="first", checklist=checklist), Step(instruction="then", checklist=checklist))
    several = doubtful.model_copy(update={"plan": doubtful.plan.model_copy(update={"steps": steps})})
    assert decide(several).action == "advance"


def test_with_no_sureness_asked_for_the_first_picture_that_holds_is_accepted():
    assert decide(redrawn((0.65, 0.62), policy=LoopPolicy(sure_verdict=0.0))).action == "accept"


@pytest.mark.parametrize(
    ("pieces", "least", "most"),
    [
        ([("probability", "yes", 0.8)], 0.8, 0.8),
        ([("probability", "yes", 0.8), ("boxes", "unsure", 0.5)], 0.8, 0.8),
        ([("probability", "yes", 0.8), ("number", "yes", 0.8)], 0.95, 0.97),
        # An agreeing description repeats the answer's own probability.
        ([("probability", "yes", 0.8), ("description", "yes", 0.8)], 0.8, 0.8),
    ],
)
def test_instruments_that_agree_make_surer_and_one_that_cannot_tell_changes_nothing(
    pieces: list[tuple[Instrument, Answer, float]], least: float, most: float
):
    evidence = tuple(Evidence(instrument=name, answer=answer, probability=p) for name, answer, p in pieces)
    verdict = Verdict(requirement="r1", answer="yes", probability=0.7, evidence=evidence)
    assert least - 1e-9 <= sureness(verdict) <= most


@pytest.mark.parametrize(("confirm", "accepted"), [(True, False), (False, True)])
def test_what_seems_to_hold_is_asked_again_in_other_words_before_it_counts(
    tmp_path: Path, confirm: bool, accepted: bool
):
    asked: list[str] = []

    def judge(prompt: Prompt, question: str) -> float:
        asked.append(question)
        # It says yes to one wording alone.
        return 0.95 if "Look once more" not in question and "agree" not in question else 0.1

    def write(prompt: Prompt, schema: object) -> ChecklistForm | str:
        line = Line(kind="attribute", question="Is the hat red?")
        return ChecklistForm(facts=("a red hat",), checklist=(line,)) if schema is ChecklistForm else "a hat"

    critic = ScriptedCritic(judge, write, profile=CriticProfile(name="plain", source="scripted"))
    config = Config(tools=ToolConfig(backoff=0), loop=LoopPolicy(confirm=confirm))
    with scripted_agent(tmp_path, critic=critic, config=config) as agent:
        result = agent.run("a red hat", budget=Budget(max_images=1))
    assert result.accepted == accepted
    again = [one for one in asked if "Is the hat red?" in one and ("Look once more" in one or "agree" in one)]
    assert len(again) == (2 if confirm else 0)


@pytest.mark.parametrize(("failing", "again"), [(1, 6), (2, 0)])
def test_a_picture_that_fails_by_one_line_alone_is_asked_about_again(tmp_path: Path, failing: int, again: int):
    questions = ["Is the hat red?", "Is there a cat?", "Is it day?"]
    asked: list[str] = []

    def judge(prompt: Prompt, question: str) -> float:
        asked.append(question)
        repeated = "Look once more" in question or "agree" in question
        return 0.1 if not repeated and any(one in question for one in questions[:failing]) else 0.95

    def write(prompt: Prompt, schema: object) -> ChecklistForm | str:
        lines = tuple(Line(kind="attribute", question=one) for one in questions)
        return ChecklistForm(facts=tuple(questions), checklist=lines) if schema is ChecklistForm else "a cat"

    critic = ScriptedCritic(judge, write, profile=CriticProfile(name="plain", source="scripted"))
    with scripted_agent(tmp_path, critic=critic, config=Config(tools=ToolConfig(backoff=0))) as agent:
        result = agent.run("a cat with a red hat, by day", budget=Budget(max_images=1))
    assert sum("Look once more" in one or "agree" in one for one in asked) == again
    # A no to one wording of three is none.
    assert result.accepted == (failing == 1)


def test_attempts_of_the_same_sureness_leave_the_earlier_one():
    made = best_of(redrawn(SURE, SURE))
    assert isinstance(made, Attempt) and made.id == "a1"
