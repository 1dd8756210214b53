"""Calibrations: stated error rates are found, what follows is stored, and the agent obeys it."""

import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.calibration.calibrate import LEDGERS, Calibrated, calibrate
from omniagent.calibration.cases import PictureSet
from omniagent.calibration.erring import ErrorRates, erring_critic
from omniagent.calibration.figures import table
from omniagent.calibration.fit import FEWEST, fitted
from omniagent.calibration.judged import JudgedLine, JudgedPicture, Piece
from omniagent.calibration.measure import MOST_UNREADABLE
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy, useful_candidates
from omniagent.model.critic.calibration.store import Calibrations
from omniagent.model.errors import BadSetting, Cancelled, CriticBadOutput, CriticUnavailable, OutputUnwritable
from omniagent.model.intervals import wilson
from omniagent.model.profile import CriticProfile, Thresholds
from omniagent.model.requests import CancelToken, Critic, Prompt
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.config import ThresholdSettings, ToolConfig
from omniagent.tools.types import Budget, RequirementKind
from tests.support.known import small_pictures

KINDS = ("presence", "count", "attribute", "relation", "text", "style", "identity", "preservation")
STATED = {kind: ErrorRates(0.9 - 0.02 * number, 0.05 + 0.03 * number) for number, kind in enumerate(KINDS)}
QUICK = ToolConfig(backoff=0.0)
KNOWN = small_pictures(60)


def measured(critic: Critic, folder: Path, sets: PictureSet = KNOWN, **settings: Any) -> Calibrated:
    """A calibration on small pictures."""
    return calibrate(ModelRuntime(ScriptedGenerator(), critic), folder, sets=[sets], config=QUICK, **settings)


def erring(seed: int = 0, **settings: Any) -> ScriptedCritic:
    """A critic that errs at the stated rates."""
    return erring_critic(KNOWN.pictures(), STATED, seed=seed, **settings)


def judge(truth: float, untruth: float) -> ScriptedCritic:
    """A critic that says one probability of what holds and another one of what does not."""
    held = {one.image.tobytes(): one.right for one in KNOWN.pictures()}

    def says(prompt: Prompt, question: str) -> float:
        images = [part.tobytes() for part in prompt.parts if isinstance(part, Image.Image)]
        return truth if held.get(images[-1], False) else untruth

    return ScriptedCritic(says, lambda prompt, schema: "", model="a judge")


def test_the_stated_error_rates_of_every_kind_and_instrument_lie_within_the_intervals(tmp_path: Path) -> None:
    sets = small_pictures(120)
    made = measured(erring_critic(sets.pictures(), STATED), tmp_path, sets).measurement
    found = {
        (kind, name): rates
        for kind, one in made.kinds.items()
        for name, rates in one.instruments.items()
        if name != "boxes"
    }
    assert {name for _, name in found} >= {"probability", "pair", "number", "reading"}
    assert {kind for kind, _ in found} == set(KINDS)
    within: list[bool] = []
    for (kind, name), rates in found.items():
        assert rates.true_yes.of == rates.false_yes.of == 60
        assert rates.discerns
        for stated, rate in zip(STATED[kind], (rates.true_yes, rates.false_yes), strict=True):
            low, high = rate.interval
            within.append(low <= stated <= high)
            least, most = wilson(rate.count, rate.of, z=3.3)
            assert least <= stated <= most, f"{kind} {name}: {stated} is not in {rate}"
    # One of twenty intervals of 95 % misses by right.
    assert len(within) >= 20 and within.count(False) <= 1


def test_the_share_of_wrong_pictures_accepted_is_that_of_the_errors(tmp_path: Path) -> None:
    lone = PictureSet("lone", 60, lambda: (type(one)(one.name, one.image, one.lines[2:3]) for one in KNOWN.pictures()))
    critic = erring_critic(lone.pictures(), {"attribute": ErrorRates(0.9, 0.3)})
    made = measured(critic, tmp_path, lone).measurement
    low, high = made.false_accept.interval
    assert made.false_accept.of == 30 and low <= 0.3 <= high
    assert made.in_use.false_accept == high


@pytest.mark.parametrize(("group", "accepted"), [("one", 2), ("", 0)])
def test_what_a_pictures_twins_teach_is_no_measure_of_it(group: str, accepted: int) -> None:
    def of(kind: RequirementKind, name: str, holds: bool, p: float, of: str = "") -> JudgedPicture:
        piece = Piece(instrument="probability", answer="yes", probability=p)
        line = JudgedLine(kind=kind, holds=holds, answer="yes", pieces=(piece,))
        return JudgedPicture(name=name, group=of, digest="", lines=(line,) * 2 * FEWEST)

    twins = [of("count", f"twin {n}", n % 2 == 0, 0.93 if n % 2 == 0 else 0.72, group) for n in range(4)]
    others = [of("style", f"other {n}", True, 0.9) for n in range(12)]
    pictures = [one for n, twin in enumerate(twins) for one in (twin, *others[3 * n : 3 * n + 3])]
    # Other pictures teach nothing of counts, so that the profile's own thresholds accept what is 0.72 likely.
    made = fitted(pictures, CriticProfile(thresholds=Thresholds(yes=0.5, no=0.5)))
    assert made.false_accept.of == 2 and made.false_accept.count == accepted


