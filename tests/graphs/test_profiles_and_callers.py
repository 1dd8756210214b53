"""What is preferred: by the caller before the profile of the model, and by the profile before the defaults."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from omniagent import ModelRuntime, ScriptedCritic, ScriptedGenerator
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy, policy_of
from omniagent.model.errors import BadCheckpoint, CriticUnavailable
from omniagent.model.profile import CRITICS, CriticProfile, GeneratorProfile, GuidanceScales, Thresholds
from omniagent.model.requests import CancelToken, Prompt, Questions, Writing
from omniagent.tools.config import GuidanceSettings, ThresholdSettings, ToolConfig
from omniagent.tools.critique import CRITIQUE, CritiqueIn, CritiqueOut
from omniagent.tools.dialects import DIALECTS, dialect_of
from omniagent.tools.dialects.drafts import PlanDraft
from omniagent.tools.dialects.listed import prompts as listed
from omniagent.tools.dialects.plain import prompts as plain
from omniagent.tools.dialects.plain.forms import ChecklistForm
from omniagent.tools.meter import CallMeter
from omniagent.tools.parameters import call_rules
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import CriticConsulted, Event, Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Requirement, Task
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts

GOOD, HALF = (0.97, 0.97, 0.97), (0.97, 0.1, 0.97)


class Row(NamedTuple):
    """One setting: where it is read from, and the values by default, of the profile, and of the caller."""

    read: Callable[[Any, Any], object]
    default: object
    profile: Any
    of_profile: object
    caller: Any
    of_caller: object


def critic_row(name: str, of_profile: object, of_caller: object) -> Row:
    def read(caller: ToolConfig, profile: CriticProfile) -> object:
        return getattr(caller.over(profile), name)

    own = CriticProfile.model_validate({name: of_profile})
    given = ToolConfig.model_validate({name: of_caller})
    return Row(read, getattr(CriticProfile(), name), own, of_profile, given, of_caller)


def threshold_row(name: str, default: float, of_profile: float, of_caller: float, kind: str = "count") -> Row:
    def read(caller: ToolConfig, profile: CriticProfile) -> object:
        return getattr(caller.over(profile).thresholds_for(kind), name)

    own = Thresholds.model_validate({name: of_profile})
    profile = CriticProfile(thresholds_by_kind={kind: own}) if kind == "text" else CriticProfile(thresholds=own)
    given = ToolConfig(thresholds=ThresholdSettings.model_validate({name: of_caller}))
    return Row(read, default, profile, of_profile, given, of_caller)


def loop_row(name: str, of_profile: object, of_caller: object) -> Row:
    def read(caller: LoopPolicy, profile: GeneratorProfile) -> object:
        return getattr(policy_of(caller, profile), name)

    own = GeneratorProfile.model_validate({"loop": {name: of_profile}})
    given = LoopPolicy.model_validate({name: of_caller})
    return Row(read, getattr(LoopPolicy(), name), own, getattr(given.model_validate({name: of_profile}), name),
               given, getattr(given, name))  # fmt: skip


def guidance_row(mode: str, which: str, of_profile: float, setting: str, of_caller: float) -> Row:
    def read(caller: GuidanceSettings, profile: GeneratorProfile) -> object:
        return getattr(getattr(call_rules(profile, caller), which), mode)

    own = GeneratorProfile.model_validate({f"{which}_by_mode": GuidanceScales.model_validate({mode: of_profile})})
    given = GuidanceSettings.model_validate({setting: of_caller})
    return Row(read, None, own, of_profile, given, of_caller)


ROWS: dict[str, Row] = {
    "yes": threshold_row("yes", 0.6, 0.7, 0.8),
    "no": threshold_row("no", 0.4, 0.3, 0.2),
    "yes of a kind": threshold_row("yes", 0.6, 0.7, 0.8, "text"),
    "no of a kind": threshold_row("no", 0.4, 0.3, 0.2, "text"),
    "describe first": critic_row("describe_first", True, False),
    "plan tokens": critic_row("plan_tokens", 640, 100),
    "repair tokens": critic_row("repair_tokens", 200, 100),
    "answer tokens": critic_row("answer_tokens", 48, 100),
    "description tokens": critic_row("description_tokens", 128, 100),
    "local failures": loop_row("local_failures", 0, 5),
    "first candidates": loop_row("first_candidates", 3, 2),
    "stacked edits": loop_row("stack_edits", True, False),
    "modes to merge": loop_row("merge_modes", ["generate"], ("edit",)),
    "lead": loop_row("clear_lead", 0.5, 9.0),
    "text guidance": guidance_row("generate", "text", 5.0, "text", 3.0),
    "text guidance of edits": guidance_row("edit", "text", 5.0, "text", 3.0),
    "image guidance of edits": guidance_row("edit", "image", 1.8, "edit", 1.2),
    "image guidance of compositions": guidance_row("compose", "image", 2.8, "compose", 1.2),
    "size by a reference": Row(
        lambda caller, profile: call_rules(profile, caller).sized,
        False,
        GeneratorProfile(sized_by_reference=True),
        True,
        GuidanceSettings(sized=False),
        False,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_callers_setting_wins_over_the_profile_and_the_profile_over_the_default(row: Row) -> None:
    silent, bare = type(row.caller)(), type(row.profile)()
    assert row.default != row.of_profile != row.of_caller
    assert row.read(silent, bare) == row.default
    assert row.read(silent, row.profile) == row.of_profile
    assert row.read(row.caller, row.profile) == row.of_caller
    assert row.read(row.caller, bare) == row.of_caller


def test_a_default_that_a_caller_sets_in_so_many_words_wins_too() -> None:
    profile = GeneratorProfile(loop={"local_failures": 0})
    assert policy_of(LoopPolicy(local_failures=LoopPolicy().local_failures), profile).local_failures == 2
    assert policy_of(LoopPolicy(patience=9), profile).local_failures == 0


def test_one_threshold_that_a_caller_sets_pulls_the_other_along() -> None:
    over = ToolConfig(thresholds=ThresholdSettings(no=0.9)).over(CriticProfile()).thresholds
    assert (over.no, over.yes) == (0.9, 0.9)
    over = ToolConfig(thresholds=ThresholdSettings(yes=0.2)).over(CriticProfile()).thresholds
    assert (over.no, over.yes) == (0.2, 0.2)
    with pytest.raises(ValueError, match="must not exceed"):
        ThresholdSettings(yes=0.3, no=0.5)


def test_a_run_follows_the_profiles_and_the_caller_before_them(tmp_path: Path) -> None:
    own = GeneratorProfile(
        loop={"local_failures": 0}, negative="blurry", text_by_mode=GuidanceScales(generate=5.0), image_guidance=1.1
    )

    def run(name: str, config: Config) -> tuple[ScriptedGenerator, ScriptedCritic, list[str]]:
        generator = ScriptedGenerator(profile=own)
        critic = ScriptedCritic(by_picture(HALF, GOOD), texts(), profile=LISTED)
        agent = scripted_agent(tmp_path / name, critic=critic, generator=generator, config=config)
        result = agent.run("a red circle")
        return generator, critic, [decision.action for decision in result.decisions]

    def plan_tokens(critic: ScriptedCritic) -> list[int]:
        return [call.max_tokens for call in critic.calls if isinstance(call, Writing) and call.schema is PlanDraft]

    generator, critic, actions = run("own", Config(tools=ToolConfig(backoff=0)))
    assert actions == ["regenerate", "accept"]
    assert [(call.text_guidance, call.negative) for call in generator.calls] == [(5.0, "blurry")] * 2
    assert plan_tokens(critic) == [LISTED.plan_tokens]
    tools = ToolConfig(backoff=0, plan_tokens=99, call=GuidanceSettings(text=3.0))
    generator, critic, actions = run("caller", Config(tools=tools, loop=LoopPolicy(local_failures=2)))
    assert actions == ["edit", "accept"]
    assert {call.text_guidance for call in generator.calls} == {3.0}
    assert plan_tokens(critic) == [99]


@pytest.mark.parametrize(
    ("loop", "named"),
    [({"local_failure": 3}, "local_failure"), ({"patience": 0}, "patience")],
    ids=["unknown", "range"],
)
def test_a_rule_of_the_loop_that_there_is_none_of_is_a_bad_checkpoint_that_names_it(
    tmp_path: Path, loop: dict[str, Any], named: str
) -> None:
    profile = GeneratorProfile(name="odd", loop=loop)
    with pytest.raises(BadCheckpoint, match=named) as caught:
        policy_of(LoopPolicy(), profile)
    assert "odd" in str(caught.value)
    generator = ScriptedGenerator(profile=profile)
    with pytest.raises(BadCheckpoint, match=named):
        scripted_agent(tmp_path, generator=generator).run("a red circle")
    assert not generator.calls


def test_a_dialect_that_nobody_speaks_is_a_bad_checkpoint_that_names_those_there_are(tmp_path: Path) -> None:
    profile = CriticProfile(name="odd", dialect="klingon")
    with pytest.raises(BadCheckpoint, match="'klingon'") as caught:
        dialect_of(profile)
    assert all(name in str(caught.value) for name in (*DIALECTS, "odd"))
    generator = ScriptedGenerator()
    with pytest.raises(BadCheckpoint, match="plain, listed"):
        scripted_agent(tmp_path, critic=ScriptedCritic(profile=profile), generator=generator).run("a red circle")
    assert not generator.calls
    assert all(profile.dialect in DIALECTS for profile in CRITICS.values())


GONE = dict.fromkeys(range(99), CriticUnavailable("nobody listens there"))
PLAIN = CriticProfile(name="stern", thresholds=Thresholds(yes=0.9, no=0.1))
EASY = LISTED.model_copy(update={"thresholds": Thresholds(yes=0.5, no=0.4)})


def context(
    folder: Path, first: ScriptedCritic, other: ScriptedCritic, config: ToolConfig
) -> tuple[ToolContext, list[Event]]:
    heard: list[Event] = []
    made = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), first, stand_in=other),
        store=ImageStore(folder / "images"),
        trace=Trace(folder / "trace.jsonl", "run", heard.append),
        token=CancelToken(),
        calls=CallMeter(100),
        config=config,
    )
    return made, heard


def judged(
    folder: Path, first: ScriptedCritic, other: ScriptedCritic, config: ToolConfig | None = None
) -> tuple[CritiqueOut, list[Event]]:
    tools, heard = context(folder, first, other, config or ToolConfig(backoff=0))
    attempt = Attempt(
        id="a1", image=tools.store.put(Image.effect_noise((32, 32), 60).convert("RGB")), instruction="x", seed=0
    )
    checklist = (Requirement(id="r1", kind="presence", question="Is there a red circle?"),)
    return CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist), tools), heard


def asked_of(critic: ScriptedCritic) -> set[str]:
    return {call.prompt.system for call in critic.calls}


def test_a_stand_in_is_asked_in_its_own_dialect_and_its_own_thresholds_hold(tmp_path: Path) -> None:
    said = lambda prompt, question: 0.7  # noqa: E731
    for number, (asked, other, answer) in enumerate(((EASY, PLAIN, "unsure"), (PLAIN, EASY, "yes"))):
        first = ScriptedCritic(said, errors=GONE, profile=asked)
        second = ScriptedCritic(said, profile=other, model="second")
        made, heard = judged(tmp_path / str(number), first, second)
        systems = (listed.VERDICT_SYSTEM, plain.VERDICT_SYSTEM)
        own, foreign = systems if asked is EASY else systems[::-1]
        assert asked_of(first) == {own} and asked_of(second) == {foreign}
        assert [verdict.answer for verdict in made.critique.verdicts] == [answer]
        questions = [call.questions[0] for call in second.calls if isinstance(call, Questions)]
        assert questions[0] == dialect_of(other).question("Is there a red circle?")
        # Only who has a doubt by its own thresholds is asked again, in its own second wording.
        again = dialect_of(other).second_question("Is there a red circle?").text
        assert questions[1:] == ([again] if answer == "unsure" else [])
        told = [event for event in heard if isinstance(event, CriticConsulted)]
        assert {event.critic for event in told} == {"second"}
        assert all("nobody listens there" in event.stand_in_for for event in told)


def test_a_first_critic_that_answers_is_judged_by_its_own_thresholds_and_the_stand_in_is_not_asked(
    tmp_path: Path,
) -> None:
    second = ScriptedCritic(profile=PLAIN)
    made, _ = judged(tmp_path, ScriptedCritic(lambda prompt, question: 0.7, profile=EASY), second)
    assert [verdict.answer for verdict in made.critique.verdicts] == ["yes"] and not second.calls


def test_thresholds_that_a_caller_sets_hold_whoever_answers(tmp_path: Path) -> None:
    config = ToolConfig(backoff=0, thresholds=ThresholdSettings(yes=0.65))
    for number, (asked, other) in enumerate(((EASY, PLAIN), (PLAIN, EASY))):
        first = ScriptedCritic(errors=GONE, profile=asked)
        made, _ = judged(tmp_path / str(number), first, ScriptedCritic(lambda *_: 0.7, profile=other), config)
        assert [verdict.answer for verdict in made.critique.verdicts] == ["yes"]


def test_a_stand_in_that_describes_first_sees_its_own_description_and_others_none(tmp_path: Path) -> None:
    def write(prompt: Prompt, schema: object) -> str:
        return "a ground of red and blue"

    describing = EASY.model_copy(update={"describe_first": True})
    second = ScriptedCritic(texts=write, profile=describing)
    made, _ = judged(tmp_path, ScriptedCritic(texts=write, errors=GONE, profile=PLAIN), second)
    assert made.critique.seen == "a ground of red and blue"
    assert [type(call) for call in second.calls] == [Writing, Questions]


def test_a_plan_of_a_stand_in_is_asked_for_and_read_in_its_own_dialect(tmp_path: Path) -> None:
    first = ScriptedCritic(errors=GONE, profile=LISTED)
    second = ScriptedCritic(texts=['{"checklist": ["Is there a fox?"]}'], profile=PLAIN)
    tools, _ = context(tmp_path, first, second, ToolConfig(backoff=0))
    made = PLAN(PlanIn(task=Task(instruction="a fox")), tools)
    assert [one.question for one in made.plan.checklist] == ["Is there a fox?"]
    schemas = [[call.schema for call in critic.calls if isinstance(call, Writing)] for critic in (first, second)]
    assert schemas == [[PlanDraft], [ChecklistForm]]
    back = ScriptedCritic(texts=[plan_draft()], profile=LISTED)
    tools, _ = context(tmp_path / "back", ScriptedCritic(errors=GONE, profile=PLAIN), back, ToolConfig(backoff=0))
    assert PLAN(PlanIn(task=Task(instruction="a red circle")), tools).plan.instruction == "a red circle"
