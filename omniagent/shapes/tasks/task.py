"""Tasks of the shapes world with their truth: what is asked, over which scenes, and what must come out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, Split, holds, random_scene
from omniagent.shapes.tasks.change import Change
from omniagent.shapes.tasks.edits import random_change, said_by_a_person, two_changes
from omniagent.shapes.tasks.outside import outside_request
from omniagent.shapes.tasks.questions import random_question
from omniagent.shapes.tasks.references import Composition, random_composition
from omniagent.shapes.words.arrange import layout_instruction
from omniagent.shapes.words.draws import groups_of, wanted_of
from omniagent.shapes.words.language import draw_request
from omniagent.shapes.words.phrases import checklist, describe, draw_instruction, reading_order
from omniagent.shapes.words.requirements import Group, Kept, Relation, Wanted
from omniagent.shapes.words.sought import Sought, as_it_is
from omniagent.tools.dialects.drafts import PlanDraft

Kind = Literal["draw", "edit", "reference", "question", "outside"]
KINDS: tuple[Kind, ...] = ("draw", "edit", "reference", "question", "outside")
OUTSIDE = PlanDraft(mode="refuse", instruction="outside my domain")


@dataclass(frozen=True)
class ShapesTask:
    """A task, its input scenes, and its truth: target, what must hold, answer, and the plan a reader should make.

    `sought` are the objects that the plan's checklist asks for one by one, where it does. `new_word` is a word of the
    instruction that a lexicon without the test's words does not hold. `essential` are words of the world that an
    instruction in other words says in any case, and that it must not lose where it is read.
    """

    kind: Kind
    instruction: str
    scenes: tuple[Scene, ...]
    plan: PlanDraft
    target: Scene | None = None
    wanted: Wanted | None = None
    answer: str | None = None
    sought: tuple[Sought, ...] = ()
    new_word: str | None = None
    essential: frozenset[str] = frozenset()

    @property
    def images(self) -> list[npt.NDArray[np.uint8]]:
        """The input pictures, (128, 128, 3) uint8 each."""
        return [render(scene) for scene in self.scenes]

    @property
    def split(self) -> Split:
        """Test when any scene is a test scene, else validation when any is, else train."""
        splits = {scene.split for scene in (*self.scenes, *([self.target] if self.target else []))}
        return "test" if "test" in splits else "validation" if "validation" in splits else "train"


def some_scene(rng: np.random.Generator, most: int = 6) -> Scene:
    """A scene with the mix of object numbers that tasks have."""
    weights = np.array([0.2, 0.3, 0.22, 0.14, 0.08, 0.06][:most])
    return random_scene(rng, int(rng.choice(most, p=weights / weights.sum())) + 1)


def draw_task(rng: np.random.Generator, scene: Scene | None = None) -> ShapesTask:
    """A picture from words."""
    scene = scene or some_scene(rng)
    text, wanted = draw_request(rng, wanted_of(rng, scene))
    instruction = layout_instruction(wanted) or draw_instruction(wanted)
    plan = PlanDraft(mode="generate", instruction=instruction, checklist=checklist(wanted))
    return ShapesTask("draw", text, (), plan, scene, wanted)


def kept(scene: Scene, indices: tuple[int, ...]) -> tuple[Kept, ...]:
    """The named objects of a scene as requirements that they stay."""
    items = [scene.items[i] for i in indices]
    return tuple(Kept(fill=i.fill, colour=i.colour, shape=i.shape, x=i.x, y=i.y, radius=i.radius) for i in items)


def _told_order(source: Scene, target: Scene) -> list[int]:
    """The target's objects in the order in which a reader of the source meets them; new ones come last."""
    ranked = reading_order(source.items)
    spots = [(i.x, i.y) for i in ranked]
    kinds = [i.kind for i in ranked]

    def rank(index: int) -> int:
        item = target.items[index]
        same = index < len(source.items) and source.items[index].kind == item.kind
        if same:
            return ranked.index(source.items[index])
        if (item.x, item.y) in spots:
            return spots.index((item.x, item.y))
        return kinds.index(item.kind) if item.kind in kinds else len(ranked)

    return sorted(range(len(target.items)), key=rank)


def whole(source: Scene, target: Scene, placed: dict[int, str], sized: dict[int, str]) -> Wanted:
    """The target scene as requirements: every group, with a place or size where the task asked for one."""
    groups: list[Group] = []
    ordered = Scene(target.background, tuple(target.items[i] for i in _told_order(source, target)))
    for group, members in groups_of(ordered):
        index = target.items.index(members[0])
        single = len(members) == 1
        update = {"size": sized.get(index) if single else None, "place": placed.get(index) if single else None}
        groups.append(group.model_copy(update=update))
    return Wanted(groups=tuple(groups), background=target.background, total=len(target.items))


