"""The listed notation: what is printed is read back as it was, and prose is read as nothing."""

from collections import Counter

import numpy as np
import pytest

from omniagent.shapes.scene.world import Item, Scene
from omniagent.shapes.tasks.task import Kind, sample_task
from omniagent.shapes.words.phrases import describe, grid_word, layout_of, reading_order
from omniagent.tools.dialects.listed.layouts import layout_as_counted
from omniagent.tools.dialects.listed.names import named_as_seen
from omniagent.tools.dialects.listed.notation import (
    INSIDE,
    Counted,
    Name,
    names_in,
    print_background,
    print_count,
    print_description,
    print_layout,
    print_name,
    print_presence,
    print_total,
    read_count,
    read_description,
    read_layout,
    read_presence,
)

PLANS = 2_000
DRAWN: tuple[Kind, ...] = ("draw", "edit", "reference")
PROSE = (
    "A kitchen in morning light: cat at the window; dog at the door; bowl at the door",
    "Watercolour, evening: sailing boat at the horizon; lighthouse at the left; gull at the top",
    "put the dog (brown) from image 1 on the sofa of image 2",
    "a cosy room with two red chairs",
    "",
)


def name_from(item: Item) -> Name:
    """The name that an item's description has to be read as."""
    words = [item.colour, *([] if item.fill == "solid" else [item.fill]), *([item.size] if item.size else [])]
    text = f"{item.shape} ({' '.join(words)}, {grid_word(item)})"
    return Name(item.shape, frozenset(words), grid_word(item), text)


def whole_layout(scene: Scene | None) -> str:
    return "" if scene is None else layout_of(scene, range(len(scene.items)))


@pytest.mark.slow
def test_two_thousand_plans_are_read_back_as_they_were_printed() -> None:
    read: Counter[str] = Counter()
    for seed in range(PLANS):
        kind = DRAWN[seed % len(DRAWN)]
        task = sample_task(np.random.default_rng([77, seed]), kind)
        for seen, scene in zip(task.plan.seen, task.scenes, strict=True):
            names = read_description(seen)
            assert names == tuple(name_from(item) for item in reading_order(scene.items)), seen
            assert print_description(scene.background, [name.text for name in names]) == seen
            read["descriptions"] += 1
            for name in names:
                found = names_in(f"make the {name.text} from image 1 smaller")
                assert found == (name,)
                details, _, place = name.text.removesuffix(")").partition(" (")[2].partition(", ")
                assert print_name(name.noun, details, place) == name.text
                assert read_presence(print_presence(name.text)) == name.text
                read["names"] += 1
        for told in filter(None, (task.plan.instruction, whole_layout(task.target))):
            layout = read_layout(told)
            if ": " not in told:
                assert layout is None
                continue
            assert layout is not None, told
            ground = layout.head.removeprefix("draw").removeprefix(" on a ").removesuffix(" background") or None
            assert print_layout(ground, [(" ".join(spot.words), spot.place) for spot in layout.spots]) == told
            read["layouts"] += 1
            read[INSIDE] += any(spot.place == INSIDE for spot in layout.spots)
        for line in task.plan.checklist:
            count, name = read_count(line.question), read_presence(line.question)
            assert (count is not None) == (line.kind == "count") and not (count and name)
            if count is not None and count.total:
                assert print_total(count.number) == line.question
                read["totals"] += 1
            elif count is not None:
                single = count.phrase if count.number == 1 else count.phrase.removesuffix("s")
                assert print_count(count.number, single) == line.question
                read["counts"] += 1
            elif name is not None:
                assert print_presence(name) == line.question and len(names_in(name)) == 1
                read["presence"] += 1
    assert min(read[what] for what in ("descriptions", "names", "layouts", "counts", "totals", "presence")) > 500
    assert read[INSIDE] > 50


def test_what_a_scene_is_described_as_is_read_as_its_objects() -> None:
    for seed in range(200):
        scene = sample_task(np.random.default_rng([78, seed]), "draw").target
        assert scene is not None
        names = read_description(describe(scene)) or ()
        assert Counter(name.noun for name in names) == Counter(item.shape for item in scene.items)


@pytest.mark.parametrize("number", range(1, 10))
def test_every_number_of_things_is_read_as_the_number_that_was_printed(number: int) -> None:
    plural = "" if number == 1 else "s"
    assert read_count(print_count(number, "small blue star")) == Counted(number, f"small blue star{plural}", False)
    assert read_count(print_total(number)) == Counted(number, f"object{plural} in total", True)
    assert read_count(print_background("white")) is None


@pytest.mark.parametrize("words", PROSE)
def test_prose_is_read_as_nothing_of_the_notation(words: str) -> None:
    assert read_description(words) is None
    assert read_layout(words) is None
    asked = ["Is there exactly 1 cat?", "Are there exactly 1 objects in total?"]
    assert layout_as_counted(words, asked) == named_as_seen(words, [words]) == words
    assert read_count(words) is None and read_presence(words) is None


def test_a_name_keeps_its_own_words_however_its_properties_are_ordered() -> None:
    first, second = names_in("star (blue striped small, left) star (small blue striped, left)")
    assert (first.noun, first.properties, first.place) == (second.noun, second.properties, second.place)
    assert first.text != second.text
