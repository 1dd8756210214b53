"""The loop uses what it saw: new instructions, repairs inside a box, and several changes one after the other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel
from skimage import data as photos

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written, picture_for
from omniagent.runs.result import Result
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.forms import ChecklistForm, Line, RefineForm, RepairForm
from omniagent.tools.drawing.mend import frame_of
from omniagent.tools.types import Box, Budget, Mode, RequirementKind

SCENE = Image.fromarray(photos.astronaut()).resize((256, 256))
PLAIN = CriticProfile(name="plain", source="scripted")
SEEING = CriticProfile(name="plain", source="scripted", grounding="pixels")


class World:
    """A scripted generator and critic that share what each picture was drawn by.

    Args:
        lines: The checklist, each line with the words that an instruction must hold for it to hold of the picture.
        refined: What the critic writes for the next try.
    """

    def __init__(
        self,
        lines: dict[str, str],
        *,
        refined: Written = "",
        repair: str = "",
        box: tuple[int, int, int, int] | None = None,
        kind: RequirementKind = "presence",
        critic: CriticProfile = PLAIN,
        generator: GeneratorProfile | None = None,
        hopeless: str = "never in any instruction",
        reuses_source: bool = False,
    ) -> None:
        self.lines, self.refined, self.repair, self.box, self.kind = lines, refined, repair, box, kind
        self.hopeless = hopeless
        self.told: dict[bytes, str] = {SCENE.tobytes(): ""}
        self.generator = ScriptedGenerator(
            self.draw, profile=generator or GeneratorProfile(source="scripted"), reuses_source=reuses_source
        )
        self.critic = ScriptedCritic(self.judge, self.write, profile=critic)

    def draw(self, request: GenerationRequest) -> list[Image.Image]:
        """A picture of each seed, which carries on what its first reference shows."""
        size = request.references[0].size if request.references else (96, 96)
        size = (request.width or size[0], request.height or size[1])
        before = self.told.get(request.references[0].tobytes(), "") if request.references else ""
        made = [picture_for(request.instruction + before, seed, size) for seed in request.seeds]
        if request.references:
            made = [painted_over(request.references[0].resize(size), one, self.box) for one in made]
        for one in made:
            self.told[one.tobytes()] = f"{before} {request.instruction.lower()}"
        return made

    def judge(self, prompt: Prompt, question: str) -> float:
        pictures = [part for part in prompt.parts if isinstance(part, Image.Image)]
        told = self.told.get(pictures[-1].tobytes(), "")
        line = next((line for line in self.lines if line in question), None)
        if line is None:
            return 0.95
        return 0.95 if self.lines[line] in told and self.hopeless not in self.lines[line] else 0.05

    def write(self, prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        if schema is ChecklistForm:
            lines = tuple(Line(kind=self.kind, question=line) for line in self.lines)
            return ChecklistForm(facts=("it is so",), checklist=lines)
        if schema is RefineForm:
            return self.refined
        if schema is RepairForm:
            return RepairForm(seen="it", instruction=self.repair, scope="local") if self.repair else "nothing"
        return json.dumps([{"bbox_2d": self.box, "label": "change"}] if self.box else [])

    def run(
        self,
        folder: Path,
        task: str,
        *images: Image.Image,
        budget: Budget | None = None,
        mode: Mode | None = None,
        **policy: object,
    ) -> Result:
        loop = LoopPolicy.model_validate({"second_reading": False, "forced_choice": False, **policy})
        config = Config(tools=ToolConfig(backoff=0, critic_tries=1), loop=loop)
        with Agent(generator=self.generator, critic=self.critic, config=config, runs_dir=folder) as agent:
            return agent.run(task, list(images), seed=3, budget=budget, mode=mode)


def painted_over(source: Image.Image, picture: Image.Image, box: tuple[int, int, int, int] | None) -> Image.Image:
    """The source with a patch of the picture's ground colour inside the box, in a cut-out of it in its middle."""
    left, top, right, bottom = box or (100, 20, 160, 70)
    if source.width > SCENE.width or right - left > 200:
        left, top = source.width // 3, source.height // 3
        right, bottom = 2 * left, 2 * top
    made = source.copy()
    made.paste(picture.getpixel((0, 0)), (left, top, max(right, left + 8), max(bottom, top + 8)))
    return made


def refine(instruction: str, *, right: bool = False) -> RefineForm:
    return RefineForm(wrong="The bird is missing.", right=right, instruction=instruction)


