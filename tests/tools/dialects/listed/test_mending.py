"""Repairs by comparing what was seen with what is asked for: done as told, they make the failed lines hold."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniagent.model.profile import CriticProfile
from omniagent.model.scripted import picture_for
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.listed.cells import WHERE, middle_of
from omniagent.tools.dialects.listed.changes.pictures import Seen
from omniagent.tools.dialects.listed.draws.parts import COLOURS, FILLS, SHAPES, SIZES
from omniagent.tools.dialects.listed.mending import mended
from omniagent.tools.dialects.listed.notation import (
    print_background,
    print_description,
    print_presence,
    print_total,
)
from omniagent.tools.types import Verdict
from tests.tools.dialects.plain.consultations import ScriptedConsultation

GROUNDS = ("white", "black", "gray")
SPOTS = {middle_of(cell): cell for cell in WHERE}


@st.composite
def scenes(draw: st.DrawFn) -> list[Seen]:
    """One to five things in places of their own."""
    cells = draw(st.lists(st.sampled_from(sorted(WHERE)), min_size=1, max_size=5, unique=True))
    fills = sorted({word for word in FILLS.values() if word != "solid"})
    return [
        Seen(
            draw(st.sampled_from(sorted(SHAPES))),
            draw(st.sampled_from(sorted(COLOURS))),
            draw(st.sampled_from([None, *fills])),
            draw(st.sampled_from([None, "small", "large"])),
            cell,
        )
        for cell in cells
    ]


def lines_of(ground: str, wanted: list[Seen], shown: str, seen: list[Seen]) -> list[tuple[str, str]]:
    """The checklist of a scene with the answers that are right of another."""

    def there(thing: Seen) -> bool:
        return any(one == replace(thing, size=thing.size or one.size) for one in seen)

    lines = [(print_presence(one.name), "yes" if there(one) else "no") for one in wanted]
    lines.append((print_background(ground), "yes" if ground == shown else "no"))
    lines.append((print_total(len(wanted)), "yes" if len(wanted) == len(seen) else "no"))
    return lines


def done(told: str, ground: str, seen: list[Seen]) -> tuple[str, list[Seen]]:
    """What a picture shows after the changes, each made to the one thing that it names."""
    things = list(seen)
    for step in re.split(r" and (?=(?:make|turn|move|add|remove) )", told):
        if (found := re.fullmatch(r"make the background (\w+)", step)) is not None:
            ground = found[1]
            continue
        if (found := re.fullmatch(r"add an? ([\w ]+) at (\w \w)", step)) is not None:
            words = found[1].split()
            size = next((word for word in words if word in SIZES), None)
            fill = next((word for word in words if word in FILLS), None)
            things.append(Seen(words[-1], words[-2], fill, size, SPOTS[found[2]]))
            continue
        found = re.fullmatch(r"(make|turn|move|remove) the (\w+ \([^()]+\))(?: (?:into an? |to )?(.+))?", step)
        assert found is not None, step
        at = next(number for number, one in enumerate(things) if one.name == found[2])
        match found[1]:
            case "remove":
                things.pop(at)
            case "move":
                things[at] = replace(things[at], cell=SPOTS[found[3]])
            case "turn":
                things[at] = replace(things[at], shape=found[3])
            case _:
                field = "size" if found[3] in SIZES else "fill" if found[3] in FILLS else "colour"
                things[at] = replace(things[at], **{field: None if found[3] == "solid" else found[3]})
    return ground, things


@settings(max_examples=300, deadline=None)
@given(scenes(), scenes(), st.sampled_from(GROUNDS), st.sampled_from(GROUNDS))
def test_a_repair_done_as_told_makes_every_line_hold(wanted: list[Seen], seen: list[Seen], ground: str, shown: str):
    lines = lines_of(ground, wanted, shown, seen)
    told = mended(lines, print_description(shown, [one.name for one in seen]))
    assert told is not None and bool(told) == any(answer == "no" for _, answer in lines)
    after, things = done(told, shown, seen) if told else (shown, seen)
    assert {answer for _, answer in lines_of(ground, wanted, after, things)} == {"yes"}, told


SEEN = "white background; star (pink large, centre); star (cyan striped, right)"
LINES = [
    ("Is there a star (pink large, centre)?", "yes"),
    ("Is there a circle (cyan striped small, right)?", "no"),
    ("Is the background white?", "yes"),
    ("Are there exactly 2 objects in total?", "yes"),
]


def test_only_what_failed_is_changed_and_each_change_names_what_the_one_before_left():
    assert mended(LINES, SEEN) == (
        "turn the star (cyan striped, right) into a circle and make the circle (cyan striped, right) small"
    )


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (LINES, "two stars side by side on white"),
        ([*LINES, ("Is the cyan star left of the pink star?", "no")], SEEN),
        ([*LINES, ("Are there exactly 2 stars?", "no")], SEEN),
        ([("Is there a star (pink)?", "no"), ("Is there a ring (red)?", "no")], SEEN),
        ([("Is there a cat (happy, centre)?", "no")], SEEN),
        ([], SEEN),
        ([], ""),
    ],
)
def test_where_comparing_tells_no_repair_the_critic_writes_one(lines: list[tuple[str, str]], seen: str):
    assert mended(lines, seen) is None


def test_what_is_described_as_it_is_asked_for_is_drawn_again_and_not_repaired():
    seen = "white background; star (pink large, centre)"
    assert mended([(LINES[0][0], "no")], seen) == ""
    picture = picture_for("a star", 0, (32, 32))
    judged = [(LINES[0][0], Verdict(requirement="r1", answer="no", probability=0.1))]
    listed = dialect_of(CriticProfile(name="one", dialect="listed"))
    draft = listed.repair(picture, "draw a star", judged, ScriptedConsultation(), seen)
    assert (draft.scope, draft.instruction) == ("global", "draw a star")


def test_the_dialect_asks_its_critic_only_where_comparing_tells_nothing():
    listed = dialect_of(CriticProfile(name="one", dialect="listed"))
    picture = picture_for("two stars", 0, (32, 32))
    judged = [
        (question, Verdict(requirement=f"r{at}", answer="yes" if answer == "yes" else "no", probability=0.5))
        for at, (question, answer) in enumerate(LINES)
    ]
    silent = ScriptedConsultation()
    draft = listed.repair(picture, "two stars", judged, silent, SEEN)
    assert draft.instruction == mended(LINES, SEEN) and draft.scope == "local" and draft.seen == SEEN
    written = ScriptedConsultation('{"seen": "stars", "instruction": "make it a circle", "scope": "local"}')
    assert listed.repair(picture, "two stars", judged, written, "stars").instruction == "make it a circle"
