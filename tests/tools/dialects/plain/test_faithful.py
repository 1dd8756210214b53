"""The fixed check of a rewrite: nothing that the person said may be missing from it, and nothing counted made up."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from omniagent.tools.dialects.plain.faithful import lost

KEPT = (
    ("A cat", "A fluffy cat sits on a windowsill in soft morning light, seen from the side."),
    ("Can you draw a cat on a roof?", "A cat sits on a tiled roof under an evening sky."),
    ("two red apples", "Two red apples lie on a wooden table in warm light."),
    ("5 dogs playing", "Five dogs are playing in a park."),
    ("Can you make the sky more dramatic?", "Make the sky more dramatic, with heavy clouds."),
    ("what would this look like at night?", "Change the scene to night."),
    ("how about a red hat on the man?", "Add a red hat to the man."),
    ("Could you get rid of the man on the left?", "Remove the man on the left."),
    ('a poster that says "BLUE NOTE"', 'A poster that says "BLUE NOTE" in bold letters on a dark wall.'),
    (
        "the cat from image 1 on the sofa of image 2",
        "Edit the second image: add the cat from the first image on the sofa.",
    ),
    ("women with gray scarves", "Women wear grey scarves on a windy pier."),
    ("a street without cars", "A quiet street without any cars, in the rain."),
    ("一只戴红色帽子的猫，海报写着“欢迎”", "A cat with a red hat, and a poster that says “欢迎”."),
    ("三只猫和一个LOGO", "Three cats and a logo"),
    ("把图2的猫放到图1的沙发上", "Edit the first image: add the cat from the second image to the sofa."),
    ("Un gato con un sombrero y 3 perros", "A cat with a hat and 3 dogs"),
)
LOST = (
    ("two red apples", "Two green apples", "red"),
    ("two red apples", "Red apples", "2"),
    ("a street without cars", "A street with cars", "a negation"),
    ("don't show people", "people", "a negation"),
    ("yellow hat and blue coat", "blue hat and yellow coat", "yellow hat"),
    ("three cups and two plates", "two cups and three plates", "3 cup"),
    ("A cat", "A dog", "cat"),
    ("A cat", "Two cats on a roof", "2 was added"),
    ("A cat", 'A cat with a sign "HELLO"', '"HELLO" was added'),
    ('a sign that says "OPEN"', "a sign that says OPENING", '"OPEN"'),
    ("dog on the left", "dog on the right", "left"),
    ("the cat from image 1 on the sofa of image 2", "Edit the first image: put the cat on the sofa.", "image 2"),
    ("三只猫", "Two cats", "3"),
    ("一只红色的猫", "A blue cat", "红色"),
    ("画一个BLUE的标志", "A logo", "BLUE"),
    ("没有人的街道", "A street with people", "a negation"),
    ("一只猫", "一只黑猫", "English words"),
)

NUMBERS = ("two", "3", "seven", "12", "twenty")
COLOURS = ("red", "green", "grey", "turquoise", "black")
NOUNS = ("lantern", "bridge", "parrot", "violin", "kettle", "teapot")
THINGS = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(COLOURS), st.sampled_from(NOUNS)), min_size=1, max_size=4
)
QUOTES = st.lists(st.sampled_from(("OPEN", "Camp 9", "BLUE NOTE", "欢迎")), max_size=2)


def words_of(things: Sequence[tuple[str, str, str]], quotes: Sequence[str]) -> list[str]:
    words = [word for number, colour, noun in things for word in (number, colour, f"{noun}s", "and")]
    return ["we", "see", *words, "signs", "with", *(f'"{text}"' for text in quotes)]


def test_rewrites_that_say_everything_pass():
    for words, rewrite in KEPT:
        assert lost(words, rewrite) == (), words


def test_rewrites_that_leave_out_or_make_up_something_are_found():
    for words, rewrite, missing in LOST:
        found = lost(words, rewrite)
        assert any(missing in one for one in found), (words, rewrite, found)


@given(THINGS, QUOTES)
def test_the_words_themselves_always_pass(things: list[tuple[str, str, str]], quotes: list[str]):
    words = " ".join(words_of(things, quotes))
    assert lost(words, words) == ()
    assert lost(words, f"In soft evening light, {words}, seen from afar.") == ()


@given(THINGS, QUOTES, st.data())
def test_a_number_colour_noun_or_quote_that_is_dropped_is_always_found(
    things: list[tuple[str, str, str]], quotes: list[str], data: st.DataObject
):
    words = words_of(things, quotes)
    telling = [place for place, word in enumerate(words) if word not in ("we", "see", "and", "with")]
    gone = data.draw(st.sampled_from(telling))
    noun_again = words[gone] in words[:gone] + words[gone + 1 :] and words[gone].rstrip("s") in NOUNS
    left = [word for place, word in enumerate(words) if place != gone]
    if not noun_again:
        assert lost(" ".join(words), " ".join(left)), words[gone]


@given(THINGS, st.data())
def test_an_exchanged_number_or_colour_is_always_found(things: list[tuple[str, str, str]], data: st.DataObject):
    words = words_of(things, ())
    place = data.draw(st.sampled_from([place for place, word in enumerate(words) if word in NUMBERS + COLOURS]))
    others = NUMBERS if words[place] in NUMBERS else COLOURS
    other = data.draw(st.sampled_from([word for word in others if word != words[place]]))
    assert lost(" ".join(words), " ".join([*words[:place], other, *words[place + 1 :]]))


@given(st.text(max_size=120), st.text(max_size=120))
def test_the_check_reads_any_two_texts(words: str, rewrite: str):
    assert all(lost(words, rewrite)) and lost("a cat", rewrite) is not None
