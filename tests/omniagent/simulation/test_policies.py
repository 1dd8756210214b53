"""Policies within equal pictures through the real graph: single, best-of-n and the agent."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from omniagent.comparison import POLICIES, Outcome, caps_of, compared, rules_of, variants_of
from omniagent.comparison.plot import svg_of
from omniagent.graphs.build import build
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import BadSetting
from omniagent.simulation import Simulator, critic_of, generator_of
from omniagent.simulation.comparing import Suite, ablation_of, compare, switches
from omniagent.simulation.histories import broken_promises, play_history
from omniagent.simulation.page import made_again
from omniagent.simulation.running import Ended
from omniagent.simulation.tasks import SimulatedTask
from tests.omniagent.test_cli import call

SETTINGS_OF_RUNS = {"draw_ahead", "ask"}
"""Fields of `LoopPolicy` that are no rules of the loop: they concern speed, and who is asked."""

ALL = variants_of(POLICIES)


@pytest.fixture(scope="module")
def ended() -> dict[str, list[Ended]]:
    """Forty tasks by every policy within four pictures."""
    simulator = Simulator(generator_of("stated"), critic_of("stated"))
    found: dict[str, list[Ended]] = {}
    for variant in ALL:
        caps = caps_of(variant, 4)
        tasks = (SimulatedTask(f"t{number}") for number in range(40))
        found[variant.label] = [simulator.run(task, caps.budget, caps.rules, seed=7) for task in tasks]
    return found


def test_every_policy_meets_the_same_first_pictures_and_keeps_to_its_pictures(ended: dict[str, list[Ended]]):
    firsts = [[run.pictures[0].held for run in runs] for runs in ended.values()]
    assert firsts[0] == firsts[1] == firsts[2] and len(set(firsts[0])) > 1
    assert {len(run.pictures) for run in ended["single"]} == {1}
    assert {(len(run.pictures), run.rounds) for run in ended["best-of-n"]} == {(4, 1)}
    assert {len(run.pictures) for run in ended["agent"]} <= {1, 2, 3, 4} and any(
        run.rounds > 1 for run in ended["agent"]
    )


def test_more_pictures_bring_more_right_ones(ended: dict[str, list[Ended]]):
    right = {label: sum(run.right for run in runs) for label, runs in ended.items()}
    assert right["single"] < min(right["best-of-n"], right["agent"])
    assert not any(run.worse for run in ended["single"])


def test_a_simulated_run_is_the_same_again_and_is_a_run_of_the_real_graph(ended: dict[str, list[Ended]]):
    simulator = Simulator(generator_of("stated"), critic_of("stated"))
    first = max(ended["agent"], key=lambda run: len(run.pictures))
    caps = caps_of(ALL[2], 4)
    again = simulator.run(SimulatedTask(first.task), caps.budget, caps.rules, seed=7)
    assert again.pictures == first.pictures and again.state.decisions == first.state.decisions
    assert all(run.state.decisions[-1].stop == run.stop for runs in ended.values() for run in runs)
    assert not any(broken_promises(run.state) for runs in ended.values() for run in runs)


def test_edits_are_judged_beside_their_source_and_drawn_from_it():
    simulator = Simulator(generator_of("stated"), critic_of("good"))
    caps = caps_of(ALL[2], 4)
    runs = [simulator.run(SimulatedTask(f"e{n}", 4, 2, "edit"), caps.budget, caps.rules) for n in range(12)]
    assert all(run.state.attempts[0].references == run.state.task.images for run in runs)
    kinds = {one.evidence[0].instrument for run in runs for one in run.state.critiques[0].verdicts}
    assert kinds == {"probability", "pair"} and any(run.right for run in runs)


@pytest.mark.slow
def test_random_histories_end_once_within_their_caps_with_their_best():
    graph = build()
    played = [play_history(number, graph) for number in range(200)]
    assert [one for one in played if one.broken] == []
    assert {"accepted", "image_limit", "round_limit", "critic_unavailable", "cancelled"} <= {one.stop for one in played}


def test_a_picture_that_tied_with_the_loser_of_a_choice_need_not_be_returned():
    # Two sure pictures are alike to the critic; it then chooses a doubtful third one over the first of them.
    assert play_history(6667) == (6667, "accepted", ())


def test_a_broken_promise_of_a_history_is_told(ended: dict[str, list[Ended]]):
    run = next(run for run in ended["agent"] if len(run.pictures) == 4)
    tight = run.state.budget.model_copy(update={"max_images": 2, "max_rounds": 1})
    told = broken_promises(run.state.model_copy(update={"budget": tight, "stop": None}))
    assert [one.partition(",")[0] for one in told[1:]] == ["4 pictures", f"{run.rounds} rounds"]
    assert told[0].startswith("the stop reasons are")


def test_every_rule_of_the_loop_has_a_switch_that_turns_it():
    assert {one.rule for one in switches()} == set(LoopPolicy.model_fields) - SETTINGS_OF_RUNS
    for one in switches():
        assert getattr(one.policy, one.rule) != getattr(LoopPolicy(), one.rule), one.rule
        assert rules_of([one.label]) == one.policy


def test_a_comparison_pairs_tasks_and_tells_ratios_gains_and_intervals():
    base = [Outcome(right, False, 4, "accepted") for right in (True, False, False, True) * 25]
    better = [Outcome(right, None, 2, "accepted") for right in (True, True, False, True) * 25]
    found = compared(
        {("best-of-n", 4): base, ("agent", 4): better, ("agent", 8): better}, baseline="best-of-n", about="a", title="t"
    )
    row = found.rows[1]
    assert row.failures is not None and row.gain is not None
    assert (row.failures.value, row.gain.value, row.pictures, row.worse.of) == (0.5, 0.25, 2, 0)
    assert row.failures.low < 0.5 < row.failures.high and found.rows[0].gain is None and found.rows[2].gain is None
    assert "| agent | 4 | 2.0 | 75.0%" in found.table() and "+25.0 (" in found.table()
    picture = ElementTree.fromstring(svg_of(found))
    assert len(picture.findall(".//{*}circle")) == 3 and "agent" in "".join(picture.itertext())


def test_a_small_comparison_and_ablation_run_whole():
    suite = Suite(tasks=2, lines=2)
    found = compare(suite, ALL, [2, 3])
    assert [(row.policy, row.budget) for row in found.rows] == [
        ("single", 1), ("best-of-n", 2), ("best-of-n", 3), ("agent", 2), ("agent", 3),
    ]  # fmt: skip
    turned = ablation_of(suite, 2)
    assert [one.set_to for one in turned.effects] == [one.label for one in switches()]
    assert all(f"`{one.set_to}`" in turned.table() for one in turned.effects)


@pytest.mark.parametrize(
    ("given", "told"),
    [("forced_choice", "NAME=VALUE"), ("forced_choise=1", "did you mean 'forced_choice'"), ("patience=x", "patience")],
)
def test_a_rule_that_cannot_be_set_is_named(given: str, told: str):
    with pytest.raises(BadSetting, match=told):
        rules_of([given])


def test_two_values_of_one_rule_are_refused_and_two_rules_are_set_together():
    with pytest.raises(BadSetting, match="patience is set twice"):
        rules_of(["patience=3", "patience=4"])
    assert rules_of(["patience=4", "refine=false"]) == LoopPolicy(patience=4, refine=False)


def test_the_command_compares_writes_json_and_a_plot_and_names_what_is_wrong(tmp_path: Path):
    done = call(None, "simulate", "--tasks", "3", "--budget", "2", "--set", "patience=2", "--out", str(tmp_path))
    assert done.exit_code == 0 and "| agent, patience=2 | 2 |" in done.stdout
    kept = json.loads((tmp_path / "stated-stated.json").read_text())
    assert [row["policy"] for row in kept["rows"]] == ["single", "best-of-n", "agent", "agent, patience=2"]
    assert (tmp_path / "stated-stated.svg").read_text().startswith("<svg")
    assert "critic good" in call(None, "simulate", "--list").stdout
    for wrong in (["--critic", "goood"], ["--policy", "agnt"], ["--budget", "0"], ["--budget", "17"]):
        failed = call(None, "simulate", *wrong)
        assert failed.exit_code == 2 and wrong[1] in failed.stderr and "Traceback" not in failed.output


def test_a_page_gets_what_its_commands_print_and_keeps_all_else():
    page = "a\n<!-- omniagent simulate --tasks 2 -->\nold\n<!-- end -->\nb <!-- end -->"
    made = made_again(page, lambda command: f"{command}!")
    assert made == page.replace("old", "omniagent simulate --tasks 2!")
