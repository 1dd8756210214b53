"""Requirements of a picture: when each holds, and that they travel as JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from omniagent.shapes.evaluation.oracle_report import truth_of
from omniagent.shapes.oracle.judge import right
from omniagent.shapes.scene.reading import Found, Reading, Unreadable
from omniagent.shapes.scene.world import Item, Scene
from omniagent.shapes.words.requirements import Group, Kept, Relation, Wanted, judge_reading


def found(shape: str = "circle", colour: str = "red", x: float = 64, y: float = 64, **more: object) -> Found:
    return Found.model_validate(
        {"shape": shape, "colour": colour, "fill": "solid", "x": x, "y": y, "radius": 10, "size": "small", **more}
    )


def reading(*objects: Found, background: str = "white") -> Reading:
    return Reading(background=background, objects=objects)


def holding(seen: Reading | Unreadable, wanted: Wanted) -> dict[str, bool]:
    return {one.requirement: one.holds for one in judge_reading(seen, wanted)}


def test_a_group_wants_exactly_its_count():
    wanted = Wanted(groups=(Group(count=2, colour="red", shape="circle"),))
    one, two = found(x=20), found(x=60)
    assert holding(reading(one, two), wanted) == {"there is a red circle": True, "exactly 2 red circle": True}
    assert holding(reading(one), wanted) == {"there is a red circle": True, "exactly 2 red circle": False}
    assert not right(judge_reading(reading(one, two, found(x=100)), wanted))
    assert holding(reading(), wanted) == {"there is a red circle": False, "exactly 2 red circle": False}


def test_a_word_left_out_fits_anything_and_an_unknown_word_fits_none():
    anything = Wanted(groups=(Group(count=1),))
    odd = found(shape="unknown", colour="unknown")
    assert right(judge_reading(reading(odd), anything))
    assert not right(judge_reading(reading(odd), Wanted(groups=(Group(count=1, shape="circle"),))))


def test_a_group_of_none_forbids():
    wanted = Wanted(groups=(Group(count=0, shape="star"),))
    assert right(judge_reading(reading(found()), wanted))
    assert not right(judge_reading(reading(found("star")), wanted))


def test_total_counts_what_nobody_asked_for():
    wanted = Wanted(groups=(Group(shape="circle"),), total=1)
    assert right(judge_reading(reading(found()), wanted))
    assert holding(reading(found(), found("square", x=20)), wanted)["1 objects in all"] is False


@pytest.mark.parametrize(
    ("name", "x", "y"), [("left of", 20, 64), ("right of", 100, 64), ("above", 64, 20), ("below", 64, 100)]
)
def test_relations_hold_for_every_pair_and_in_one_direction(name: str, x: float, y: float):
    groups = (Group(shape="circle"), Group(count=2, shape="star"))
    wanted = Wanted(groups=groups, relations=(Relation(first=0, name=name, second=1),))
    stars = (found("star", x=63, y=63), found("star", x=66, y=66))
    assert right(judge_reading(reading(found(x=x, y=y), *stars), wanted))
    assert not right(judge_reading(reading(found(x=128 - x, y=128 - y), *stars), wanted))
    assert not right(judge_reading(reading(found(x=64, y=64), *stars), wanted))
    assert not right(judge_reading(reading(*stars), wanted))


def test_inside_needs_a_ring_round_the_object():
    groups = (Group(shape="star"), Group(colour="blue"))
    wanted = Wanted(groups=groups, relations=(Relation(first=0, name="inside", second=1),))
    star = found("star", radius=9)
    assert right(judge_reading(reading(star, found("ring", "blue", radius=21)), wanted))
    assert not right(judge_reading(reading(star, found("circle", "blue", radius=21)), wanted))
    assert not right(judge_reading(reading(star, found("ring", "blue", x=80, radius=21)), wanted))


def test_places_give_way_by_a_few_pixels_only():
    wanted = Wanted(groups=(Group(place="top left"),))
    assert right(judge_reading(reading(found(x=46, y=20)), wanted))
    assert not right(judge_reading(reading(found(x=48, y=20)), wanted))
    assert not right(judge_reading(reading(), wanted))


def test_objects_of_overlapping_groups_are_shared_out_to_fit():
    wanted = Wanted(
        groups=(Group(shape="circle", place="top left"), Group(shape="circle", place="bottom right")),
        relations=(Relation(first=0, name="above", second=1),),
    )
    low, high = found(x=110, y=110), found(x=20, y=20)
    assert right(judge_reading(reading(low, high), wanted))
    assert not right(judge_reading(reading(high, found(x=20, y=40)), wanted))


def test_a_kept_object_may_shift_and_swell_a_little():
    wanted = Wanted(preserved=(Kept(fill="solid", colour="red", shape="circle", x=64, y=64, radius=10),))
    assert right(judge_reading(reading(found(x=70, radius=12.5)), wanted))
    assert not right(judge_reading(reading(found(x=73)), wanted))
    assert not right(judge_reading(reading(found(radius=13.5)), wanted))
    assert not right(judge_reading(reading(found(fill="striped")), wanted))


def test_of_an_unreadable_picture_nothing_holds():
    wanted = Wanted(groups=(Group(count=0, shape="star"), Group()), background="white", total=1)
    judged = judge_reading(Unreadable(reason="a photo"), wanted)
    assert [one.requirement for one in judged] == [one.requirement for one in judge_reading(reading(found()), wanted)]
    assert not any(one.holds for one in judged)


def test_a_scene_meets_a_description_of_itself():
    ring, star = Item("ring", "green", "dotted", 40, 40, 21), Item("star", "red", "solid", 40, 40, 9)
    wanted = Wanted(
        groups=(
            Group(fill="dotted", colour="green", shape="ring", size="large", place="top left"),
            Group(fill="solid", colour="red", shape="star", size="small"),
        ),
        relations=(Relation(first=1, name="inside", second=0),),
        background="black",
        total=2,
    )
    assert right(judge_reading(truth_of(Scene("black", (ring, star))), wanted))


@pytest.mark.parametrize("words", [{"colour": "teal"}, {"shape": "hexagon"}, {"place": "left"}, {"count": -1}])
def test_words_outside_the_world_are_refused(words: dict[str, object]):
    with pytest.raises(ValidationError):
        Group.model_validate(words)


def test_a_relation_must_name_groups_that_exist():
    with pytest.raises(ValidationError, match="names group 1, but there are 1"):
        Wanted(groups=(Group(),), relations=(Relation(first=0, name="above", second=1),))


@given(
    st.builds(
        Wanted,
        groups=st.lists(
            st.builds(Group, count=st.integers(0, 6), colour=st.sampled_from(["red", "blue", None])),
            min_size=1,
            max_size=3,
        ).map(tuple),
        background=st.sampled_from(["white", None]),
        total=st.integers(0, 6) | st.none(),
        preserved=st.just((Kept(fill="dotted", colour="pink", shape="ring", x=1.5, y=2.25, radius=9.5),)),
    )
)
def test_requirements_travel_as_json(wanted: Wanted):
    assert Wanted.model_validate_json(wanted.model_dump_json()) == wanted
