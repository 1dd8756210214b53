"""Lessons of the MLLM: describe, judge, answer, plan and repair, in exactly the prompts that the tools send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from omniagent.model.requests import Prompt
from omniagent.model.training.captions import Caption
from omniagent.model.training.lesson_packing import Lesson, LessonBatch
from omniagent.shapes.painting.own_pictures import Gallery, Painting, faults_of
from omniagent.shapes.said.for_lessons import OtherWords, PlanKind
from omniagent.shapes.scene.data import rng_for
from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    SHAPES,
    SIZES,
    SPOTS,
    Scene,
    Split,
    spot_of,
)
from omniagent.shapes.tasks.questions import random_question
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import Kind, ShapesTask, draw_task, sample_task, some_scene
from omniagent.shapes.training.desk import Desk, crowd, train_scene
from omniagent.shapes.words.draws import groups_of, wanted_of
from omniagent.shapes.words.phrases import checklist, describe, held_by, layout_of, new_in
from omniagent.shapes.words.requirements import Wanted
from omniagent.shapes.words.sought import Sought
from omniagent.shapes.words.statements import object_statements, statements, truth_of
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.dialects.listed import prompts

TOPIC_WEIGHTS = {"plan": 4.0, "plan_seen": 3.0}
"""A plan is right only as a whole, and most of its tokens are easy."""

_BLANK = Image.new("RGB", (1, 1))


def describe_lesson(scene: Scene, shown: int) -> Lesson:
    """The whole scene in words."""
    return Lesson("describe", prompts.describe_prompt(_BLANK), (shown,), (("", describe(scene)),))


def near_scene(rng: np.random.Generator, scene: Scene) -> Scene:
    """What a person wanted who got this scene: the same, one with a difference, or something else."""
    draw = rng.random()
    other = scene if draw < 0.4 else random_fault(rng, scene).scene if draw < 0.9 else some_scene(rng)
    return other if other.items and other.split == scene.split else scene


def verdict_lesson(rng: np.random.Generator, scene: Scene, shown: int) -> Lesson:
    """Checklist questions about one picture, some asked the other way round."""
    wanted = [wanted_of(rng, near_scene(rng, scene)) for _ in range(2)]
    return _verdicts(rng, scene, shown, wanted, near_scene(rng, scene))


def painted_verdict(rng: np.random.Generator, painting: Painting, others: Sequence[Painting], shown: int) -> Lesson:
    """Questions about a painted picture: what was wanted of it, and at times what was wanted of another."""
    other = others[int(rng.integers(len(others)))] if rng.random() < 0.15 else painting
    return _verdicts(rng, painting.seen, shown, [painting.wanted, other.wanted], other.target)


def _verdicts(
    rng: np.random.Generator, scene: Scene, shown: int, wanted: Sequence[Wanted], other: Scene, most: int = 12
) -> Lesson:
    """Questions about the scene: on what was wanted, and on the single objects of an `other` scene."""
    once = {s.question: s for one in wanted for s in statements(rng, scene, one)}
    once |= {s.question: s for s in object_statements(rng, scene, other)}
    asked = list(once.values())
    chosen = [asked[int(i)] for i in rng.permutation(len(asked))[:most]]
    endings: list[tuple[str, str]] = []
    for one in chosen:
        if rng.random() < 0.15:
            endings.append((prompts.negated_question(one.question), "no" if one.true else "yes"))
        else:
            endings.append((prompts.verdict_question(one.question), "yes" if one.true else "no"))
    prompt = prompts.verdict_prompt(_BLANK, describe(scene))
    facts = tuple(one.fact for one in chosen)
    return Lesson("verdict", prompt, (shown,), tuple(endings), closed=False, facts=facts)


def answer_lesson(rng: np.random.Generator, scene: Scene, shown: int, other_words: OtherWords | None = None) -> Lesson:
    """Free questions with short answers, some of them in other people's words."""
    made = [random_question(rng, scene) for _ in range(3)]
    if other_words is not None:
        made = [other_words.question(question, scene) for question in made]
    asked = [prompts.answer_prompt(q.text, [_BLANK], [describe(scene)]) for q in made]
    prefix = Prompt(system=asked[0].system, parts=asked[0].parts[:-1])
    endings = tuple((str(prompt.parts[-1]), q.answer) for prompt, q in zip(asked, made, strict=True))
    return Lesson("answer", prefix, (shown,), endings)


