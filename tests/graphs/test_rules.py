"""The rules of the loop, one by one, on made-up states."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.graphs.amount import candidates
from omniagent.graphs.history import critique_of
from omniagent.graphs.leading import best_of, broken, merit, rounds, surer
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.repairs import fold
from omniagent.graphs.rules import decide, open_question, wants_suggestion
from omniagent.graphs.state import AgentState, Fault
from omniagent.tools.types import (
    Box,
    Budget,
    Decision,
    Requirement,
    RequirementKind,
    Step,
    StopReason,
    Task,
    Usage,
)
from tests.support.states import attempt, critique, judged, picture, state


def test_a_picture_is_accepted_when_every_requirement_holds():
    made = decide(state([attempt("a1", 1)], [critique("a1", "yy")]))
    assert (made.action, made.stop, made.target) == ("accept", "accepted", "a1")


def test_an_unsure_requirement_is_neither_accepted_nor_edited():
    unsure = state([attempt("a1", 1)], [critique("a1", "y?", repair="make it red")])
    assert decide(unsure).action == "regenerate"
    assert not wants_suggestion(state([attempt("a1", 1)], [critique("a1", "y?")]))


def test_a_local_failure_is_repaired_from_the_picture_that_failed():
    made = decide(state([attempt("a1", 1)], [critique("a1", "yyn", repair="make it red")]))
    assert (made.action, made.target, made.instruction) == ("edit", "a1", "make it red")


def test_a_global_failure_is_drawn_afresh_in_the_plans_words():
    many = decide(state([attempt("a1", 1)], [critique("a1", "nnn", repair="make it red")]))
    assert (many.action, many.instruction) == ("regenerate", "a red circle")
    wide = critique("a1", "yn", repair="begin again").model_copy(update={"scope": "global"})
    assert decide(state([attempt("a1", 1)], [wide])).action == "regenerate"


@pytest.mark.parametrize(
    ("after", "over_edit", "word"),
    [("yyn", 0.0, "help"), ("nyy", 0.0, "broke 1 requirement"), ("yy?", 0.9, "90% of what")],
)
def test_a_failed_repair_is_rolled_back_and_drawn_afresh(after: str, over_edit: float, word: str):
    before = critique("a1", "ynn", "make it red") if over_edit else critique("a1", "yyn", "make it red")
    made = decide(
        state([attempt("a1", 1), attempt("a2", 2, parent="a1")], [before, critique("a2", after, over_edit=over_edit)])
    )
    assert (made.action, made.instruction) == ("roll_back", "a red circle")
    assert word in made.reason


def test_a_kept_repair_is_mended_from_its_fresh_ancestor_with_both_instructions():
    kept = state(
        [attempt("a1", 1), attempt("a2", 2, parent="a1", words="make it red.")],
        [critique("a1", "ynn", "make it red."), critique("a2", "yyn", "move it left")],
    )
    made = decide(kept)
    assert (made.action, made.target, made.instruction) == ("edit", "a1", "make it red and move it left")


def test_edits_stack_up_to_the_depth_cap_where_the_policy_says_so():
    policy, attempts = LoopPolicy(stack_edits=True), [attempt("a1", 1), attempt("a2", 2, parent="a1", words="redden")]
    said = [critique("a1", "ynn", "redden"), critique("a2", "yyn", "move it left")]
    deep = decide(state(attempts, said, policy=policy, budget=Budget(max_rounds=9, max_depth=2)))
    assert (deep.target, deep.instruction) == ("a2", "move it left")
    capped = decide(state(attempts, said, policy=policy, budget=Budget(max_rounds=9, max_depth=1)))
    assert (capped.target, capped.instruction) == ("a1", "redden and move it left")


def test_no_picture_is_repaired_twice_or_without_depth():
    tried = state(
        [attempt("a1", 1), attempt("a2", 2, parent="a1"), attempt("a3", 3)],
        [critique("a1", "yyn", "make it red"), critique("a2", "ynn"), critique("a3", "nnn")],
        policy=LoopPolicy(fruitless_rounds=0),
    )
    assert decide(tried).action == "regenerate"
    flat = state([attempt("a1", 1)], [critique("a1", "yyn", "mend")], budget=Budget(max_depth=0))
    assert decide(flat).action == "regenerate"


def test_an_edit_task_is_done_again_from_its_source_and_with_the_repair_folded_in_where_the_policy_says_so():
    for mode, modes, words in (
        ("edit", ("edit",), "a red circle and remove the star"),
        ("edit", (), "a red circle"),
        ("compose", ("edit",), "a red circle"),
    ):
        policy = LoopPolicy(merge_modes=modes)
        made = decide(state([attempt("a1", 1)], [critique("a1", "yyn", "remove the star")], mode=mode, policy=policy))
        assert (made.action, made.target, made.instruction) == ("regenerate", None, words)


def test_a_suggestion_is_asked_for_only_while_it_can_be_used():
    first = [attempt("a1", 1)]
    assert wants_suggestion(state(first, [critique("a1", "yyn")]))
    assert not wants_suggestion(state(first, [critique("a1", "yyn", "known")]))
    assert not wants_suggestion(state(first, [critique("a1", "nnn")]))
    assert not wants_suggestion(state(first, [critique("a1", "yyy")]))
    assert not wants_suggestion(state(first, [critique("a1", "yyn")], budget=Budget(max_rounds=1)))
    assert not wants_suggestion(state(first, [critique("a1", "yyn")]), cancelled=True)


def test_the_same_picture_again_is_stagnation_and_an_older_one_oscillation():
    said = [critique(f"a{n}", "nnn") for n in (1, 2, 3)]
    again = [attempt("a1", 1, look="p"), attempt("a2", 2, look="p")]
    assert decide(state(again, said[:2])).stop == "stagnation"
    back = [attempt("a1", 1, look="p"), attempt("a2", 2, look="q"), attempt("a3", 3, look="p")]
    assert decide(state(back, said)).stop == "oscillation"


def test_a_repair_that_changes_nothing_is_rolled_back_not_stagnation():
    still = [attempt("a1", 1, look="p"), attempt("a2", 2, parent="a1", look="p")]
    assert decide(state(still, [critique("a1", "yn", "mend"), critique("a2", "yn")])).action == "roll_back"


@pytest.mark.parametrize(
    ("vectors", "stop"),
    [
        (["nnn"] * 3, None),
        (["nnn"] * 4, "stagnation"),
        (["nny", "nnn", "nny", "nnn"], "oscillation"),
        (["nny", "nnn", "nyn", "nnn"], None),
    ],
)
def test_verdicts_that_repeat_or_swing_end_the_run_when_patience_does(vectors: list[str], stop: StopReason | None):
    attempts = [attempt(f"a{n}", n) for n in range(1, len(vectors) + 1)]
    said = [critique(one.id, vector) for one, vector in zip(attempts, vectors, strict=True)]
    assert decide(state(attempts, said, policy=LoopPolicy(fruitless_rounds=0))).stop == stop


@pytest.mark.parametrize(
    ("vectors", "stop"),
    [
        (["ynn", "nnn"], None),
        (["ynn", "nny", "nyn"], None),
        (["ynn", "nyn", "nyn"], "stagnation"),
        (["ynn", "nny", "yyn"], None),
        (["nnn", "ynn", "nnn", "nyn"], "stagnation"),
    ],
)
def test_two_rounds_that_hold_no_more_end_the_run_where_a_requirement_never_held(
    vectors: list[str], stop: StopReason | None
):
    attempts = [attempt(f"a{n}", n) for n in range(1, len(vectors) + 1)]
    said = [critique(one.id, vector) for one, vector in zip(attempts, vectors, strict=True)]
    made = decide(state(attempts, said))
    assert made.stop == stop
    assert stop is None or "the last 2 rounds held no more" in made.reason


def test_a_run_that_brings_nothing_names_the_ability_that_is_missing():
    lines = tuple(Requirement(id=f"r{n}", kind=kind, question=f"{n}?") for n, kind in ((1, "presence"), (2, "text")))
    seen = [critique(f"a{n}", "yn") for n in (1, 2, 3)]
    now = state([attempt(f"a{n}", n) for n in (1, 2, 3)], seen, checklist=lines)
    assert decide(now).reason.endswith("the generator seems to lack: writing text")


@pytest.mark.parametrize(
    ("budget", "usage", "stop"),
    [
        (Budget(max_rounds=1), Usage(), "round_limit"),
        (Budget(max_images=1), Usage(), "image_limit"),
        (Budget(time_limit=5), Usage(seconds=5), "time_limit"),
        (Budget(max_critic_calls=3), Usage(critic_calls=3), "critic_unavailable"),
    ],
)
def test_each_cap_ends_the_run_for_its_own_reason(budget: Budget, usage: Usage, stop: StopReason):
    made = decide(state([attempt("a1", 1)], [critique("a1", "yn")], budget=budget, usage=usage))
    assert (made.action, made.stop, made.target) == ("stop", stop, "a1")


def test_a_wish_a_deadline_and_a_fault_end_the_run_but_never_undo_an_accepted_picture():
    poor, good = ([attempt("a1", 1)], [critique("a1", "yn")]), ([attempt("a1", 1)], [critique("a1", "yy")])
    assert decide(state(*poor), cancelled=True).stop == "cancelled"
    assert decide(state(*poor), expired=True).stop == "time_limit"
    fault = Fault(stop="critic_unavailable", message="gone")
    assert decide(state(*poor, fault=fault)).stop == "critic_unavailable"
    assert decide(state(*good, fault=fault), cancelled=True, expired=True).stop == "accepted"


def test_a_round_never_draws_beyond_the_cap_on_pictures():
    fresh = state([], [])
    assert candidates(fresh) == 1
    later = state([attempt("a1", 1)], [critique("a1", "n")], budget=Budget(candidates=4, max_images=3))
    assert (candidates(later), candidates(later, repair=True)) == (2, 1)


def test_a_person_is_asked_once_about_a_picture_that_is_not_there():
    task = Task(instruction="put the star from image 2 here", images=(picture("p"),))
    asking = AgentState(task=task, policy=LoopPolicy(ask=True))
    assert "image 2" in (open_question(asking) or "")
    assert open_question(asking.model_copy(update={"clarification": "image 1"})) is None
    assert open_question(asking.model_copy(update={"policy": LoopPolicy()})) is None


@given(st.lists(st.sampled_from(["make it red", "Make it red.", "move it left", "", "it red", "add a star"])))
def test_folding_says_everything_once_and_is_settled(instructions: list[str]):
    folded = fold(*instructions)
    assert fold(folded) == folded
    for one in instructions:
        assert one.lower().rstrip(".") in folded.lower()
    assert folded.lower().count("make it red") <= 1


@given(st.text("yn?", min_size=3, max_size=3), st.text("yn?", min_size=3, max_size=3))
def test_the_guard_names_exactly_the_requirements_that_no_longer_hold(before: str, after: str):
    lost = broken(critique("a", before), critique("b", after))
    assert lost == tuple(f"r{n}" for n in (1, 2, 3) if before[n - 1] == "y" and after[n - 1] != "y")


@given(st.lists(st.tuples(st.one_of(st.none(), st.text("yn?", min_size=2, max_size=2)), st.integers(1, 4)), min_size=1))
def test_of_one_round_the_best_picture_has_most_merit_and_is_the_earliest_such(made: list[tuple[str | None, int]]):
    attempts = [attempt(f"a{n}", 1) for n in range(len(made))]
    said = [critique(f"a{n}", verdicts) for n, (verdicts, _) in enumerate(made) if verdicts is not None]
    now = state(attempts, said)
    best = best_of(now)
    assert best is not None
    merits = [merit(critique_of(now, one)) for one in attempts]
    assert attempts.index(best) == merits.index(max(merits))
    assert all(merit(one.critique) <= max(merits) for one in rounds(now))


@given(st.lists(st.lists(st.floats(0.1, 0.99), min_size=2, max_size=2), min_size=2, max_size=6), st.booleans())
def test_a_later_round_takes_over_by_a_clear_lead_or_by_holding_everything(made: list[list[float]], repairs: bool):
    attempts = [attempt(f"a{n}", n + 1, parent="a0" if repairs and n else None) for n in range(len(made))]
    now = state(attempts, [judged(f"a{n}", probabilities) for n, probabilities in enumerate(made)])
    first, best = now.critiques[0], critique_of(now, best_of(now) or attempts[0])
    assert best is not None
    if best.attempt != first.attempt:
        lead = sum(math.log(v.probability) for v in best.verdicts) - sum(
            math.log(v.probability) for v in first.verdicts
        )
        assert merit(best) > merit(first) or surer(first, best)
        asked = LoopPolicy().clear_lead if repairs else LoopPolicy().redraw_lead
        before, after = ([one.answer for one in each.verdicts] for each in (first, best))
        won = ("no", "yes") in zip(before, after, strict=True) and not broken(first, best)
        assert lead >= asked or best.accepted or won or len(made) > 2
    if any(one.accepted for one in now.critiques):
        assert best.accepted


@pytest.mark.parametrize(("sure", "best"), [(1, "a1"), (2, "a2")])
def test_without_must_wins_one_requirement_brings_no_redraw_before_the_first_picture(sure: int, best: str):
    first, later = [0.0001] * 3, [0.9999] * sure + [0.0001] * (3 - sure)
    seen, policy = [judged("a1", first), judged("a2", later)], LoopPolicy(must_wins=False)
    now = state([attempt("a1", 1), attempt("a2", 2)], seen, policy=policy)
    assert (best_of(now) or now.attempts[0]).id == best


@pytest.mark.parametrize(
    ("first", "later", "kind", "best"),
    [
        ("ynn", "yyn", "presence", "a2"),
        ("ynn", "nyy", "presence", "a1"),
        ("ynn", "yyn", "style", "a1"),
        ("y?n", "yyn", "presence", "a1"),
    ],
)
def test_a_later_picture_takes_over_by_what_it_wins_without_losing_any(
    first: str, later: str, kind: RequirementKind, best: str
):
    lines = tuple(Requirement(id=f"r{n}", kind=kind, question=f"{n}?") for n in (1, 2, 3))
    seen = [critique("a1", first), critique("a2", later)]
    now = state([attempt("a1", 1), attempt("a2", 2)], seen, checklist=lines)
    assert (best_of(now) or now.attempts[0]).id == best


def test_a_repair_that_breaks_what_held_never_takes_over_however_much_else_it_mends():
    repaired = attempt("a2", 2, parent="a1")
    now = state([attempt("a1", 1), repaired], [judged("a1", [0.1, 0.1, 0.99]), judged("a2", [0.99, 0.99, 0.001])])
    assert (best_of(now) or repaired).id == "a1"


@pytest.mark.parametrize(
    ("left", "stop", "pictures"), [(4.0, "time_limit", 1), (6.0, None, 1), (11.0, None, 2), (60.0, None, 3)]
)
def test_no_round_begins_that_would_not_end_in_time(left: float, stop: StopReason | None, pictures: int):
    # The quicker round took 3 s a picture, and the looks at two pictures and at the task 2 s each.
    spent = Usage(seconds=100 - left, critic_seconds=6.0)
    budget = Budget(time_limit=100, candidates=3, max_images=40, max_rounds=20)
    made = [attempt("a1", 1), attempt("a2", 2)]
    seen = [critique("a1", "yn"), critique("a2", "nn")]
    now = state(made, seen, budget=budget, usage=spent).model_copy(update={"pace": (30.0, 3.0)})
    assert (decide(now).stop, candidates(now)) == (stop, pictures)
    free = now.model_copy(update={"policy": LoopPolicy(whole_rounds=False)})
    assert (decide(free).stop, candidates(free)) == (None, 3)


def test_an_edit_is_repaired_inside_a_box_until_the_depth_is_spent():
    box = Box(label="repair", left=1, top=1, right=4, bottom=4)
    for depth, action in ((1, "edit"), (2, "regenerate")):
        one = attempt("a1", 1).model_copy(update={"depth": depth})
        seen = critique("a1", "yyn", "make it red").model_copy(update={"where": box})
        assert decide(state([one], [seen], mode="edit", budget=Budget(max_depth=2))).action == action


def test_a_last_step_that_changes_the_style_alone_is_returned_when_it_holds():
    things = Requirement(id="r1", kind="presence", question="A hat?")
    style = Requirement(id="r2", kind="style", question="A watercolour?")
    steps = (Step(instruction="add a hat", checklist=(things,)), Step(instruction="as a watercolour"))
    later = attempt("a2", 2, parent="a1").model_copy(update={"step": 2})
    now = state(
        [attempt("a1", 1), later], [critique("a1", "y"), critique("a2", "yy")], mode="edit", checklist=(things, style)
    )
    assert now.plan is not None
    advanced = Decision(action="advance", reason="step 1 of 2 holds", target="a1")
    plan = now.plan.model_copy(update={"steps": steps})
    now = now.model_copy(update={"plan": plan, "decisions": (advanced,)})
    assert decide(now).target == "a2" and best_of(now) == later


def test_a_repair_without_a_place_is_drawn_whole_though_an_earlier_one_had_a_box():
    box = Box(label="repair", left=0, top=0, right=4, bottom=4)
    first = critique("a1", "ynn", "make the cat red").model_copy(update={"where": box})
    second = critique("a2", "yyn", "make the door blue")
    one, two = attempt("a1", 1), attempt("a2", 2, parent="a1", words="make the cat red")
    before = decide(state([one], [first]))
    assert (before.action, before.box) == ("edit", box)
    after = decide(state([one, two], [first, second]))
    assert (after.action, after.target, after.box) == ("edit", "a1", None)
    assert after.instruction == "make the cat red and make the door blue"
