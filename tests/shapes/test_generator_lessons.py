"""What the painter learns from: changes in a row, layouts of plans, and the shares of a mix."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from omniagent.model.training.dit import Example, LatentPool, detail_weights
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.painting.changes import painter_changes
from omniagent.shapes.painting.examples import PaintingMix, painting_examples
from omniagent.shapes.painting.laid_out import scene_of_layout
from omniagent.shapes.painting.own_pictures import faults_of, seen_in
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, holds
from omniagent.shapes.tasks.task import draw_task, some_scene
from omniagent.shapes.words.phrases import describe
from omniagent.tools.dialects.listed.changes.pictures import Seen, picture_of


def _chains(number: int, wanted: int = 40) -> list[tuple[Scene, str, Scene]]:
    found: list[tuple[Scene, str, Scene]] = []
    seed = 0
    while len(found) < wanted:
        rng = np.random.default_rng([seed, number])
        seed += 1
        scene = some_scene(rng)
        made = painter_changes(rng, scene, number)
        if made is not None:
            found.append((scene, made.words, made.after))
    return found


@pytest.mark.parametrize("number", [1, 2, 4])
def test_each_change_of_a_chain_names_what_the_ones_before_have_left(number: int) -> None:
    for scene, words, after in _chains(number):
        steps = words.split(" and ")
        assert len(steps) >= number and after != scene
        # What the first change names is seen in the picture; what was there and is not named stays as it was.
        first = steps[0]
        assert first.startswith(("add", "make the background")) or any(
            f"the {name.name}" in first for name in _names(scene)
        )
        left = [item for item in scene.items if item not in after.items]
        assert len(left) <= len(steps) * 2


def test_changes_at_once_leave_a_picture_that_can_be_read_and_shows_them() -> None:
    for _, _, after in _chains(3, 8):
        seen = seen_in(render(after))
        assert seen is not None and faults_of(seen, after) == []


def test_a_thing_may_change_twice_and_all_of_a_shape_alike() -> None:
    chains = [words.split(" and ") for _, words, _ in _chains(3, 150)]
    places = [[step[step.find("(") :].rpartition(",")[2] for step in steps] for steps in chains]
    assert any(len(set(each)) < len(each) for each in places)
    assert any(len({step.rpartition(" ")[2] for step in steps if step.startswith("make")}) == 1 for steps in chains)


def test_a_plans_layout_becomes_a_scene_that_shows_what_the_request_wants() -> None:
    made = 0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        task = draw_task(rng)
        scene = scene_of_layout(rng, task.plan.instruction)
        if scene is None:
            continue
        made += 1
        assert task.wanted is not None and right(judge(render(scene), task.wanted)), task.plan.instruction
    assert made > 11


def test_what_a_layout_puts_in_a_ring_is_in_it_and_other_words_are_no_layout() -> None:
    rng = np.random.default_rng(0)
    scene = scene_of_layout(rng, "draw on a white background: striped red ring at c h; blue star inside it")
    assert scene is not None and holds("inside", scene.items[1], scene.items[0])
    for words in ("a red star", "draw on a white background: blue star inside it", "draw: red star at h h",
                  "draw on a white background: red star at h h; red star at h h"):  # fmt: skip
        assert scene_of_layout(rng, words) is None


def test_examples_follow_their_shares_and_never_show_a_test_scene() -> None:
    mix = PaintingMix(edits=0.5, references=0.1, several=1.0, hard=0.5, planned=0.5, worn=1.0)
    examples = painting_examples(3, 120, mix)(0)
    edits = [one for one in examples if len(one.references) == 1 and one.instruction[:4] not in ("draw", "imag")]
    assert 35 < len(edits) < 85 and sum(" and " in one.instruction for one in edits) > 12
    assert sum(not one.references for one in examples) > 30
    for one in examples[:24]:
        seen = seen_in(one.target)
        assert seen is None or seen.split != "test" or "object" in describe(seen) or "uneven" in describe(seen)


def test_a_full_pool_keeps_the_shares_of_what_was_made() -> None:
    picture = np.zeros((8, 8, 3), dtype=np.uint8)

    class Vae(torch.nn.Module):
        dtype, device, config = torch.float32, torch.device("cpu"), {"shift_factor": 0.0, "scaling_factor": 1.0}

        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def encode(self, pixels: torch.Tensor) -> object:
            return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: pixels))

    def make(step: int) -> list[Example]:
        return [Example("a", (), picture)] * 9 + [Example("b", (picture,), picture)]

    pool = LatentPool(
        Vae(),  # pyright: ignore[reportArgumentType]
        lambda texts: [torch.zeros(2, 4) for _ in texts],
        lambda pictures: torch.zeros(len(pictures), 1, 4),
        make,
        20,
    )
    for step in range(30):
        pool.refill(step)
    drawn = [len(group) for _ in range(20) for group in pool.draw(np.random.default_rng(1), 200, 1000)]
    assert sum(drawn[::2]) > 7 * sum(drawn[1::2])


def test_errors_weigh_more_on_detail_and_only_near_the_data() -> None:
    data = torch.zeros(2, 4, 8, 8)
    data[:, :, 2, 2] = 3.0
    weights = detail_weights(data, torch.tensor([0.0, 1.0]), 1.0)
    torch.testing.assert_close(weights[0], torch.ones(1, 8, 8))
    assert weights[1, 0, 2, 2] > 3 * weights[1, 0, 6, 6]
    torch.testing.assert_close(weights.mean(dim=(1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(detail_weights(torch.zeros(1, 4, 8, 8), torch.ones(1), 1.0), torch.ones(1, 1, 8, 8))


def _names(scene: Scene) -> tuple[Seen, ...]:
    picture = picture_of(describe(scene))
    assert picture is not None
    return tuple(picture.things)