def plan_lesson(task: ShapesTask, shown: tuple[int, ...]) -> Lesson:
    """The plan of a task."""
    prompt = prompts.plan_prompt(task.instruction, [_BLANK] * len(shown))
    topic = "plan_seen" if task.kind in ("edit", "reference") else "plan"
    return Lesson(topic, prompt, shown, (("", task.plan.model_dump_json()),), stressed=new_in(task.plan))


class _Case(NamedTuple):
    """What was wanted and told the generator, a picture at fault, its repair, and whether one place mends it."""

    wanted: Wanted
    sought: tuple[Sought, ...]
    instruction: str
    seen: Scene
    repair: str
    local: bool


def _asked(rng: np.random.Generator, split: Split) -> _Case:
    while True:
        if rng.random() < 0.3:
            task = sample_task(rng, "edit", split)
            assert task.target is not None and task.wanted is not None
            # The plan of an edit asks for its objects one by one, and for no relation.
            wanted = task.wanted.model_copy(update={"relations": ()})
            scene, sought, instruction = task.target, task.sought, task.plan.told
            if rng.random() < 0.4:
                return _Case(wanted, sought, instruction, task.scenes[0], instruction, True)
        else:
            scene, sought = train_scene(rng, split), ()
            wanted = wanted_of(rng, scene)
            order = [scene.items.index(item) for _, members in groups_of(scene) for item in members]
            instruction = layout_of(scene, order)
        fault = random_fault(rng, scene)
        second = random_fault(rng, fault.scene) if fault.scene.items and rng.random() < 0.15 else None
        seen = (second or fault).scene
        if seen.items and seen.split == split:
            return _Case(wanted, sought, instruction, seen, (second or fault).repair, second is None)


def _said(rng: np.random.Generator, true: bool) -> str:
    return "unsure" if rng.random() < 0.04 else "yes" if true else "no"


def repair_lesson(rng: np.random.Generator, desk: Desk, split: Split) -> Lesson:
    """A picture with a fault, its checklist with verdicts, and the repair."""
    case = _asked(rng, split)
    prompt = prompts.repair_prompt(_BLANK, case.instruction, _judged(rng, case.seen, case.wanted, case.sought))
    scope = "local" if case.local else "global"
    draft = RepairDraft(seen=describe(case.seen), instruction=case.repair, scope=scope)
    return Lesson("repair", prompt, (desk.show(case.seen),), (("", draft.model_dump_json()),))


def _judged(rng: np.random.Generator, seen: Scene, wanted: Wanted, sought: Sequence[Sought]) -> list[tuple[str, str]]:
    """The checklist with its verdicts on a picture."""
    truth = truth_of(seen, wanted, sought)
    drafts = checklist(wanted, [one.draft for one in sought])
    return [(d.question, _said(rng, truth.get(d.question, False))) for d in drafts]


def painted_repair(rng: np.random.Generator, painting: Painting, shown: int) -> Lesson | None:
    """The repair of a painted picture; None where nothing that was wanted is wrong."""
    faults = faults_of(painting.seen, painting.target)
    if not faults or all(truth_of(painting.seen, painting.wanted, painting.sought).values()):
        return None
    lines = _judged(rng, painting.seen, painting.wanted, painting.sought)
    prompt = prompts.repair_prompt(_BLANK, painting.instruction, lines)
    scope = "local" if len(faults) == 1 else "global"
    draft = RepairDraft(seen=describe(painting.seen), instruction=faults[0], scope=scope)
    return Lesson("repair", prompt, (shown,), (("", draft.model_dump_json()),))


_SIZES = (None, *SIZES)
CAPTION_CLASSES = (
    len(_SIZES), len(FILLS), len(COLOURS), len(SHAPES), len(SPOTS), len(SPOTS), len(BACKGROUNDS),
)  # fmt: skip


