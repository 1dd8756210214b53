"""The tools, one by one, and the store and trace that they share."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from omniagent import ModelRuntime, ScriptedCritic, ScriptedGenerator
from omniagent.model.errors import (
    BadImage,
    BadSetting,
    Cancelled,
    CriticTimeout,
    HardFailure,
    OutputUnwritable,
)
from omniagent.model.profile import GENERATORS, Thresholds
from omniagent.model.requests import CancelToken
from omniagent.tools.answer import ANSWER, AnswerIn
from omniagent.tools.config import GuidanceSettings, ToolConfig
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects.drafts import PlanDraft, RequirementDraft
from omniagent.tools.drawing.generate import GENERATE, GenerateIn
from omniagent.tools.instruments.agreement import answer_of
from omniagent.tools.meter import CallMeter
from omniagent.tools.parameters import CallRules, call_rules, ground_image, named_images, parameters
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.progress import Progress
from omniagent.tools.record.store import ImageStore, ref_of
from omniagent.tools.record.trace import (
    FORMAT_VERSION,
    Event,
    RunStarted,
    StepProgress,
    ToolCalled,
    ToolErrored,
    ToolStarted,
    Trace,
    read_trace,
)
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Budget, ImageRef, Mode, RenderSettings, Requirement, Task
from tests.support.scripted_runs import LISTED


def context(
    folder: Path, critic: ScriptedCritic | None = None, generator: ScriptedGenerator | None = None, **more: object
):
    heard: list[Event] = []
    runtime = ModelRuntime(generator=generator or ScriptedGenerator(), critic=critic or ScriptedCritic(profile=LISTED))
    made = ToolContext(
        runtime=runtime,
        store=ImageStore(folder / "images"),
        trace=Trace(folder / "trace.jsonl", "run", heard.append),
        token=more.pop("token", CancelToken()),  # pyright: ignore[reportArgumentType]
        calls=CallMeter(100),
        config=ToolConfig(backoff=0),
        **more,  # pyright: ignore[reportArgumentType]
    )
    return made, heard


def test_a_tool_call_is_checked_timed_and_recorded_once(tmp_path: Path):
    tools, heard = context(tmp_path)
    made = GENERATE({"instruction": "a circle", "seeds": [1, 2]}, tools)
    assert len(made.images) == 2 and made.usage.images == 2
    kinds = [type(event) for event in heard]
    assert kinds[0] is ToolStarted and kinds[-1] is ToolCalled and kinds.count(ToolCalled) == 1
    assert StepProgress in kinds
    assert [type(event) for event in read_trace(tools.trace.path)] == [ToolCalled]
    with pytest.raises(BadSetting, match="invalid arguments for the tool generate"):
        GENERATE({"instruction": "a circle", "sead": 1}, tools)


def test_a_foreign_error_leaves_a_tool_as_ours_with_its_cause(tmp_path: Path):
    tools, heard = context(tmp_path, generator=ScriptedGenerator(errors={0: KeyError("x")}))
    with pytest.raises(HardFailure) as caught:
        GENERATE(GenerateIn(instruction="a circle", seeds=(1,)), tools)
    assert isinstance(caught.value.__cause__, KeyError)
    assert isinstance(heard[-1], ToolErrored) and heard[-1].error == "HardFailure"


def test_a_batch_that_was_drawn_before_a_kill_is_not_drawn_again(tmp_path: Path):
    generator = ScriptedGenerator()
    first, _ = context(tmp_path, generator=generator)
    again, _ = context(tmp_path, generator=generator)
    batch = GenerateIn(instruction="a circle", seeds=(1, 2))
    assert GENERATE(batch, first) == GENERATE(batch, again)
    GENERATE(GenerateIn(instruction="a circle", seeds=(1, 3)), again)
    assert len(generator.calls) == 2


def test_a_cancelled_token_stops_a_tool_before_it_begins(tmp_path: Path):
    token, generator = CancelToken(), ScriptedGenerator()
    token.cancel()
    tools, _ = context(tmp_path, generator=generator, token=token)
    with pytest.raises(Cancelled):
        GENERATE(GenerateIn(instruction="a circle", seeds=(1,)), tools)
    assert not generator.calls


def test_the_critic_is_asked_again_after_growing_pauses(tmp_path: Path):
    pauses: list[float] = []
    critic = ScriptedCritic(
        errors={0: CriticTimeout("a"), 1: CriticTimeout("b")}, texts=[PlanDraft(mode="generate")], profile=LISTED
    )
    tools, heard = context(tmp_path, critic, pause=pauses.append)
    tools = ToolContext(tools.runtime, tools.store, tools.trace, tools.token, tools.calls, ToolConfig(), pauses.append)
    PLAN(PlanIn(task=Task(instruction="a circle")), tools)
    assert sum(pauses) == pytest.approx(0.5 + 1.0)
    assert sum(isinstance(event, ToolErrored) for event in heard) == 2


@pytest.mark.parametrize(
    ("mode", "images", "settled"), [("edit", 0, "generate"), ("compose", 0, "generate"), ("edit", 1, "edit")]
)
def test_nothing_can_be_edited_without_a_picture(tmp_path: Path, mode: Mode, images: int, settled: Mode):
    draft = PlanDraft(mode=mode, change="redden the sky", instruction="a meadow under a red sky")
    tools, _ = context(tmp_path, ScriptedCritic(texts=[draft], profile=LISTED))
    refs = tuple(tools.store.put(Image.new("RGB", (8, 8))) for _ in range(images))
    plan = PLAN(PlanIn(task=Task(instruction="make it red", images=refs)), tools).plan
    assert plan.mode == settled
    assert plan.instruction == (draft.instruction if settled == "generate" else draft.change)


def test_a_plan_keeps_each_question_once_and_never_an_empty_checklist(tmp_path: Path):
    asked = [RequirementDraft(kind="count", question=words) for words in ("Two stars?", "two  stars", "A ring?")]
    tools, _ = context(
        tmp_path,
        ScriptedCritic(
            texts=[PlanDraft(mode="generate", checklist=tuple(asked)), PlanDraft(mode="generate")], profile=LISTED
        ),
    )
    full = PLAN(PlanIn(task=Task(instruction="two stars")), tools).plan
    assert [(one.id, one.question) for one in full.checklist] == [("r1", "Two stars?"), ("r2", "A ring?")]
    bare = PLAN(PlanIn(task=Task(instruction="two stars")), tools).plan
    assert bare.instruction == "two stars"
    assert [one.kind for one in bare.checklist] == ["presence"] and "two stars" in bare.checklist[0].question


@pytest.mark.parametrize(
    ("p", "answer"), [(1.0, "yes"), (0.6, "yes"), (0.59, "unsure"), (0.41, "unsure"), (0.4, "no"), (0.0, "no")]
)
def test_probabilities_become_answers_at_the_thresholds(p: float, answer: str):
    assert answer_of(p, Thresholds()) == answer
    with pytest.raises(ValueError, match="must not exceed"):
        Thresholds(yes=0.3, no=0.5)


def test_all_questions_about_a_picture_go_in_one_call_and_only_unsure_ones_again(tmp_path: Path):
    critic = ScriptedCritic([[0.9, 0.5, 0.1], [0.9]], profile=LISTED)
    tools, _ = context(tmp_path, critic)
    image = Image.new("RGB", (16, 16))
    attempt = Attempt(id="a1", image=tools.store.put(image), instruction="x", seed=0)
    checklist = tuple(Requirement(id=f"r{n}", kind="presence", question=f"is it {n}?") for n in (1, 2, 3))
    made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist), tools)
    assert [one.answer for one in made.critique.verdicts] == ["yes", "no", "no"]
    assert [len(call.questions) for call in critic.calls if hasattr(call, "questions")] == [3, 1]  # pyright: ignore
    assert made.usage.critic_calls == 2
    assert made.critique.quality == pytest.approx((0.9 + 0.3 + 0.1) / 3)


@pytest.mark.parametrize(
    ("mode", "words", "count", "ground"),
    [
        ("generate", "image 1", 2, None),
        ("edit", "make it red", 0, None),
        ("edit", "make the star red", 1, 1),
        ("edit", "recolour image 2 like image 1", 2, 2),
        ("compose", "the star from image 1 on the background of image 2", 2, 2),
        ("compose", "put the cat of the first image into image 3", 3, 3),
        ("compose", "Image 2 with the circle from image 1 added", 2, 2),
        ("compose", "the second picture, with a hat", 2, 2),
        ("compose", "something from image 7", 2, None),
    ],
)
def test_the_right_picture_sets_the_size(mode: Mode, words: str, count: int, ground: int | None):
    assert ground_image(mode, words, count) == ground


@pytest.mark.parametrize(
    ("mode", "images", "asked", "expected"),
    [
        ("generate", 0, RenderSettings(), (None, None, 4.0, None)),
        ("edit", 1, RenderSettings(), (None, None, 5.0, 1.8)),
        ("compose", 2, RenderSettings(), (1440, 720, 5.0, 2.8)),
        ("compose", 2, RenderSettings(width=64, height=64, image_guidance=1.0), (64, 64, 5.0, 1.0)),
        ("edit", 1, RenderSettings(text_guidance=2.0), (None, None, 2.0, 1.8)),
    ],
)
def test_omnigen2_is_called_as_its_authors_do(
    mode: Mode, images: int, asked: RenderSettings, expected: tuple[int | None, int | None, float, float | None]
):
    refs = tuple(ImageRef(sha256=str(n) * 64, width=16 * (n + 1), height=16) for n in range(images))
    made = parameters(
        mode,
        "the star on the background of image 2",
        refs,
        asked,
        call_rules(GENERATORS["omnigen2"], GuidanceSettings()),
    )
    assert (made.width, made.height, made.text_guidance, made.image_guidance) == expected
    left = parameters(mode, "a star", (), RenderSettings(), CallRules())
    assert left == RenderSettings(negative="")


def test_pictures_are_named_in_order_of_mention():
    assert named_images("the ring of image 2, then image 1, image 2 and the third photo") == (2, 1, 3)


def test_the_store_keeps_equal_pixels_once_and_notices_damage(tmp_path: Path):
    store, image = ImageStore(tmp_path), Image.linear_gradient("L").convert("RGB")
    noisy = image.copy()
    noisy.info["dpi"] = (300, 300)
    ref = store.put(image)
    assert store.put(noisy) == ref == ref_of(image)
    assert len(list(tmp_path.iterdir())) == 1
    assert store.get(ref).tobytes() == image.tobytes()
    store.path(ref).write_bytes(b"other")
    with pytest.raises(BadImage, match="damaged"):
        store.get(ref)
    store.path(ref).unlink()
    with pytest.raises(BadImage, match="gone"):
        store.get(ref)


def started(version: int = FORMAT_VERSION) -> RunStarted:
    return RunStarted(
        format_version=version,
        task=Task(instruction="x"),
        budget=Budget(),
        seed=0,
        folder="f",
        generator="g",
        critic_backend="scripted",
        critic="c",
    )


def test_a_trace_survives_a_line_torn_by_a_kill_and_goes_on_after_it(tmp_path: Path):
    path = tmp_path / "trace.jsonl"
    trace = Trace(path, "run")
    first = trace.add(started())
    trace.add(ToolCalled(tool="plan", seconds=1))
    with path.open("ab") as file:
        file.write(b'{"event":"tool_cal')
    whole = list(read_trace(path))
    assert whole[0] == first and len(whole) == 2
    again = Trace(path, "run")
    again.add(ToolCalled(tool="generate", seconds=1))
    assert [event.sequence for event in read_trace(path)] == [1, 2, 3]


def test_a_trace_damaged_inside_or_from_the_future_is_refused(tmp_path: Path):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(b"nonsense\n" + started().model_dump_json().encode() + b"\n")
    with pytest.raises(BadSetting, match="line 1"):
        list(read_trace(path))
    path.write_bytes(started(FORMAT_VERSION + 1).model_dump_json().encode() + b"\n")
    with pytest.raises(BadSetting, match="upgrade"):
        list(read_trace(path))
    with pytest.raises(OutputUnwritable):
        Trace(path / "trace.jsonl", "run")


def test_live_events_are_told_but_never_written(tmp_path: Path):
    heard: list[Event] = []
    trace = Trace(tmp_path / "trace.jsonl", "run", heard.append)
    trace.add(StepProgress(tool="generate", step=1, steps=2))
    assert len(heard) == 1 and list(read_trace(trace.path)) == []


def test_previews_are_told_at_a_pace_small_and_only_where_they_are_wanted(tmp_path: Path) -> None:
    heard: list[Event] = []
    trace = Trace(tmp_path / "trace.jsonl", "run", heard.append)
    now, made = [0.0], list[int]()

    def previews() -> list[Image.Image]:
        made.append(1)
        return [Image.new("RGB", (640, 320), "red")]

    watched = Progress(trace, "generate", previews=True, clock=lambda: now[0])
    for number, time in enumerate((0.0, 0.1, 0.3), start=1):
        now[0] = time
        watched.look(previews)
        watched(number, 3)
    unwatched = Progress(trace, "generate")
    unwatched.look(previews)
    unwatched(1, 1)
    steps = [event for event in heard if isinstance(event, StepProgress)]
    assert [len(event.previews) for event in steps] == [1, 0, 1, 0] and len(made) == 2
    with Image.open(io.BytesIO(base64.b64decode(steps[0].previews[0]))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 80))
    assert list(read_trace(trace.path)) == []


@pytest.mark.parametrize(
    ("size", "sent"), [((4000, 3000), (1148, 840)), ((640, 480), (640, 480)), ((9000, 9), (9000, 9))]
)
def test_pictures_of_a_plan_are_shrunk_to_what_the_critics_profile_allows(
    tmp_path: Path, size: tuple[int, int], sent: tuple[int, int]
) -> None:
    critic = ScriptedCritic(texts=["two"], profile=LISTED.model_copy(update={"plan_pixels": 1_000_000}))
    tools, _ = context(tmp_path, critic)
    picture = tools.store.put(Image.new("RGB", size, "red"))
    ANSWER(AnswerIn(task=Task(instruction="how many?", images=(picture,))), tools)
    (seen,) = (part for part in critic.calls[-1].prompt.parts if isinstance(part, Image.Image))
    assert seen.size == sent and seen.width * seen.height <= 1_000_000
