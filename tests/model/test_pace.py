"""How long a picture takes: what is foretold, and by what."""

from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.generator.pace import Clock, Watch, picture_work
from omniagent.model.profile import GENERATORS, GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest, Step
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.record.trace import Estimated, read_trace
from tests.support.scripted_runs import scripted_agent

WORDS = GenerationRequest(instruction="a fox")
EDIT = GenerationRequest(instruction="a fox", references=(Image.new("RGB", (1024, 1024)),))
PUBLISHED = GENERATORS["omnigen2"]


def test_an_edit_is_foretold_as_its_operations_say_within_a_tenth_of_what_was_measured() -> None:
    # docs/performance.md: 0.1266 s and 0.3449 s a step on an H200.
    ratio = picture_work(EDIT, PUBLISHED) / picture_work(WORDS, PUBLISHED)
    assert ratio == pytest.approx(0.3449 / 0.1266, rel=0.1)
    bare = WORDS.model_copy(update={"text_guidance": 1.0})
    assert picture_work(bare, PUBLISHED) * 2 == picture_work(WORDS, PUBLISHED)


def test_before_the_first_picture_the_profile_tells_the_time_else_the_card_else_nothing() -> None:
    assert Clock(PUBLISHED).pace(WORDS) is None
    assert Clock(GeneratorProfile(), "NVIDIA H100 80GB HBM3").pace(WORDS) is None
    card = Clock(PUBLISHED, "NVIDIA H100 80GB HBM3").pace(WORDS)
    assert card is not None and card == (pytest.approx(7.1), "card")
    half = Clock(PUBLISHED, "NVIDIA H100 80GB HBM3").pace(WORDS.model_copy(update={"steps": 25}))
    assert half is not None and half.seconds == pytest.approx(3.55)
    own = Clock(PUBLISHED.model_copy(update={"seconds_per_step": 0.5}), "NVIDIA H100 80GB HBM3").pace(WORDS)
    assert own == (pytest.approx(25.0), "profile")


@pytest.mark.parametrize(
    ("card", "seconds"),
    [
        ("NVIDIA A100-SXM4-80GB", 22.0),
        ("NVIDIA A100 80GB PCIe", 22.0),
        ("NVIDIA A800-SXM4-80GB", 26.0),
        ("NVIDIA GeForce RTX 4090", 42.0),
        ("NVIDIA L40S", 19.0),
        ("NVIDIA H200", 6.5),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce GTX 1080", None),
        ("", None),
    ],
)
def test_a_card_is_known_by_the_names_that_drivers_give_it(card: str, seconds: float | None) -> None:
    pace = Clock(PUBLISHED, card).pace(WORDS)
    assert (None if pace is None else pace.seconds) == (None if seconds is None else pytest.approx(seconds))
    fast = Clock(PUBLISHED, card, usual=13).pace(WORDS)
    assert (fast is None) == (pace is None) and (fast is None or fast.seconds == pytest.approx(seconds * 13 / 50))


def test_measured_steps_take_the_place_of_both_and_scale_with_size_and_references() -> None:
    clock = Clock(PUBLISHED.model_copy(update={"seconds_per_step": 9.0}))
    clock.note(WORDS, 0.2, 50)
    assert clock.pace(WORDS) == (pytest.approx(10.0), "measured")
    edit = clock.pace(EDIT)
    assert edit is not None and 25 < edit.seconds < 30
    small = clock.pace(WORDS.model_copy(update={"width": 512, "height": 512, "steps": 10}))
    assert small is not None and 0.3 < small.seconds < 0.5


def test_the_second_step_of_a_first_picture_is_enough_and_every_step_is_passed_on() -> None:
    clock, heard = Clock(GeneratorProfile(steps=4)), list[tuple[int, int]]()
    watch = Watch(clock, WORDS, lambda done, steps: heard.append((done, steps)))
    watch(1, 4)
    assert clock.pace(WORDS) is None
    watch(2, 4)
    assert clock.pace(WORDS) is not None
    watch(3, 4)
    assert heard == [(1, 4), (2, 4), (3, 4)]


class Stepless(ScriptedGenerator):
    """A generator that tells no steps, as one behind a URL."""

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        return super().generate(request, token=token)


def test_a_runtime_knows_the_pace_once_a_picture_was_drawn_also_without_steps() -> None:
    for generator in (ScriptedGenerator(), Stepless()):
        with ModelRuntime(generator, ScriptedCritic()) as runtime:
            assert runtime.pace(WORDS) is None
            runtime.generator.generate(WORDS)
            pace = runtime.pace(WORDS)
            assert pace is not None and pace.source == "measured" and pace.seconds >= 0


def test_the_seconds_of_a_picture_are_told_before_it_is_drawn(tmp_path: Path) -> None:
    generator = ScriptedGenerator(profile=GeneratorProfile(seconds_per_step=2.0))
    agent = scripted_agent(tmp_path, generator=generator)
    events = list(agent.stream("a red circle"))
    told = [event for event in events if isinstance(event, Estimated)]
    assert [(one.seconds, one.pictures, one.source) for one in told[:1]] == [(100.0, 1, "profile")]
    names = [event.event for event in events]
    assert names.index("planned") < names.index("estimated") < names.index("attempt_made")
    (trace,) = tmp_path.rglob("trace.jsonl")
    assert told[0] in list(read_trace(trace))