def test_a_failed_picture_is_drawn_again_by_an_instruction_that_the_critic_wrote(tmp_path: Path):
    better = "A red bird, large and in the middle, on a green roof."
    world = World({"Is there a red bird?": "large"}, refined=refine(better))
    result = world.run(tmp_path, "a red bird on a green roof", local_failures=0)
    assert [one.action for one in result.decisions] == ["refine", "accept"]
    assert "The bird is missing" in result.decisions[0].reason
    assert [call.instruction for call in world.generator.calls] == ["a red bird on a green roof", better]


@pytest.mark.slow
@pytest.mark.parametrize(
    "written",
    [
        refine("A red bird, large and in the middle."),
        refine("A red bird on a green roof, large. Add a wooden fence."),
        refine("A blue bird on a green roof, large."),
        refine('A red bird on a green roof, large, with the words "Hello".'),
        refine("Seven red birds on a green roof, large."),
        refine(""),
        refine("", right=True),
        "I am sorry, I cannot do that.",
        "",
        '{"wrong": "it"',
    ],
)
def test_an_instruction_that_drops_adds_or_says_nothing_is_not_used(tmp_path: Path, written: Written):
    world = World({"Is there a red bird?": "large"}, refined=written)
    result = world.run(tmp_path, "a red bird on a green roof", local_failures=0)
    assert {call.instruction for call in world.generator.calls} == {"a red bird on a green roof"}
    assert (result.stop_reason, result.error) == ("stagnation", None)
    assert result.best is not None and "refine" not in {one.action for one in result.decisions}


def test_words_that_brought_nothing_are_not_drawn_a_second_time(tmp_path: Path):
    better = "A red bird, bright, on a green roof."
    world = World({"Is there a red bird?": "never"}, refined=refine(better))
    world.run(tmp_path, "a red bird on a green roof", local_failures=0, fruitless_rounds=0)
    told = [call.instruction for call in world.generator.calls]
    assert told == ["a red bird on a green roof", better, "a red bird on a green roof", "a red bird on a green roof"]


def test_an_edit_is_refined_from_its_source_and_never_from_its_own_output(tmp_path: Path):
    better = "Add a large red hat on her head. Keep everything else unchanged."
    world = World({"Is there a red hat?": "large"}, refined=refine(better))
    result = world.run(tmp_path, "Add a red hat on her head", SCENE, local_failures=0)
    assert result.accepted and world.generator.calls[1].instruction == better
    assert all(call.references[0].tobytes() == SCENE.tobytes() for call in world.generator.calls)


def test_refining_can_be_switched_off(tmp_path: Path):
    world = World({"Is there a red bird?": "large"}, refined=refine("A large red bird on a green roof."))
    result = world.run(tmp_path, "a red bird on a green roof", local_failures=0, refine=False)
    assert not result.accepted and len({call.instruction for call in world.generator.calls}) == 1


@pytest.mark.parametrize("reuses", [False, True], ids=["cut out", "source reused"])
def test_a_local_fault_of_an_edit_is_repaired_inside_its_box_alone(tmp_path: Path, reuses: bool):
    world = World(
        {"Is there a hat?": "hat", "Is the hat red?": "paint it red"},
        repair="paint it red",
        box=(100, 20, 160, 70),
        critic=SEEING,
        reuses_source=reuses,
        generator=GeneratorProfile(width=256, height=256, source="scripted"),
    )
    judged = world.judge

    def judge(prompt: Prompt, question: str) -> float:
        # What was pasted is no picture that was drawn: it shows the box's content in the frame of the one before.
        picture = [part for part in prompt.parts if isinstance(part, Image.Image)][-1]
        world.told.setdefault(picture.tobytes(), "hat paint it red")
        return judged(prompt, question)

    world.critic = ScriptedCritic(judge, world.write, profile=SEEING)
    result = world.run(tmp_path, "Add a hat", SCENE)
    assert [one.action for one in result.decisions] == ["edit", "accept"]
    first, second = (result.picture(one) for one in result.attempts)
    frame = frame_of(Box(label="", left=100, top=20, right=160, bottom=70), (256, 256))
    assert frame is not None
    assert second.size == first.size and second.tobytes() != first.tobytes()
    call = world.generator.calls[1]
    if reuses:
        # The whole picture, of which the region alone is computed.
        assert call.references[0].tobytes() == first.tobytes() and call.width is None
        frame_drawn = (0, 0, 256, 256)
    else:
        assert call.references[0].size == (call.width, call.height) and call.width is not None and call.width > 256
        frame_drawn = frame
    blank = Image.new("RGB", (frame[2] - frame[0], frame[3] - frame[1]))
    for one in (first, second):
        one.paste(blank, frame[:2])
    assert second.tobytes() == first.tobytes()
    assert call.region is not None
    sides = frame_drawn[2] - frame_drawn[0], frame_drawn[3] - frame_drawn[1]
    corners = [share * sides[i % 2] + frame_drawn[i % 2] for i, share in enumerate(call.region)]
    assert corners == pytest.approx([100, 20, 160, 70])


