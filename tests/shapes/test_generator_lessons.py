"""What the generator learns from: changes in a row, layouts of plans, and the shares of a mix."""

import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from omniagent.model.training.dit import Example, LatentPool, detail_weights
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.painting import examples
from omniagent.shapes.painting.changes import chained_changes
from omniagent.shapes.painting.examples import PaintingMix, painting_examples
from omniagent.shapes.painting.laid_out import scene_of_layout
from omniagent.shapes.painting.own_pictures import Pictures, faults_of, seen_in
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, holds, random_scene
from omniagent.shapes.tasks.task import draw_task, some_scene
from omniagent.shapes.words.phrases import describe, held_by, located
from omniagent.tools.dialects.listed.cells import WHERE, middle_of
from omniagent.tools.dialects.listed.changes.grounding import grounded
from omniagent.tools.dialects.listed.changes.wishes import Target, Wish, looks_in
from omniagent.tools.dialects.listed.draws.scene import Things
from omniagent.tools.dialects.listed.notation import names_in, print_background, print_presence, print_total


def _chains(number: int, wanted: int = 40) -> list[tuple[Scene, str, Scene]]:
    found: list[tuple[Scene, str, Scene]] = []
    seed = 0
    while len(found) < wanted:
        rng = np.random.default_rng([seed, number])
        seed += 1
        scene = some_scene(rng)
        made = chained_changes(rng, scene, number)
        if made is not None:
            found.append((scene, made.words, made.after))
    return found


def _steps(words: str) -> list[str]:
    """The changes of a chain; a swap has an "and" of its own."""
    return re.split(r" and (?!the )", words)


def _looking(words: str) -> Things:
    """The thing of a phrase whose last word is its noun; without a fill it is a solid one."""
    looks = looks_in(words)
    return replace(looks, shape=words.split()[-1], fill=looks.fill or "solid")


def _wish(step: str) -> Wish:
    """The change of a step, as the listed dialect has it when a person asks for it."""
    named = [Target(_looking(" ".join([*one.properties, one.noun])), one.place) for one in names_in(step)]
    cell = next((cell for cell in WHERE if step.endswith(f" {middle_of(cell)}")), None)
    match step.split()[0], step.split()[-1]:
        case "add", _:
            return Wish("add", looks=_looking(step.partition(" at ")[0]), place=cell)
        case "make", new if named:
            return Wish("restyle", named[0], looks=looks_in(new))
        case "make", ground:
            return Wish("background", ground=ground)
        case "turn", shape:
            return Wish("reshape", named[0], shape=shape)
        case "move", _:
            return Wish("move", named[0], place=cell)
        case "swap", _:
            return Wish("swap", named[0], named[1])
        case _:
            return Wish("remove", named[0])


@pytest.mark.parametrize("number", [1, 2, 4])
def test_each_change_of_a_chain_names_what_the_ones_before_have_left(number: int) -> None:
    for scene, words, after in _chains(number):
        steps = _steps(words)
        assert len(steps) == number and after != scene
        told = grounded([_wish(step) for step in steps], describe(scene), words)
        # The listed dialect makes the same changes in the same words, and what it then looks for is the scene's.
        assert told is not None and told.change == words
        asked = [one.question for one in told.checklist]
        seen = [print_presence(located(item)) for item in after.items]
        assert Counter(asked) == Counter([*seen, print_background(after.background), print_total(len(after.items))])


def test_changes_leave_what_a_ring_holds_plain_and_of_another_colour_than_the_ring() -> None:
    changed: Counter[str] = Counter()
    for seed in range(400):
        rng = np.random.default_rng(seed)
        scene = random_scene(rng, 4, inside=1.0, repeat=0.6)
        made = chained_changes(rng, scene, 3)
        for item in made.after.items if made else ():
            ring = held_by(item, made.after.items) if made else None
            if ring is not None:
                assert item.fill == "solid" and item.colour != ring.colour, made
                changed.update(one for one, now in (("inner", item), ("ring", ring)) if now not in scene.items)
    assert changed["inner"] > 20 and changed["ring"] > 20


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """The scenes of examples in the order in which they would be drawn; the pictures are blank."""
    scenes: list[Scene] = []

    def note(scene: Scene) -> Pictures:
        scenes.append(scene)
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(examples, "render", note)
    return scenes


def test_an_object_keeps_its_pattern_through_the_changes_made_of_its_picture(shown: list[Scene]) -> None:
    made = painting_examples(4, 400, PaintingMix(edits=1.0, references=0.0, several=0.5))(0)
    kept: Counter[str] = Counter()
    for source, target in zip(shown[::2], shown[1::2], strict=True):
        if not any(any(item.phase) for item in source.items):
            continue
        for item in target.items:
            # Objects are told apart by their radii, which are drawn at random.
            same = [one for one in source.items if one.radius == item.radius]
            if len(same) == 1:
                assert item.phase == same[0].phase
                kept["moved" if (item.x, item.y) != (same[0].x, same[0].y) else "placed"] += 1
                kept["held"] += held_by(item, target.items) is not None
    assert len(shown) == 2 * len(made) and kept["placed"] > 200 and kept["moved"] > 20 and kept["held"] > 10


def test_changes_at_once_leave_a_picture_that_can_be_read_and_shows_them() -> None:
    for _, _, after in _chains(3, 8):
        seen = seen_in(render(after))
        assert seen is not None and faults_of(seen, after) == []


def test_a_thing_may_change_twice_and_all_of_a_shape_alike() -> None:
    chains = [_steps(words) for _, words, _ in _chains(3, 150)]
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


def test_examples_follow_their_shares(shown: list[Scene]) -> None:
    mix = PaintingMix(edits=0.5, references=0.1, several=1.0, hard=0.5, planned=0.5)
    made = painting_examples(3, 120, mix)(0)
    edits = [one for one in made if len(one.references) == 1 and one.instruction[:4] not in ("draw", "imag")]
    assert 35 < len(edits) < 85 and sum(" and " in one.instruction for one in edits) > 12
    assert sum(not one.references for one in made) > 30
    assert len(shown) == sum(1 + len(one.references) for one in made)


def test_worn_are_the_pictures_that_are_changed_and_never_the_result() -> None:
    plain, worn = (painting_examples(3, 12, PaintingMix(0.7, 0.3, worn=share))(0)[0] for share in (0.0, 1.0))
    assert plain.instruction == worn.instruction and np.array_equal(plain.target, worn.target)
    assert plain.references and not np.array_equal(plain.references[0], worn.references[0])


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
