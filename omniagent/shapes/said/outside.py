"""Requests outside the world of shapes, many of them beside things that it knows."""

# ruff: noqa: SIM905 (lists of words are read more easily as text)

import numpy as np

from omniagent.shapes.said.draws import Render, relation_words
from omniagent.shapes.said.filling import Said, filled, place_phrase, typed
from omniagent.shapes.said.nouns import bare, counted, number_word, several
from omniagent.shapes.said.voice import Voice
from omniagent.shapes.said.wishes import OPPOSITE
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, PLACES, SHAPES, SIZES
from omniagent.shapes.words.frames import Frame, Slot, Wording, frames_of
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.requirements import Group

_THINGS: dict[Wording, tuple[str, ...]] = {
    "train": tuple(
        "cat dog horse bird lion tiger elephant rabbit fox wolf bear whale dragon unicorn dinosaur butterfly bee "
        "spider snake frog turtle penguin owl monkey cow pig sheep chicken duck house castle tower bridge church "
        "city village cabin barn car truck bus train bicycle boat ship airplane rocket tractor tree flower rose "
        "forest mountain river lake beach island waterfall volcano cave garden sunset rainbow cloud storm snowman "
        "galaxy man woman girl boy child baby king queen knight wizard witch robot astronaut pirate doctor chef "
        "dancer teacher portrait face hand eye smile hat shirt dress shoe bag umbrella chair table sofa lamp bed "
        "desk door window clock mirror book letter pen phone laptop camera guitar piano drum apple banana bread "
        "cake pizza burger sandwich cup bottle spoon knife sword shield crown candle campfire balloon kite doll "
        "toy hexagon pentagon octagon trapezoid cube pyramid cylinder spiral heart arrow zigzag logo poster map "
        "chart icon banner website newspaper sculpture statue key hammer ladder boot glove sock carrot tomato "
        "mushroom cactus palm fountain lighthouse windmill parrot giraffe zebra kangaroo hamster dolphin octopus "
        "crab ant mouse squirrel deer goat camel".split()
    ),
    "test": tuple(
        "eagle shark fish goose donkey hedgehog crocodile lobster snail skyscraper helicopter motorcycle submarine "
        "scooter tent ocean desert meadow soldier nurse farmer princess violin trumpet cheese lemon grape teapot fork "
        "blanket pillow backpack scarf parallelogram cone prism lightning iceberg tornado skeleton zombie mermaid "
        "ghost anchor compass telescope microscope calendar envelope bucket broom wheelbarrow".split()
    ),
}
_ADJECTIVES: dict[Wording, tuple[str, ...]] = {
    "train": tuple(
        "cute happy sad old young tall fluffy shiny wooden angry sleepy beautiful realistic magical ancient modern red "
        "blue green yellow purple small large striped dotted".split()
    ),
    "test": tuple("furry lonely smiling rusty elegant orange pink big".split()),
}
_STYLES: dict[Wording, tuple[str, ...]] = {
    "train": (
        "in the style of van gogh", "in watercolor", "as an oil painting", "as a photo", "photorealistic",
        "in anime style", "as pixel art", "like a monet", "as a 3d render", "in cyberpunk style", "as a pencil sketch",
        "cinematic lighting", "8k, highly detailed", "as a cartoon", "glowing in the dark", "with a long shadow",
        "made of glass", "made of wood", "on fire", "covered in snow", "in comic style", "like a vintage poster",
    ),
    "test": (
        "in the style of picasso", "as a charcoal drawing", "made of gold", "in gothic style", "as stained glass",
        "with a golden frame", "like an old photograph", "made of clay",
    ),
}  # fmt: skip
_SCENES: dict[Wording, tuple[str, ...]] = {
    "train": (
        "on a sofa", "in the rain", "at night", "under a tree", "on the beach", "in space", "at sunset",
        "by the river", "in a forest", "on the moon", "in a kitchen", "wearing a hat", "riding a horse",
        "holding a sword", "eating an apple", "playing the guitar", "in front of a house", "with a dog",
    ),
    "test": ("in a garden", "on a mountain", "in the snow", "on a plate", "flying through the air"),
}  # fmt: skip
_WORDS: dict[Wording, tuple[str, ...]] = {
    "train": ("hello", "sale", "happy birthday", '"welcome"', "love", '"STOP"', "my name", "good night"),
    "test": ('"open"', "thank you mom", "2024", '"exit"'),
}
_SYLLABLES = (
    "ba ko ri ta mu ne lo si va pe du fi go ha ji ka le mo nu po ra so ti vu we xa yo za bri sto gla tre".split()
)
KINDS = ("thing", "beside", "style", "edit", "question", "other")
_WEIGHTS = (0.26, 0.34, 0.12, 0.12, 0.06, 0.1)
_WITHOUT_PICTURES = (0.32, 0.4, 0.14, 0.0, 0.0, 0.14)