def test_thresholds_move_to_where_the_critic_tells_right_from_wrong(tmp_path: Path) -> None:
    made = measured(judge(0.93, 0.72), tmp_path)
    one = made.measurement.kinds["attribute"]
    assert one.before.false_yes.value == 1 and one.after.false_yes.value == 0 and one.after.true_yes.value == 1
    assert one.thresholds is not None and 0.72 < one.thresholds.yes <= 0.93 and one.thresholds.no >= 0.5
    runtime = ModelRuntime(ScriptedGenerator(), judge(0.93, 0.72), calibrations=Calibrations(tmp_path))
    assert runtime.critic.profile.thresholds_for("attribute") == one.thresholds
    assert "calibrated" in runtime.critic.profile.label


def test_the_callers_thresholds_stand_above_the_measured_ones(tmp_path: Path) -> None:
    measured(judge(0.93, 0.72), tmp_path)
    runtime = ModelRuntime(ScriptedGenerator(), judge(0.93, 0.72), calibrations=Calibrations(tmp_path))
    own = ToolConfig(thresholds=ThresholdSettings(yes=0.55)).over(runtime.critic.profile)
    assert own.thresholds_for("attribute").yes == 0.55
    pinned = CriticProfile(pinned=True, thresholds=Thresholds(yes=0.5))
    critic = ScriptedCritic(model="a judge", profile=pinned)
    kept = ModelRuntime(ScriptedGenerator(), critic, calibrations=Calibrations(tmp_path)).critic.profile
    assert kept.thresholds_for("attribute").yes == 0.5 and kept.calibration is not None


def test_thresholds_that_are_right_already_are_left_alone(tmp_path: Path) -> None:
    kinds = measured(judge(0.95, 0.05), tmp_path).measurement.kinds
    assert all(one.thresholds is None and not one.note for one in kinds.values())


@pytest.mark.parametrize("always", [0.99, 0.01, 0.5])
def test_a_critic_that_says_the_same_of_everything_gets_no_thresholds_and_is_told_of(
    always: float, tmp_path: Path
) -> None:
    made = measured(judge(always, always), tmp_path).measurement
    assert all(one.thresholds is None and "no power" in one.note for one in made.kinds.values())
    assert not made.discerns
    assert "does not tell right pictures from wrong ones" in table(made)


def test_a_critic_that_answers_by_chance_gets_no_thresholds(tmp_path: Path) -> None:
    by_chance = {kind: ErrorRates(0.5, 0.5) for kind in KINDS}
    made = measured(erring_critic(KNOWN.pictures(), by_chance, seed=3), tmp_path).measurement
    assert not made.discerns and all(one.thresholds is None for one in made.kinds.values())


def test_an_instrument_that_does_not_discern_weighs_nothing_beside_one_that_does(tmp_path: Path) -> None:
    # It answers truly, and reads nothing at all.
    made = measured(judge(0.95, 0.05), tmp_path).measurement.kinds["text"]
    assert made.weights == {"probability": 1.0, "reading": 0.0}
    assert made.before.true_yes.value == 0 and made.after.true_yes.value == 1


def test_a_critic_that_goes_away_leaves_what_was_judged_and_the_next_run_goes_on(tmp_path: Path) -> None:
    gone = {number: CriticUnavailable("the server is down") for number in range(40, 80)}
    with pytest.raises(CriticUnavailable, match="the server is down"):
        measured(erring(errors=gone), tmp_path)
    (ledger,) = (tmp_path / LEDGERS).glob("*.jsonl")
    kept = len(ledger.read_text().splitlines()) - 1
    assert 0 < kept < 30 and not list(tmp_path.glob("*.json"))
    told: list[int] = []
    again = erring()

    def tell(number: int, judged: object) -> None:
        told.append(number)

    made = measured(again, tmp_path, tell=tell)
    whole = measured(erring(), tmp_path / "whole")
    assert made.measurement == whole.measurement and told == list(range(1, 61))
    untouched = erring()
    assert measured(untouched, tmp_path).measurement == made.measurement and not untouched.calls


def test_a_calibration_that_is_cancelled_goes_on_where_it_was(tmp_path: Path) -> None:
    token, critic = CancelToken(), erring()

    def tell(number: int, judged: object) -> None:
        if number == 5:
            token.cancel()

    with pytest.raises(Cancelled):
        measured(critic, tmp_path, token=token, tell=tell)
    begun = len(critic.calls)
    rest = erring()
    measured(rest, tmp_path)
    fresh = erring()
    measured(fresh, tmp_path, fresh=True)
    assert begun + len(rest.calls) == len(fresh.calls)


