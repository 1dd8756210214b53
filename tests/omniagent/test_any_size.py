"""Pictures and sizes of any shape through whole runs of the bundled checkpoint: none crashes, and changes are said."""

from pathlib import Path

import pytest
from PIL import Image

from omniagent import Agent, Budget, RenderSettings, Result
from omniagent.config import bundled_checkpoint
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.requests import Prompt
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Item, Scene

pytestmark = pytest.mark.bundled

SCENE = Scene("white", (Item("circle", "red", "solid", 40, 64, 16), Item("square", "blue", "solid", 95, 70, 12)))
QUICK = RenderSettings(steps=1)
SHAPES = ((640, 480), (160, 128), (2000, 3), (1, 1))


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent(budget=Budget(max_rounds=1, max_images=1), runs_dir=tmp_path_factory.mktemp("runs"))


def shown(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(render(SCENE)).resize(size)


def unbroken(result: Result) -> Result:
    assert result.error is None and result.stop_reason != "failed", result.message
    return result


def test_every_size_has_the_patches_that_its_tokens_foretell() -> None:
    encoder = ChatEncoder.load(Path(bundled_checkpoint()) / "processor")
    narrow = [(width, height) for width in (1, 2, 9, 10) for height in (1, 300, 2000, 2001, 10_000)]
    for size in [*narrow, *((width, height) for width in range(1, 2000, 173) for height in range(1, 2000, 181))]:
        image = Image.new("RGB", size)
        chat, patches = encoder.encode(Prompt(system="s", parts=(image,))), encoder.patches(image)
        assert len(patches.values) == 4 * chat.ids.count(encoder.pad_id) > 0, size
        assert tuple(patches.grid[0].tolist()) == chat.grids[0], size


def test_pictures_of_any_shape_are_answered_about_checked_and_edited_at_their_own_size(agent: Agent) -> None:
    for size, made in zip(SHAPES, ((640, 480), (160, 128), (1024, 16), (16, 16)), strict=True):
        assert unbroken(agent.run("how many red circles are there?", [shown(size)])).answer
        assert len(agent.check(shown(size), ["Is there a red circle?"]).critique.verdicts) == 1
        edit = unbroken(agent.run("make the circle green", [shown(size)], settings=QUICK))
        assert edit.plan is not None
        if edit.plan.mode == "edit":
            assert edit.image is not None and edit.image.size == made
            assert any("128x128" in said for said in edit.warnings)


def test_pictures_of_different_shapes_are_put_together(agent: Agent) -> None:
    task = "the circle of image 1 to the left of the square of image 2"
    for first, second in ((SHAPES[0], SHAPES[3]), (SHAPES[2], SHAPES[1])):
        unbroken(agent.run(task, [shown(first), shown(second)], settings=QUICK))


def test_sizes_that_it_does_not_draw_are_drawn_within_its_own_and_said(agent: Agent) -> None:
    task = "a red circle on a white background"
    for width, height, at in ((512, 512, "128x128"), (256, 128, "128x128"), (16, 1000, "128x128"), (128, 128, "")):
        asked = RenderSettings(width=width, height=height, steps=None if width == 512 else 1)
        result = unbroken(agent.run(task, settings=asked))
        assert result.image is not None and result.image.size == (width, height)
        if at:
            (said,) = result.warnings
            assert at in said and f"{width}x{height}" in said and said in result.message
        else:
            assert result.warnings == ()
        if width == 512:
            assert result.critique is not None and not result.critique.blank