def outside_words(rng: np.random.Generator, wording: Wording, *, picture: bool, beside: bool | None = None) -> Render:
    """How to say a random request that cannot be fulfilled, with a picture or without.

    `beside` is whether it names known shapes beside unknown things; None leaves that to chance.
    """
    while True:
        kind = KINDS[int(rng.choice(len(KINDS), p=_WEIGHTS if picture else _WITHOUT_PICTURES))]
        if beside is None or beside == (kind == "beside"):
            break
    frames = frames_of(f"outside {kind}", wording)
    frame = frames[int(rng.integers(len(frames)))]
    seed = int(rng.integers(2**32))

    def render(voice: Voice) -> str:
        return typed(voice.rng, filled(frame, _slots(np.random.default_rng(seed), voice, frame, wording)))

    return render


def _odd(rng: np.random.Generator, slot: Slot, wording: Wording) -> str:
    made_up = rng.random() < 0.1
    thing = "".join(pick(rng, _SYLLABLES) for _ in range(int(rng.integers(2, 4)))) if made_up else ""
    thing = thing or pick(rng, _THINGS[wording])
    noun = f"{pick(rng, _ADJECTIVES[wording])} {thing}" if slot.form != "many" and rng.random() < 0.35 else thing
    match slot.form:
        case "bare":
            return thing
        case "many":
            return several(thing)
        case "the":
            return f"the {noun}"
        case _:
            return f"{pick(rng, ('two', 'three', 'some'))} {several(noun)}" if rng.random() < 0.12 else f"a {noun}"


def _known(rng: np.random.Generator, voice: Voice, slot: Slot) -> str:
    plain = slot.form == "the"
    group = Group(
        count=1 if plain else int(rng.choice([1, 2, 3], p=[0.75, 0.15, 0.1])),
        fill=pick(rng, FILLS[1:]) if rng.random() < 0.2 else "solid",
        colour=pick(rng, tuple(COLOURS)) if rng.random() < 0.9 else None,
        shape=pick(rng, SHAPES),
        size=pick(rng, SIZES) if rng.random() < 0.25 else None,
    )
    return f"the {bare(voice, group)}" if plain else counted(voice, group)


def _slots(rng: np.random.Generator, voice: Voice, frame: Frame, wording: Wording) -> dict[str, Said]:
    relation = pick(rng, tuple(OPPOSITE)[:4])
    slots: dict[str, Said] = {
        "odd": lambda slot: _odd(rng, slot, wording),
        "known": lambda slot: _known(rng, voice, slot),
        "style": lambda _: pick(rng, _STYLES[wording]),
        "scene": lambda _: pick(rng, _SCENES[wording]),
        "word": lambda _: pick(rng, _WORDS[wording]),
        "n": lambda _: number_word(voice, int(rng.integers(2, 6))),
        "bg": lambda _: voice.word("backgrounds", pick(rng, tuple(BACKGROUNDS))),
        "colour": lambda _: voice.word("colours", pick(rng, tuple(COLOURS))),
        "size": lambda _: voice.word("sizes", pick(rng, SIZES)),
        "fill": lambda _: voice.word("fills", pick(rng, FILLS[1:])),
        "place": lambda slot: place_phrase(voice, pick(rng, PLACES), slot.form),
        "ab": relation_words(voice, relation),
        "ba": relation_words(voice, OPPOSITE[relation]),
    }
    return {slot.name: slots[slot.name] for slot in frame.slots}
