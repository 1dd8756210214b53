"""The lexicon's data: each way of saying a thing has one meaning, and a part of them is held out."""

from collections import Counter

import pytest

from omniagent.model.errors import BadSetting
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, RELATIONS, SHAPES, SIZES
from omniagent.tools.dialects.listed import lexicon
from omniagent.tools.dialects.listed.lexicon import Lexicon

WORLD = {
    "sizes": SIZES,
    "fills": FILLS,
    "colours": tuple(COLOURS),
    "shapes": SHAPES,
    "backgrounds": tuple(BACKGROUNDS),
    "relations": RELATIONS,
}
FULL = lexicon.load()
SHARED = lexicon.load(held_out=False)


def every(book: Lexicon) -> list[tuple[str, str]]:
    return [(category, canonical) for category in book.categories for canonical in book.canonicals(category)]


@pytest.mark.parametrize("category", WORLD)
def test_every_word_of_the_world_has_ways_in_which_people_say_it(category: str) -> None:
    for word in WORLD[category]:
        assert len(FULL.ways(category, word)) >= 8, word


def test_no_way_of_saying_a_thing_has_two_meanings() -> None:
    said = Counter(
        way.lower() for one in every(FULL) for way in {*FULL.ways(*one), *FULL.near_ways(*one), *FULL.known(*one)}
    )
    own = {word.lower() for one in every(FULL) for word in FULL.known(*one)}
    assert [way for way, times in said.items() if times > 1 and way not in own] == []
    assert [way for one in every(FULL) for way in (*FULL.ways(*one), *FULL.near_ways(*one)) if way in own] == []


def test_what_is_held_out_is_read_by_the_shipped_lexicon_alone() -> None:
    for one in every(FULL):
        held = set(FULL.held_out_ways(*one))
        assert held <= set(FULL.ways(*one)) and held.isdisjoint(SHARED.ways(*one))
        assert set(SHARED.ways(*one)) | held == set(FULL.ways(*one))


def test_about_a_fifth_of_the_ways_to_say_each_thing_is_held_out() -> None:
    for category in FULL.categories:
        ways = [len(FULL.ways(category, one)) for one in FULL.canonicals(category)]
        held = [len(FULL.held_out_ways(category, one)) for one in FULL.canonicals(category)]
        assert 0.07 <= sum(held) / sum(ways) <= 0.3, category
    assert sum(len(FULL.ways(*one)) for one in every(FULL)) > 1_500


def test_a_name_that_the_lexicon_lacks_is_said_with_those_that_it_has() -> None:
    with pytest.raises(BadSetting, match="give one of sizes"):
        FULL.canonicals("flavours")
    with pytest.raises(BadSetting, match="give one of circle"):
        FULL.ways("shapes", "cube")
