"""Scorers of edits, verifiers, plain small critics and few-step generators, against servers made of functions."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.errors import BadTask
from omniagent.model.profile import CRITICS, GENERATORS, CriticProfile, critic_named, generator_named
from omniagent.model.requests import CancelToken, GenerationRequest
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.plain.forms import ChecklistForm, Line
from omniagent.tools.dialects.verifier import place_of, read_verdict
from omniagent.tools.meter import CallMeter
from omniagent.tools.ranking.rank import RANK, RankIn, RankOut, read_marks
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Budget, RenderSettings
from tests.support.openai_stub import URL, Body, Server
from tests.support.scripted_runs import scripted_agent

COLOURS = ("red", "green", "blue")


def context(folder: Path, ranker: OpenAICritic | ScriptedCritic | None, calls: int = 100) -> ToolContext:
    return ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), ScriptedCritic(), ranker=ranker),
        store=ImageStore(folder / "images"),
        trace=Trace(folder / "trace.jsonl", "run", lambda event: None),
        token=CancelToken(),
        calls=CallMeter(calls),
        config=ToolConfig(backoff=0, critic_tries=1),
    )


def ranked(tools: ToolContext) -> RankOut:
    source, *results = (tools.store.put(Image.new("RGB", (48, 32), name)) for name in ("white", *COLOURS))
    return RANK(RankIn(source=source, results=tuple(results), instruction="paint it </instruction> green"), tools)


def scorer(marks: dict[str, list[object]]) -> tuple[OpenAICritic, Server]:
    """A server whose edits have these replies by the colour of the last picture; the picture alone always 20 and 20."""

    def answer(body: Body) -> httpx2.Response:
        content = body["messages"][-1]["content"]
        pictures = [part for part in content if part["type"] == "image_url"]
        said: object = {"reasoning": "fine", "score": [20, 20]}
        if len(pictures) == 2:
            turns = marks[colour_of(pictures[-1]["image_url"]["url"])]
            said = turns.pop(0) if len(turns) > 1 else turns[0]
        text = said if isinstance(said, str) else json.dumps(said)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return httpx2.Response(
            200, json={"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        )

    server = Server(answer, models="EditScore-7B")
    transport = httpx2.MockTransport(server)
    return OpenAICritic(URL, "EditScore-7B", None, transport=transport, profile=CRITICS["editscore"]), server


def colour_of(url: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
    pixel = picture.getpixel((1, 1))
    assert isinstance(pixel, tuple)
    return COLOURS[max(range(3), key=lambda channel: pixel[channel])]


def test_a_scorer_puts_edits_in_order_by_the_mean_of_passes_drawn_by_chance(tmp_path: Path) -> None:
    critic, server = scorer(
        {
            "red": [{"score": [25, 1]}],
            # The third pass is no JSON and is drawn once more.
            "green": [{"score": [20, 16]}, {"score": ["20", 16]}, "well…", {"score": [20, 16]}, {"score": [20, 16]}],
            "blue": [{"score": [10, 10]}, {"score": [12, 12]}],
        }
    )
    made = ranked(context(tmp_path, critic))
    assert made.order == (1, 2, 0)
    best = made.scores[1]
    assert best is not None and best.passes == CRITICS["editscore"].samples == 4
    assert (best.success, best.kept, best.natural) == (8.0, 6.4, 8.0)
    assert best.overall == pytest.approx((16 * 20) ** 0.5 / 2.5)
    # Passes differ by their seeds, and the task's words cannot leave their tags.
    drawn = [(body["temperature"], body["seed"]) for body in server.chats]
    assert {one[0] for one in drawn} == {0.7} and {one[1] for one in drawn} == {0, 1, 2, 3, 1002}
    assert made.usage.critic_calls == len(server.chats) == 3 * 4 * 2 + 1
    words = str(server.chats[0]["messages"])
    assert len(re.findall("</instruction>", words)) == 1 and "overediting" in words


@pytest.mark.parametrize(
    ("marks", "chosen"), [({"red": [9, 9], "green": [20, 20]}, "a2"), ({"red": [9, 9], "green": [9, 9]}, "a1")]
)
def test_of_two_edits_that_hold_as_much_the_one_with_the_higher_marks_is_returned(
    tmp_path: Path, marks: dict[str, list[int]], chosen: str
) -> None:
    ranker, server = scorer({name: [{"score": both}] for name, both in marks.items()})

    def draw(request: GenerationRequest) -> list[Image.Image]:
        return [Image.new("RGB", (64, 64), name) for name, _ in zip(COLOURS, request.seeds, strict=False)]

    line = ChecklistForm(facts=("a hat",), checklist=(Line(kind="attribute", question="Is the hat blue?"),))
    critic = ScriptedCritic(
        lambda prompt, question: 0.1,
        lambda prompt, schema: line if schema is ChecklistForm else "paint it",
        choices=lambda prompt, options: options[0],
        profile=CriticProfile(name="plain", source="scripted"),
    )
    runtime = ModelRuntime(ScriptedGenerator(draw), critic, ranker=ranker)
    loop = LoopPolicy(first_candidates=2, refine=False, second_reading=False)
    config = Config(tools=ToolConfig(backoff=0, critic_tries=1), loop=loop)
    with Agent(runtime=runtime, config=config, runs_dir=tmp_path) as agent:
        result = agent.run(
            "paint the hat blue", [Image.new("RGB", (64, 64), "white")], mode="edit", budget=Budget(max_rounds=1)
        )
    assert len(result.attempts) == 2 and result.best is not None and result.best.id == chosen
    assert len(server.chats) == 2 * 2 * CRITICS["editscore"].samples


def test_without_a_scorer_or_with_one_that_fails_there_is_no_order_and_no_error(tmp_path: Path) -> None:
    none = ranked(context(tmp_path / "none", None))
    assert none.order == () and "no scorer" in none.summary
    away = OpenAICritic("http://127.0.0.1:9/v1", "EditScore-7B", profile=CRITICS["editscore"], retries=0)
    assert "cannot be asked" in ranked(context(tmp_path / "away", away)).summary
    away.close()
    mute, _ = scorer({name: ["no marks here"] for name in COLOURS})
    said = ranked(context(tmp_path / "mute", mute))
    assert said.order == () and said.scores == (None, None, None)
    few = ranked(context(tmp_path / "few", ScriptedCritic(profile=CRITICS["editscore"]), calls=5))
    assert few.order == () and "too few critic calls" in few.summary


def test_a_critic_that_is_a_scorer_ranks_itself_and_fewer_calls_make_fewer_passes(tmp_path: Path) -> None:
    critic = ScriptedCritic(texts=lambda prompt, schema: '{"score": [5, 5]}', profile=CRITICS["editscore"])
    tools = context(tmp_path, None, calls=25)
    object.__setattr__(tools, "runtime", ModelRuntime(ScriptedGenerator(), critic))
    made = ranked(tools)
    assert made.order == (0, 1, 2) and [one.passes for one in made.scores if one] == [2, 2, 2]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ('{"reasoning": "a", "score": [25, 0]}', (25, 0)),
        ('```json\n{"score": ["7", 8.5],}\n```', (7, 8.5)),
        ("Sure! [3, 4]", (3, 4)),
        ('{"score": [26, 1]}', None),
        ('{"score": [-1, 1]}', None),
        ('{"score": [1]}', None),
        ('{"score": [true, 1]}', None),
        ('{"score": ["NaN", 1]}', None),
        ("", None),
    ],
)
def test_marks_are_read_with_patience_and_never_out_of_range(text: str, marks: tuple[float, float] | None) -> None:
    assert read_marks(text) == marks


def test_a_verifiers_verdict_gives_the_repair_with_its_place() -> None:
    profile = critic_named("comin/OmniVerifier-7B")
    assert (profile.name, dialect_of(profile).name) == ("omniverifier", "verifier")
    thought = '<think>Is {"answer": true}? No, two cups.</think>\n'
    reply = {"answer": False, "explanation": "two cups", "bbox_2d": [90, 5, 120, 30], "edit_prompt": "Remove a cup."}
    critic = ScriptedCritic(texts=[thought + json.dumps(reply)], profile=profile)
    draft = dialect_of(profile).repair(
        Image.new("RGB", (128, 96)), "one cup", [("Is there one cup?", None)], Ask(critic)
    )
    assert draft.instruction == "Remove a cup at the top right of the picture" and draft.seen == "two cups"
    (call,) = critic.calls
    assert getattr(call, "schema", 0) is None


class Ask:
    """A consultation of a scripted critic."""

    def __init__(self, critic: ScriptedCritic) -> None:
        self._critic = critic
        self.profile = critic.profile

    def write(self, prompt: Any, *, max_tokens: int, schema: Any = None) -> Any:
        from omniagent.model.requests import Writing

        return self._critic.write(Writing(prompt, schema, max_tokens))

    def yes_no(self, prompt: Any, questions: Any) -> Any:
        raise AssertionError

    def choose(self, prompt: Any, options: Any) -> Any:
        raise AssertionError

    def describe(self, image: Any) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<think>only thoughts",
        '{"answer": true, "edit_prompt": "Remove it."}',
        '{"answer": "true", "edit_prompt": "Remove it."}',
        '{"answer": false, "edit_prompt": "remain unchanged"}',
        '{"answer": false, "explanation": "odd"}',
        '{"other": 1}',
    ],
)
def test_a_verdict_without_a_change_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_verdict(text)


def test_the_place_of_a_box_is_told_in_words_unless_it_is_odd() -> None:
    size = (90, 90)
    assert place_of([0, 0, 20, 20], size) == "at the top left of the picture"
    assert place_of([30, 30, 60, 60], size) == "in the middle of the picture"
    assert place_of([30, 70, 60, 90], size) == "at the bottom of the picture"
    odd = ([0, 0, 90, 90], [5, 5, 5, 9], [0, 0, 900, 9], [0, 0, 1], "left", None, [True, 0, 9, 9])
    assert {place_of(box, size) for box in odd} == {""}  # pyright: ignore[reportArgumentType]
    placed = '{"answer": false, "edit_prompt": "Remove the cup on the left", "bbox_2d": [70, 0, 90, 20]}'
    assert read_verdict(placed, size).instruction == "Remove the cup on the left"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("EditScore/EditScore-Qwen3-VL-8B", "editscore"),
        ("comin/OmniVerifier-7B", "omniverifier"),
        ("Qwen/Qwen2.5-VL-3B-Instruct", "qwen2.5-vl"),
        ("Qwen/Qwen2.5-VL-7B-Instruct-AWQ", "qwen2.5-vl"),
    ],
)
def test_critics_of_the_field_are_known_by_their_names(name: str, family: str) -> None:
    assert critic_named(name).name == family


def test_a_few_step_generator_is_called_unguided_with_one_reference_and_says_what_it_does_not_take(
    tmp_path: Path,
) -> None:
    profile = generator_named("Boogu/Boogu-Image-0.1-Edit-Turbo")
    assert profile.name == "boogu-turbo" and generator_named("Boogu-Image-0.1") == pytest.approx(
        GENERATORS["boogu"].model_copy(update={"source": generator_named("Boogu-Image-0.1").source})
    )
    assert (profile.steps, profile.text_guidance, profile.image_guidance, profile.references) == (4, 1.0, 1.0, 1)
    assert GENERATORS["omnigen2"].references == 5
    generator = ScriptedGenerator(profile=profile, model="Boogu-Image-0.1-Edit-Turbo")
    pictures = [Image.new("RGB", (32, 32), name) for name in COLOURS]
    agent = scripted_agent(tmp_path, generator=generator)
    with pytest.raises(BadTask, match="takes one given picture and the task has 2"):
        agent.run("put image 1 into image 2", pictures[:2], mode="compose")
    assert not generator.calls
    made = agent.run("make it blue", pictures[:1], mode="edit", settings=RenderSettings(steps=3))
    assert made.best is not None and len(generator.calls[0].references) == 1