def caption_of(scene: Scene, order: Sequence[int]) -> Caption:
    """The generator's instruction for a scene, with what each of its phrases names and on what background."""
    text = layout_of(scene, order)
    items = [scene.items[i] for i in order]
    outer = [item for item in items if held_by(item, items) is None]
    told = [one for item in outer for one in (item, *(i for i in items if held_by(i, items) is item))]
    ground = list(BACKGROUNDS).index(scene.background)
    at = text.index(":")
    ends: list[int] = []
    classes: list[tuple[int, ...]] = []
    for item in told:
        stop = text.find(";", at + 1)
        at = len(text) if stop < 0 else stop
        ends.append(at)
        kind = (_SIZES.index(item.size), FILLS.index(item.fill), list(COLOURS).index(item.colour))
        column, row = spot_of(item.x, item.y).split()
        classes.append((*kind, SHAPES.index(item.shape), SPOTS.index(column), SPOTS.index(row), ground))
    return Caption(text, tuple(ends), tuple(classes))


def _caption(rng: np.random.Generator, split: Split) -> Caption:
    draw = rng.random()
    if draw < 0.25:
        kind: Kind = "edit" if draw < 0.18 else "reference"
        return Caption(sample_task(rng, kind, split).plan.told, (), ())
    scene = train_scene(rng, split)
    return caption_of(scene, rng.permutation(len(scene.items)).tolist())


@dataclass(frozen=True)
class LessonMix:
    """How many lessons of each kind make one batch: `scenes` pictures are described, judged and asked about.

    `said` is the share of plans and answers whose requests are in other people's words; `said_outside` that of requests
    outside the world among those of them that come without a picture of the world.
    """

    scenes: int = 8
    plans: int = 8
    seen_plans: int = 4
    repairs: int = 3
    captions: int = 8
    painted: int = 0
    said: float = 0.0
    said_outside: float = 0.24


def lesson_batches(
    seed: int, mix: LessonMix | None = None, *, split: Split = "train", paintings: Gallery | None = None
) -> Callable[[int], LessonBatch]:
    """Batches of all lessons in the given mix; `paintings` are the generator's own, for those that are `painted`."""
    mix = mix or LessonMix()

    def make(step: int) -> LessonBatch:
        rng = rng_for(seed, step, f"lessons-{split}")
        desk = Desk(rng)
        others = OtherWords(rng_for(seed, step, f"said-{split}"), split, mix.said, mix.said_outside)
        groups: dict[str, list[Lesson]] = {}

        def keep(lesson: Lesson) -> None:
            groups.setdefault(lesson.topic, []).append(lesson)

        for _ in range(mix.scenes):
            scene = train_scene(rng, split)
            shown = desk.show(scene)
            keep(describe_lesson(scene, shown))
            keep(verdict_lesson(rng, scene, shown))
            keep(answer_lesson(rng, scene, shown, others))
        if paintings is not None:
            paintings.look_again()
        for _ in range(mix.painted if paintings is not None and paintings.all else 0):
            assert paintings is not None
            # A critic that sees little but failures learns to say no.
            drawn = paintings.clear if paintings.clear and rng.random() < 0.55 else paintings.all
            painting = drawn[int(rng.integers(len(drawn)))]
            shown = desk.keep(painting.picture)
            keep(describe_lesson(painting.seen, shown))
            keep(painted_verdict(rng, painting, paintings.all, shown))
            if (lesson := painted_repair(rng, painting, shown)) is not None:
                keep(lesson)
        kinds: tuple[tuple[PlanKind, int], ...] = (("text", mix.plans), ("seen", mix.seen_plans))
        for kind, number in kinds:
            for _ in range(number):
                choice: tuple[Kind, ...] = ("draw", "outside", "question") if kind == "text" else ("edit", "reference")
                p = [0.75, 0.17, 0.08] if kind == "text" else [0.62, 0.38]
                task = others.plan(kind)
                if task is None:
                    kind_of_task = choice[int(rng.choice(len(choice), p=p))]
                    many = kind_of_task == "draw" and rng.random() < 0.5
                    task = draw_task(rng, crowd(rng, split)) if many else sample_task(rng, kind_of_task, split)
                keep(plan_lesson(task, tuple(desk.show(scene) for scene in task.scenes)))
        for _ in range(mix.repairs):
            keep(repair_lesson(rng, desk, split))
        pictures = torch.from_numpy(np.stack(desk.pictures)) if desk.pictures else torch.empty(0)
        told = tuple(_caption(rng, split) for _ in range(mix.captions))
        return LessonBatch(pictures, tuple(tuple(group) for group in groups.values()), told)

    return make