def _sought(source: Scene, target: Scene, placed: dict[int, str], sized: dict[int, str]) -> tuple[Sought, ...]:
    """The target's objects one by one: those of the source as they come to be, new ones as far as was asked."""

    def one(index: int) -> Sought:
        item = target.items[index]
        if item in source.items or any((i.x, i.y) == (item.x, item.y) or i.kind == item.kind for i in source.items):
            return as_it_is(item)
        return Sought(*item.kind, sized.get(index), placed.get(index))

    return tuple(one(index) for index in _told_order(source, target))


def edit_task(rng: np.random.Generator) -> ShapesTask:
    """A change, or two, of one picture."""
    while True:
        scene = some_scene(rng)
        made = two_changes(rng, scene) if rng.random() < 0.15 else random_change(rng, scene)
        if made is not None:
            return edit_of(rng, scene, made)


def edit_of(rng: np.random.Generator, scene: Scene, change: Change) -> ShapesTask:
    """The task of this change of this scene."""
    wanted = whole(scene, change.after, dict(change.placed), dict(change.sized))
    if change.canonical.startswith("swap"):
        wanted = wanted.model_copy(update={"relations": _swapped(scene, change, wanted)})
    sought = _sought(scene, change.after, dict(change.placed), dict(change.sized))
    listed = checklist(wanted.model_copy(update={"relations": ()}), [one.draft for one in sought])
    plan = PlanDraft(mode="edit", seen=(describe(scene),), change=change.canonical, checklist=listed)
    wanted = wanted.model_copy(update={"preserved": kept(scene, change.kept)})
    return ShapesTask("edit", said_by_a_person(rng, change), (scene,), plan, change.after, wanted, sought=sought)


def _swapped(scene: Scene, change: Change, wanted: Wanted) -> tuple[Relation, ...]:
    """The clearest relation of the two exchanged objects, when each is alone of its kind."""
    a, b = (change.after.items[i] for i in range(len(scene.items)) if i not in change.kept)
    names = [(g.fill, g.colour, g.shape) for g in wanted.groups]
    first, second = names.index(a.kind), names.index(b.kind)
    if first == second or wanted.groups[first].count + wanted.groups[second].count > 2:
        return ()
    order = ("left of", "right of", "above", "below") if abs(a.x - b.x) > abs(a.y - b.y) else ("above", "below")
    return tuple(Relation(first=first, name=n, second=second) for n in order if holds(n, a, b))[:1]


def reference_task(rng: np.random.Generator) -> ShapesTask:
    """A picture put together from one to three pictures."""
    while True:
        number = int(rng.choice([1, 2, 3], p=[0.15, 0.6, 0.25]))
        scenes = tuple(some_scene(rng, 3) for _ in range(number))
        made = random_composition(rng, scenes)
        if made is not None:
            return reference_of(scenes, made)


def reference_of(scenes: tuple[Scene, ...], made: Composition) -> ShapesTask:
    """The task of this composition of these scenes."""
    wanted = made.wanted
    sought = tuple(Sought(item.fill, item.colour, item.shape) for item in made.target.items)
    relations = wanted
    if made.base is not None:
        placed = {len(made.target.items) - 1: str(wanted.groups[0].place)}
        sought = _sought(made.base, made.target, placed, {})
        relations = whole(made.base, made.target, placed, {})
        everything = tuple(range(len(made.base.items)))
        wanted = relations.model_copy(update={"preserved": kept(made.base, everything)})
    plan = PlanDraft(
        mode="compose",
        seen=tuple(describe(s) for s in scenes),
        change=made.canonical,
        checklist=checklist(relations, [one.draft for one in sought]),
    )
    return ShapesTask("reference", made.said, scenes, plan, made.target, wanted, sought=sought)


def question_task(rng: np.random.Generator) -> ShapesTask:
    """A question about one picture."""
    scene = some_scene(rng)
    question = random_question(rng, scene)
    plan = PlanDraft(mode="answer", instruction="answer the question")
    return ShapesTask("question", question.text, (scene,), plan, answer=question.answer)


def outside_task(rng: np.random.Generator) -> ShapesTask:
    """A task outside the domain, sometimes with a picture."""
    scenes = (some_scene(rng),) if rng.random() < 0.3 else ()
    return ShapesTask("outside", outside_request(rng), scenes, OUTSIDE)


_MAKERS = {
    "draw": draw_task,
    "edit": edit_task,
    "reference": reference_task,
    "question": question_task,
    "outside": outside_task,
}


def sample_task(rng: np.random.Generator, kind: Kind, split: Split = "train") -> ShapesTask:
    """A random task of the kind that belongs to the split (outside tasks without pictures belong to all)."""
    while True:
        task = _MAKERS[kind](rng)
        if task.split == split or (kind == "outside" and not task.scenes):
            return task
