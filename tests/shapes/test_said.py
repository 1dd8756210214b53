"""Requests in other people's words say what their truth holds, and nothing else."""

import itertools
import re

import numpy as np
import pytest

from omniagent.shapes.evaluation.plans import is_right
from omniagent.shapes.evaluation.suites import SAID_SUITES, tasks_of
from omniagent.shapes.said.draws import slots_of
from omniagent.shapes.said.filling import filled, with_articles
from omniagent.shapes.said.nouns import several
from omniagent.shapes.said.tasks import said_edit, said_task
from omniagent.shapes.said.vocabulary import Speech
from omniagent.shapes.said.voice import PLAIN, Voice
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, SHAPES, SIZES
from omniagent.shapes.tasks.task import KINDS, Kind, ShapesTask
from omniagent.shapes.words.arrange import layout_instruction
from omniagent.shapes.words.frames import all_frames
from omniagent.shapes.words.phrases import NUMBERS, checklist
from omniagent.shapes.words.requirements import Group, Relation, Wanted, judge_reading
from omniagent.tools.types import Plan, Requirement

PLAIN_SPEECH = Speech(share=0.0)


def tasks(kind: Kind, number: int, seed: int = 0, speech: Speech = PLAIN_SPEECH) -> list[ShapesTask]:
    rng = np.random.default_rng(seed)
    return [said_task(rng, kind, speech) for _ in range(number)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_says_the_same_again(kind: Kind):
    assert tasks(kind, 12, 3) == tasks(kind, 12, 3)
    assert tasks(kind, 12, 3) != tasks(kind, 12, 4)


def test_a_background_is_wanted_just_where_it_is_said():
    said = 0
    for task in tasks("draw", 400):
        assert task.wanted is not None
        words = set(re.findall(r"\w+", task.instruction.lower()))
        assert (task.wanted.background is not None) == bool(words & {*BACKGROUNDS, "grey"}), task.instruction
        said += task.wanted.background is not None
    assert 0.3 < said / 400 < 0.5


def test_every_word_that_is_wanted_is_said():
    for task in tasks("draw", 400, 1):
        assert task.wanted is not None
        words = set(re.findall(r"\w+", task.instruction.lower()))
        for group in task.wanted.groups:
            fill = {"striped": {"striped", "stripes"}, "dotted": {"dotted", "dots"}}.get(group.fill or "", words)
            assert {group.shape, f"{group.shape}s"} & words, task.instruction
            assert group.colour is None or group.colour in words, task.instruction
            assert group.size is None or group.size in words, task.instruction
            number = {NUMBERS[group.count], str(group.count), "1" if group.count == 1 else f"{group.count}x"}
            told = number | {f"x{group.count}"} | ({"pair"} if group.count == 2 else set())
            assert group.count == 1 or told & words, task.instruction
            assert fill & words, task.instruction


def test_no_size_or_colour_is_said_that_is_not_wanted():
    for task in tasks("draw", 400, 2):
        assert task.wanted is not None
        if re.search(r"\b(no|not|sorry|wait|actually|rather|mean|oh|hmm)\b", task.instruction.lower()):
            continue
        words = set(re.findall(r"\w+", task.instruction.lower()))
        assert words & {*COLOURS} == {g.colour for g in task.wanted.groups if g.colour}, task.instruction
        assert words & {*SIZES} == {g.size for g in task.wanted.groups if g.size}, task.instruction


@pytest.mark.parametrize("suite", [name for name in SAID_SUITES if name not in ("draw-synonym",)])
def test_suites_in_other_words_hold_test_tasks_that_never_change(suite: str):
    some = tasks_of(suite, limit=4)
    assert some == tasks_of(suite, limit=6)[:4]
    assert all(task.split == "test" for task in some if task.scenes or task.target)


@pytest.mark.parametrize("kind", ["draw", "edit", "reference"])
def test_the_own_plan_of_a_task_counts_as_right_and_another_does_not(kind: Kind):
    some = tasks(kind, 30, 5)
    for task, other in itertools.pairwise(some):
        assert is_right(plan_of(task), task)
        assert not is_right(plan_of(other), task)


def test_another_layout_that_shows_what_is_wanted_is_as_good():
    wanted = Wanted(
        groups=(Group(colour="red", shape="circle", fill="solid"), Group(colour="blue", shape="ring", fill="solid")),
        relations=(Relation(first=0, name="above", second=1),),
        total=2,
    )
    task = next(t for t in tasks("draw", 5))
    lists = checklist(wanted)
    own = task.plan.model_copy(update={"instruction": layout_instruction(wanted), "checklist": lists})
    task = ShapesTask("draw", "a red circle above a blue ring", (), own, task.target, wanted)
    plan = plan_of(task)
    assert is_right(
        plan.model_copy(update={"instruction": "draw on a white background: red circle at d d; blue ring at d m"}), task
    )
    for wrong in ("red circle at d m; blue ring at d d", "red circle at d d; red ring at d m", "red circle at d d"):
        instruction = f"draw on a white background: {wrong}"
        assert not is_right(plan.model_copy(update={"instruction": instruction}), task), wrong


def plan_of(task: ShapesTask) -> Plan:
    listed = tuple(
        Requirement(id=f"r{number}", kind=one.kind, question=one.question)
        for number, one in enumerate(task.plan.checklist, start=1)
    )
    return Plan(mode=task.plan.mode, instruction=task.plan.told, checklist=listed)


def test_targets_of_draws_show_what_is_wanted():
    from omniagent.shapes.evaluation.oracle_report import truth_of

    for task in tasks("draw", 200, 7):
        assert task.target is not None and task.wanted is not None
        assert all(one.holds for one in judge_reading(truth_of(task.target), task.wanted)), task.instruction


def test_two_changes_come_out_in_one_scene_and_one_instruction():
    rng = np.random.default_rng(0)
    made = [said_edit(rng, PLAIN_SPEECH, "train", 2) for _ in range(300)]
    two = [task for task in made if task is not None]
    assert len(two) > 50
    for task in two:
        assert " and " in task.plan.change
        assert task.target is not None and task.target != task.scenes[0]


READ_BY_HAND = [
    # frame, groups, relations, background, what a person says
    ("{a} {ab} {b}", "1 red circle; 2 blue star", "0 above 1", None, "a red circle above two blue stars"),
    (
        "{a}, with {b} {ba} {a.them}",
        "2 red ring; 1 blue star",
        "1 below 0",
        None,
        "two red rings, with a blue star below them",
    ),
    (
        "{a} with {b} on {a.its} {ba.side}",
        "1 red ring; 1 blue star",
        "1 left of 0",
        None,
        "a red ring with a blue star on its left",
    ),
    (
        "two {shapes}, one {a.colour} and one {b.colour}",
        "1 red star; 1 blue star",
        "",
        None,
        "two stars, one red and one blue",
    ),
    (
        "{n} {shapes}, {a.n} {a.colour} and {b.n} {b.colour}",
        "2 red star; 1 blue star",
        "",
        None,
        "three stars, two red and one blue",
    ),
    ("{b} with {a} {ab.in} it", "1 red star; 1 blue ring", "0 inside 1", None, "a blue ring with a red star inside it"),
    ("{a.n} {a.shape}, all of them {a.colour}", "3 pink square", "", None, "three squares, all of them pink"),
    (
        "{bg} background, {all}",
        "1 orange ring; 2 cyan star",
        "",
        "black",
        "black background, an orange ring and two cyan stars",
    ),
    ("{all|; }", "1 orange ring; 2 cyan star", "", None, "an orange ring; two cyan stars"),
    (
        "{a} that {a.is} {ab} {b}",
        "2 red ring; 1 blue star",
        "0 left of 1",
        None,
        "two red rings that are left of a blue star",
    ),
]


@pytest.mark.parametrize(("text", "groups", "relations", "background", "said"), READ_BY_HAND)
def test_frames_are_filled_as_a_person_would_say_it(
    text: str, groups: str, relations: str, background: str | None, said: str
):
    wanted = Wanted(
        groups=tuple(group_of(words) for words in groups.split("; ")),
        relations=tuple(relation_of(words) for words in relations.split("; ") if words),
        background=background,
    )
    frame = next(frame for frame in all_frames() if frame.text == text)
    if frame.letters and frame.letters[0] == "b":
        # Groups stand in the order in which the frame names them.
        wanted = Wanted(groups=wanted.groups[::-1], relations=(Relation(first=1, name="inside", second=0),))
    found = {
        filled(frame, slots_of(np.random.default_rng(seed), Voice(np.random.default_rng(seed), PLAIN), wanted, frame))
        for seed in range(60)
    }
    assert said in found


def group_of(words: str) -> Group:
    count, colour, shape = words.split()
    return Group(count=int(count), fill="solid", colour=colour, shape=shape)


def relation_of(words: str) -> Relation:
    first, *name, second = words.split()
    return Relation(first=int(first), name=" ".join(name), second=int(second))


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("a orange ring", "an orange ring"),
        ("A ellipse", "An ellipse"),
        ("a one", "a one"),
        ("a red ring", "a red ring"),
    ],
)
def test_articles_follow_the_word_after_them(said: str, right: str):
    assert with_articles(said) == right


@pytest.mark.parametrize(
    ("one", "many"),
    [("star", "stars"), ("box", "boxes"), ("circle", "circles"), ("disc", "discs"), ("cross", "crosses")],
)
def test_nouns_have_plurals(one: str, many: str):
    assert several(one) == many
    assert {several(shape) for shape in SHAPES} == {f"{shape}s" for shape in SHAPES}
