"""The loop as a whole on scripted models: it ends, within its caps, with one reason and its best picture."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.model.errors import (
    BadSetting,
    CriticTimeout,
    CriticUnavailable,
    GenerationFailed,
    OutOfMemory,
)
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written, picture_for
from omniagent.tools.dialects.drafts import PlanDraft
from omniagent.tools.record.trace import ToolErrored
from omniagent.tools.types import Budget
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts

GOOD, HALF, POOR = (0.97, 0.97, 0.97), (0.97, 0.1, 0.97), (0.1, 0.1, 0.1)


def test_a_picture_that_is_right_at_once_costs_one_picture_and_one_look(tmp_path: Path):
    result = scripted_agent(tmp_path).run("a red circle")
    assert (result.stop_reason, result.accepted, result.usage.images) == ("accepted", True, 1)
    assert (result.usage.critic_calls, result.usage.rounds) == (2, 1)
    assert result.image == picture_for("a red circle", 0)


def test_a_local_failure_is_repaired_with_the_critics_words(tmp_path: Path):
    generator = ScriptedGenerator()
    result = scripted_agent(tmp_path, by_picture(HALF, GOOD), generator=generator).run("a red circle")
    assert (result.accepted, [one.id for one in result.attempts]) == (True, ["a1", "a2"])
    edit = generator.calls[1]
    assert edit.instruction == "make the circle red"
    assert edit.references[0].tobytes() == picture_for("a red circle", 0).tobytes()
    assert result.best is not None
    assert (result.best.parent, result.best.depth) == ("a1", 1)


def test_a_repair_that_did_not_help_is_rolled_back_and_the_round_after_draws_candidates_in_one_batch(tmp_path: Path):
    generator = ScriptedGenerator()
    result = scripted_agent(tmp_path, by_picture(HALF, HALF, GOOD), generator=generator).run("a red circle")
    assert [decision.action for decision in result.decisions] == ["edit", "roll_back", "accept"]
    assert [len(call.seeds) for call in generator.calls] == [1, 1, 2]
    assert not generator.calls[2].references


def test_the_result_is_the_best_picture_and_not_the_last(tmp_path: Path):
    result = scripted_agent(
        tmp_path, by_picture(POOR, HALF, POOR), texts(scope="global"), budget=Budget(max_rounds=3)
    ).run("a red circle")
    assert (result.stop_reason, result.accepted) == ("round_limit", False)
    assert result.best is not None and result.best.id == "a2"
    assert len(result.attempts) == 5


def test_an_unsure_answer_is_asked_again_the_other_way_round_before_it_counts(tmp_path: Path):
    critic = ScriptedCritic([[0.97, 0.5, 0.97], [0.05]], texts(), profile=LISTED)
    result = scripted_agent(tmp_path, critic=critic).run("a red circle")
    assert result.accepted and result.critique is not None
    assert [(one.asked, one.answer) for one in result.critique.verdicts] == [(1, "yes"), (2, "yes"), (1, "yes")]
    assert result.critique.verdicts[1].probability == pytest.approx(0.725)


def test_an_edit_is_redone_from_its_source_and_never_from_its_own_output(tmp_path: Path):
    source = Image.new("RGB", (64, 48), "white")
    generator = ScriptedGenerator()
    result = scripted_agent(
        tmp_path,
        by_picture(HALF, HALF, GOOD, POOR),
        texts(plan_draft("edit", instruction="redden it")),
        generator=generator,
    ).run("make it red", [source])
    assert result.accepted
    assert all(call.references[0].tobytes() == source.tobytes() for call in generator.calls)
    assert {call.instruction for call in generator.calls} == {"redden it"}
    assert {one.depth for one in result.attempts} == {1}


def test_an_edit_is_not_accepted_for_what_held_of_the_given_picture_already(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(GOOD, GOOD), texts(plan_draft("edit")))
    result = agent.run("make it red", [Image.new("RGB", (64, 48), "white")])
    # Nothing tells a change, but that ends no run that has tries left.
    assert (result.accepted, result.stop_reason, result.usage.rounds) == (False, "round_limit", 4)
    assert result.best is not None and "given picture" in result.message
    assert "given picture" in result.decisions[0].reason


def test_an_edit_is_accepted_where_a_requirement_is_much_likelier_than_before(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture([0.95, 0.95, 0.95], [0.95, 0.61, 0.95]), texts(plan_draft("edit")))
    result = agent.run("make it red", [Image.new("RGB", (64, 48), "white")])
    assert (result.accepted, result.usage.rounds) == (True, 1)


def test_an_edit_that_was_judged_beside_its_source_needs_no_look_at_that_alone(tmp_path: Path):
    critic = ScriptedCritic(
        lambda prompt, question: 0.97, texts=['{"checklist": ["Is it red?"]}'], profile=CriticProfile()
    )
    result = scripted_agent(tmp_path, critic=critic).run("make it red", [Image.new("RGB", (64, 48), "white")])
    assert (result.accepted, result.usage.rounds, len(result.critiques)) == (True, 1, 1)
    assert [one.evidence[0].instrument for one in result.critiques[0].verdicts] == ["probability", *["pair"] * 3]


def test_an_edit_that_changes_more_than_it_should_is_not_accepted(tmp_path: Path):
    def judge(prompt: Prompt, question: str) -> float:
        return 0.05 if "framing" in question else 0.95

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        return '{"checklist": ["Is it red?"]}'

    critic = ScriptedCritic(judge, write, profile=CriticProfile())
    result = scripted_agent(tmp_path, critic=critic).run("make it red", [Image.new("RGB", (64, 48), "white")])
    assert not result.accepted and result.best is not None


def test_an_edit_whose_given_picture_cannot_be_judged_waits_for_the_critic(tmp_path: Path):
    source, generator = Image.new("RGB", (64, 48), "white"), ScriptedGenerator()
    errors: dict[int, Exception] = {number: CriticUnavailable("down") for number in (2, 3, 4)}
    critic = ScriptedCritic(by_picture(GOOD, POOR), texts(plan_draft("edit")), errors=errors, profile=LISTED)
    agent = scripted_agent(tmp_path, generator=generator, critic=critic)
    first = agent.run("make it red", [source], thread_id="t")
    assert (first.stop_reason, first.accepted, first.best is not None) == ("critic_unavailable", False, True)
    again = agent.run("make it red", [source], thread_id="t")
    assert again.accepted and len(generator.calls) == 1


def test_a_question_is_answered_in_words(tmp_path: Path):
    result = scripted_agent(tmp_path, written=texts(plan_draft("answer", ()))).run("how many circles?")
    assert (result.answer, result.stop_reason, result.image, result.accepted) == ("two", "accepted", None, True)


def test_a_task_outside_the_domain_is_refused_and_told_where_to_go(tmp_path: Path):
    generator = ScriptedGenerator(profile=GeneratorProfile(domain="flat shapes", instead="OmniGen2/OmniGen2"))
    result = scripted_agent(tmp_path, written=texts(plan_draft("refuse", ())), generator=generator).run("a cat")
    assert (result.stop_reason, result.image, generator.calls) == ("refused", None, [])
    assert "it draws flat shapes" in result.message and "use the model OmniGen2/OmniGen2" in result.message


def test_a_critic_that_refuses_costs_no_picture_of_a_generator_without_limits(tmp_path: Path):
    generator = ScriptedGenerator()
    result = scripted_agent(tmp_path, written=texts(plan_draft("refuse", ())), generator=generator).run("a cat")
    assert (result.accepted, [call.instruction for call in generator.calls]) == (True, ["a cat"])
    assert result.plan is not None and "would have refused" in " ".join(result.plan.assumptions)


def test_a_passing_critic_fault_is_waited_out(tmp_path: Path):
    critic = ScriptedCritic(
        None, texts(), errors={0: CriticTimeout("slow"), 2: CriticUnavailable("gone")}, profile=LISTED
    )
    result = scripted_agent(tmp_path, critic=critic).run("a red circle")
    assert result.accepted
    assert sum(isinstance(event, ToolErrored) for event in result.trace) == 2


def test_a_critic_that_stays_away_ends_the_run_with_the_picture_that_was_drawn(tmp_path: Path):
    gone = {number: CriticUnavailable("nobody listens at that address") for number in range(1, 99)}
    result = scripted_agent(tmp_path, critic=ScriptedCritic(None, texts(), errors=gone, profile=LISTED)).run(
        "a red circle"
    )
    assert (result.stop_reason, result.error) == ("critic_unavailable", "CriticUnavailable")
    assert result.image is not None and "nobody listens" in result.message


@pytest.mark.parametrize("written", ["no json at all", '{"mode": "generate"', '{"mode": "paint"}'])
def test_a_plan_that_cannot_be_read_twice_has_the_persons_own_words_drawn_and_checked(tmp_path: Path, written: str):
    critic, generator = ScriptedCritic(None, [written] * 9, profile=LISTED), ScriptedGenerator()
    result = scripted_agent(tmp_path, critic=critic, generator=generator).run("a red circle")
    assert (result.stop_reason, result.error) == ("accepted", None)
    assert [call.instruction for call in generator.calls] == ["a red circle"]
    assert result.plan is not None and len(result.plan.checklist) == 1
    assert "a red circle" in result.plan.checklist[0].question
    assert "could not be read" in " ".join(result.plan.assumptions)
    assert "could not be read a second time" in " ".join(result.plan.assumptions)
    # Two for the plan, one look, and two for the second reading; failed calls count too.
    assert len(critic.calls) == result.usage.critic_calls == 5


def test_a_plan_that_is_cut_once_is_asked_for_again(tmp_path: Path):
    critic = ScriptedCritic(None, ['{"mode": "gen', plan_draft()], profile=LISTED)
    assert scripted_agent(tmp_path, critic=critic).run("a red circle").accepted


@pytest.mark.parametrize("error", [OutOfMemory("8 GiB are too few"), GenerationFailed("NaN")])
def test_a_generator_that_gives_up_fails_the_run_and_keeps_the_best(tmp_path: Path, error: Exception):
    generator = ScriptedGenerator(errors={1: error})
    result = scripted_agent(tmp_path, by_picture(POOR), generator=generator).run("a red circle")
    assert (result.stop_reason, result.error) == ("failed", type(error).__name__)
    assert result.best is not None and result.best.id == "a1"


def test_a_setting_that_the_generator_refuses_is_the_callers_error(tmp_path: Path):
    from omniagent.tools.types import RenderSettings

    with pytest.raises(BadSetting, match="width=7"):
        scripted_agent(tmp_path).run("a red circle", settings=RenderSettings(width=7, height=7))


def test_an_unforeseen_error_of_a_model_is_a_hard_failure_with_its_cause(tmp_path: Path):
    result = scripted_agent(tmp_path, generator=ScriptedGenerator(errors={0: ZeroDivisionError("oops")})).run(
        "a circle"
    )
    assert (result.stop_reason, result.error) == ("failed", "HardFailure")
    assert "ZeroDivisionError: oops" in result.message


def test_the_person_is_asked_about_a_missing_picture_before_the_task_is_read(tmp_path: Path):
    from omniagent.config import Config
    from omniagent.graphs.policy import LoopPolicy

    critic = ScriptedCritic(None, texts(), profile=LISTED)
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return "I mean a red circle"

    agent = scripted_agent(tmp_path, critic=critic, config=Config(loop=LoopPolicy(ask=True)), on_question=reply)
    result = agent.run("draw what is in image 2")
    assert result.accepted and len(asked) == 1 and "image 2" in asked[0]
    plans = [call for call in critic.calls if getattr(call, "schema", None) is PlanDraft]
    assert len(plans) == 1 and "I mean a red circle" in str(plans[0].prompt.parts)


FLAT = ("white", "gray", "black", "red")


def flat(colours: Sequence[str]) -> ScriptedGenerator:
    """Draws one flat picture after the other."""
    ready = iter(colours)
    return ScriptedGenerator(lambda request: [Image.new("RGB", (128, 128), next(ready)) for _ in request.seeds])


def test_blank_pictures_show_no_object_whatever_the_critic_says_and_are_told_apart(tmp_path: Path):
    plan = plan_draft(
        questions=("Is there exactly 1 red circle?", "Is there exactly 1 object in total?", "Is the background white?")
    )
    agent = scripted_agent(
        tmp_path, lambda *_: 0.99, texts(plan), generator=flat(FLAT), budget=Budget(max_rounds=3, candidates=1)
    )
    result = agent.run("a red circle")
    assert (result.stop_reason, result.accepted) == ("round_limit", False)
    assert "the best picture is blank" in result.message
    assert "drew the picture" not in result.message
    assert all(critique.blank for critique in result.critiques)
    assert [verdict.answer for verdict in result.critiques[0].verdicts] == ["no", "no", "yes"]
    assert all("the picture is blank" in made.reason for made in result.decisions[:-1])
    assert {made.action for made in result.decisions[:-1]} == {"regenerate"}


def test_a_plain_background_that_was_asked_for_is_accepted_though_it_is_blank(tmp_path: Path):
    plan = plan_draft(questions=("Is there a plain white background?", "Are there no objects?"))
    agent = scripted_agent(tmp_path, lambda *_: 0.99, texts(plan), generator=flat(FLAT))
    result = agent.run("a plain white background")
    assert result.accepted and "blank" not in result.message
