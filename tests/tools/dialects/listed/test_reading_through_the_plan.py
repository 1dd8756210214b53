"""What the lexicon reads is what the planner is asked, and the plan shows it."""

import tempfile
from pathlib import Path

import pytest
from PIL import Image

from omniagent import ScriptedCritic, ScriptedGenerator
from omniagent.model.profile import GeneratorProfile
from omniagent.runs.result import Result
from omniagent.tools.types import Mode
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts
from tests.tools.dialects.listed.foreign import Foreign, Planner, foreign

NARROW = GeneratorProfile(domain="flat shapes", instead="someone/wider")


def told(folder: Path, words: str, *, mode: Mode | None = None, narrow: bool = True) -> tuple[Result, list[str]]:
    """A run of a critic of the listed notation, and what it was asked."""
    critic = ScriptedCritic(by_picture((0.9,)), texts(plan_draft("generate", ("Is there a circle?",))), profile=LISTED)
    generator = ScriptedGenerator(profile=NARROW if narrow else GeneratorProfile())
    result = scripted_agent(folder, critic=critic, generator=generator).run(words, mode=mode)
    heard = [part for call in critic.calls for part in call.prompt.parts if isinstance(part, str)]
    return result, heard


def assumed(result: Result) -> tuple[str, ...]:
    assert result.plan is not None
    return result.plan.assumptions


def test_the_planner_is_asked_in_its_own_words_and_the_plan_shows_the_reading(tmp_path: Path) -> None:
    result, heard = told(tmp_path, "Could you paint me a crimson disc, please?")
    assert "<task>a red circle</task>" in heard
    assert assumed(result) == ("read as “a red circle”", "“crimson” is read as red")


def test_a_request_in_the_planners_own_words_shows_no_reading(tmp_path: Path) -> None:
    result, heard = told(tmp_path, "Draw a red circle.")
    assert "<task>draw a red circle</task>" in heard and assumed(result) == ()


def test_an_unknown_thing_beside_known_ones_is_refused_by_name(tmp_path: Path) -> None:
    result, _ = told(tmp_path, "a red circle and a hedgehog")
    assert (result.stop_reason, result.image) == ("refused", None)
    assert assumed(result) == ("“hedgehog” is not among the things that this model knows",)


def test_a_mode_that_the_person_sets_is_not_overruled_by_an_unknown_word(tmp_path: Path) -> None:
    result, _ = told(tmp_path, "a red circle and a hedgehog", mode="generate")
    assert result.stop_reason != "refused" and "hedgehog" in " ".join(assumed(result))


def test_a_generator_without_limits_is_refused_nothing(tmp_path: Path) -> None:
    result, _ = told(tmp_path, "a red circle and a hedgehog", narrow=False)
    assert result.stop_reason != "refused" and assumed(result) == ()


@pytest.mark.bundled
@pytest.mark.slow
def test_most_requests_in_other_words_are_read_rightly_by_the_bundled_planner() -> None:
    # One of four: reading them all takes the planner minutes. `omniagent eval said` measures whole suites.
    everything = list(foreign())[::4]
    with tempfile.TemporaryDirectory() as folder:
        planner = Planner(Path(folder))
        wrong: list[tuple[Foreign, str]] = []
        for one in everything:
            outcome, made = planner.outcome(one)
            if outcome != "right":
                wrong.append((one, made))
        assert planner.answer("what's the colour of the backdrop?", Image.new("RGB", (128, 128), (250, 250, 250)))
    assert len(wrong) <= len(everything) // 10, wrong