@pytest.mark.parametrize("box", [(0, 0, 256, 256), (120, 120, 123, 123), None])
def test_a_box_of_all_of_three_pixels_or_none_ends_in_a_picture_of_the_right_size(
    tmp_path: Path, box: tuple[int, int, int, int] | None
):
    world = World({"Is there a hat?": "hat", "Is the hat red?": "x"}, repair="paint it red", box=box, critic=SEEING)
    result = world.run(tmp_path, "Add a hat", SCENE)
    assert result.error is None and not result.accepted
    assert {one.image.width for one in result.attempts} == {256}


THREE = "remove the lamp, make the wall blue, add a cat"
DONE = {"Is it free of lamps?": "remove the lamp", "Is the wall blue?": "wall blue", "Is there a cat?": "add a cat"}


def test_several_changes_are_made_one_after_the_other_each_from_what_was_accepted(tmp_path: Path):
    world = World(DONE)
    result = world.run(tmp_path, THREE, SCENE)
    assert result.accepted and [one.action for one in result.decisions] == ["advance", "advance", "accept"]
    told = [call.instruction.lower() for call in world.generator.calls]
    assert [each.split(".")[0] for each in told] == ["remove the lamp", "make the wall blue", "add a cat"]
    sources = [call.references[0].tobytes() for call in world.generator.calls]
    assert sources[0] == SCENE.tobytes()
    assert sources[1:] == [result.picture(one).tobytes() for one in result.attempts[:2]]
    assert [(one.step, one.depth, one.parent) for one in result.attempts] == [(1, 1, None), (2, 2, "a1"), (3, 3, "a2")]
    assert result.best is not None and result.best.id == "a3" and result.plan is not None
    assert len(result.plan.steps) == 3 and result.plan.steps[-1].checklist == result.plan.checklist


def test_a_step_that_never_holds_ends_the_run_with_the_steps_before_it(tmp_path: Path):
    world = World({**DONE, "Is the wall blue?": "never in any instruction"})
    result = world.run(tmp_path, THREE, SCENE)
    assert not result.accepted and result.stop_reason == "round_limit"
    assert result.best is not None and result.best.id == "a1"
    assert {one.step for one in result.attempts} == {1, 2}


@pytest.mark.parametrize(
    ("profile", "policy"),
    [
        (GeneratorProfile(source="scripted", changes_at_once=None), {}),
        (GeneratorProfile(source="scripted", changes_at_once=3), {}),
        (GeneratorProfile(source="scripted"), {"in_steps": False}),
        (GeneratorProfile(source="scripted"), {"budget": Budget(max_rounds=2)}),
    ],
)
def test_changes_are_made_at_once_where_the_generator_can_or_the_caller_says_so(
    tmp_path: Path, profile: GeneratorProfile, policy: dict[str, Any]
):
    world = World(DONE, generator=profile)
    result = world.run(tmp_path, THREE, SCENE, **policy)
    assert result.accepted and len(world.generator.calls) == 1


def test_a_later_step_may_take_something_from_another_picture_whose_number_follows(tmp_path: Path):
    world = World({"Is it free of lamps?": "remove the lamp", "Is there a cat?": "image 2"})
    other = Image.new("RGB", (64, 64), "teal")
    task = "remove the lamp in image 1 and add the cat of image 3"
    result = world.run(tmp_path, task, SCENE, SCENE, other, mode="edit")
    first, second = world.generator.calls[:2]
    assert result.accepted and result.plan is not None and [one.references for one in result.plan.steps] == [(), (3,)]
    assert [picture.tobytes() for picture in first.references] == [SCENE.tobytes()]
    assert [picture.size for picture in second.references] == [(256, 256), (64, 64)]
    assert second.references[0].tobytes() == result.picture(result.attempts[0]).tobytes()
    assert "the cat of image 2" in second.instruction


def test_a_run_that_is_resumed_between_two_steps_goes_on_with_the_second(tmp_path: Path):
    world = World(DONE)
    stopped = world.run(tmp_path, THREE, SCENE)
    assert stopped.thread_id
    gate: Callable[[], Result] = lambda: Agent(  # noqa: E731
        generator=world.generator, critic=world.critic, config=Config(), runs_dir=tmp_path
    ).run(THREE, [SCENE], thread_id=stopped.thread_id, seed=3)
    assert gate().best == stopped.best and len(world.generator.calls) == 3