def test_what_was_judged_is_asked_again_by_another_version_or_with_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = small_pictures(4)

    def asked(config: ToolConfig = QUICK) -> int:
        critic = erring()
        calibrate(ModelRuntime(ScriptedGenerator(), critic), tmp_path, sets=[few], config=config)
        return len(critic.calls)

    whole = asked()
    assert whole and asked() == 0
    assert asked(QUICK.model_copy(update={"critic_tries": 2})) == 0
    assert asked(QUICK.model_copy(update={"plan_tokens": 64})) == whole
    monkeypatch.setattr("omniagent.calibration.calibrate.version", "0.0.1-{}".format)
    assert asked(QUICK.model_copy(update={"plan_tokens": 64})) == whole


def test_two_calibrations_of_one_critic_at_a_time_are_refused_and_lose_nothing(tmp_path: Path) -> None:
    few = small_pictures(4)
    refused: list[str] = []

    def tell(number: int, judged: object) -> None:
        if number == 2:
            with pytest.raises(OutputUnwritable, match="is at work in") as caught:
                measured(erring(), tmp_path, few, fresh=True)
            refused.append(str(caught.value))

    first = measured(erring(), tmp_path, few, tell=tell)
    untouched = erring()
    assert refused and measured(untouched, tmp_path, few).measurement == first.measurement and not untouched.calls


def test_a_torn_line_of_an_earlier_run_is_asked_again(tmp_path: Path) -> None:
    first = measured(erring(), tmp_path)
    (ledger,) = (tmp_path / LEDGERS).glob("*.jsonl")
    ledger.write_text(ledger.read_text()[:-40])
    critic = erring()
    assert measured(critic, tmp_path).measurement == first.measurement
    assert critic.calls and len(critic.calls) < 12


def test_a_critic_whose_answers_cannot_be_read_is_given_up(tmp_path: Path) -> None:
    critic = ScriptedCritic(errors={number: CriticBadOutput("no answer") for number in range(1000)})
    with pytest.raises(CriticBadOutput, match="no answer"):
        measured(critic, tmp_path)
    assert len(critic.calls) == MOST_UNREADABLE * QUICK.critic_tries


def test_a_single_picture_whose_answers_cannot_be_read_counts_as_unsure(tmp_path: Path) -> None:
    errors = {number: CriticBadOutput("no answer") for number in range(3)}
    made = measured(erring(errors=errors), tmp_path).measurement
    assert made.kinds["attribute"].before.true_yes.of == 30


def test_a_set_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"'poster' is not known; did you mean 'posters'"):
        calibrate(ModelRuntime(ScriptedGenerator(), erring()), tmp_path, sets=["poster"])


def agent_of(critic: Critic, folder: Path, **settings: Any) -> tuple[Agent, ScriptedGenerator]:
    """An agent with calibrations of a folder, eight candidates a round."""
    generator = ScriptedGenerator()
    config = Config(
        calibration_dir=folder, runs_dir=folder / "runs", budget=Budget(candidates=8, max_rounds=2), **settings
    )
    return Agent(config=config, generator=generator, critic=critic), generator


def never_right() -> ScriptedCritic:
    """The same critic by name, now at work: nothing is right."""
    return ScriptedCritic(lambda prompt, question: 0.0, lambda prompt, schema: "", model="erring")


def test_the_agent_draws_no_more_candidates_than_the_measured_false_accept_rate_allows(tmp_path: Path) -> None:
    rates = {kind: ErrorRates(0.95, 0.8) for kind in KINDS}
    made = measured(erring_critic(KNOWN.pictures(), rates), tmp_path)
    most = useful_candidates(made.measurement.false_accept.interval[1])
    assert 1 < most < 8
    agent, generator = agent_of(never_right(), tmp_path)
    result = agent.run("a red circle")
    assert [len(call.seeds) for call in generator.calls] == [1, most]
    assert any(f"at most {most} pictures a round in place of 8" in one for one in result.warnings)
    assert "calibrated" in (result.folder / "trace.jsonl").read_text()


@pytest.mark.parametrize("settings", [{"calibrated": False}, {"loop": LoopPolicy(most_candidates=8)}])
def test_the_callers_candidates_stand_above_what_was_measured(settings: dict[str, Any], tmp_path: Path) -> None:
    measured(erring_critic(KNOWN.pictures(), {kind: ErrorRates(0.95, 0.8) for kind in KINDS}), tmp_path)
    agent, generator = agent_of(never_right(), tmp_path, **settings)
    result = agent.run("a red circle")
    assert [len(call.seeds) for call in generator.calls] == [1, 8]
    assert not any("calibration" in one for one in result.warnings)


def test_a_calibration_file_that_cannot_be_used_is_told_once_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = measured(erring(), tmp_path)
    made.path.write_text(made.path.read_text()[:200])
    caplog.set_level(logging.WARNING)
    logging.getLogger("omniagent.critic").addHandler(caplog.handler)
    try:
        agent, generator = agent_of(never_right(), tmp_path)
        result = agent.run("a red circle")
    finally:
        logging.getLogger("omniagent.critic").removeHandler(caplog.handler)
    assert [len(call.seeds) for call in generator.calls] == [1, 8] and result.best is not None
    told = {record.getMessage() for record in caplog.records if "calibration" in record.getMessage()}
    assert len(told) == 1 and "run omniagent calibrate again" in told.pop()
