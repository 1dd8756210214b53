"""Tasks outside the domain of the bundled checkpoint, which it must recognise as such."""

# ruff: noqa: SIM905 (lists of words are read more easily as text)

import numpy as np

from omniagent.shapes.scene.world import COLOURS, SHAPES
from omniagent.shapes.words.language import finish, pick
from omniagent.tools.dialects.listed.notation import article

_THINGS = (
    "cat dog horse bird lion tiger elephant rabbit fox wolf bear fish shark whale dragon unicorn dinosaur butterfly "
    "bee spider snake frog turtle penguin owl eagle monkey cow pig sheep goat chicken duck house castle tower "
    "bridge church city street village skyscraper cabin barn tent car truck bus train bicycle motorcycle boat ship "
    "airplane rocket helicopter tractor tree flower rose forest mountain river lake ocean beach desert island "
    "waterfall volcano cave garden field meadow sunset sunrise rainbow cloud storm snowman moon planet galaxy man "
    "woman girl boy child baby king queen knight wizard witch robot astronaut pirate doctor chef dancer soldier "
    "teacher portrait face hand eye smile hat shirt dress shoe bag umbrella chair table sofa lamp bed desk door "
    "window clock mirror book letter pen phone laptop computer camera guitar piano violin drum apple banana orange "
    "juice bread cake pizza burger sandwich coffee tea cup bottle glass plate spoon knife sword shield crown ring- "
    "bearer candle fire campfire balloon kite doll toy teddy bear hexagon pentagon octagon trapezoid cube pyramid "
    "cylinder sphere spiral heart arrow cross line grid zigzag oval logo poster map chart diagram icon banner comic "
    "meme website screenshot newspaper painting sculpture statue"
).split()
_ADJECTIVES = (
    "cute happy sad old young tall fluffy shiny wooden golden silver tiny giant angry sleepy beautiful dark bright "
    "realistic magical ancient modern red blue green yellow white black purple"
).split()
_STYLES = (
    "in the style of Van Gogh", "in watercolor", "as an oil painting", "as a photo", "photorealistic",
    "in anime style", "as pixel art", "in the style of Picasso", "like a Monet", "as a 3D render",
    "in cyberpunk style", "as a pencil sketch",
    "in Disney style", "cinematic lighting", "8k, highly detailed", "as a cartoon", "in the style of Studio Ghibli",
)  # fmt: skip
_PLACES = (
    "on a sofa", "in the rain", "at night", "under a tree", "on the beach", "in space", "at sunset", "by the river",
    "in a forest", "on the moon", "in a kitchen", "wearing a hat", "riding a horse", "holding a sword",
    "eating an apple",
    "playing the guitar", "next to a car", "in front of a house", "with a dog", "reading a book",
)  # fmt: skip
_COLOURS = "brown gold silver beige maroon turquoise magenta lime navy teal olive violet indigo crimson".split()
_OPENINGS = (
    "", "", "draw ", "paint ", "a picture of ", "show me ", "a photo of ", "create ", "generate ", "make ",
    "an image of ", "please draw ", "I want ",
)  # fmt: skip
_OTHER = (
    "write a poem about the sea", "what is the capital of France", "who won the world cup", "tell me a joke",
    "translate this into German", "write Python code", "what time is it", "how is the weather today", "sing a song",
    "book a flight to Rome", "remove the watermark", "make her smile", "change his shirt to blue",
    "remove the background people",
    "make it look like winter", "add sunglasses to the man", "write HELLO in the middle", "put my name on it",
    "add the text SALE at the top", "make the photo sharper", "turn the day into night", "colorize this old photo",
    "who is in this picture", "what does the sign say", "is the man happy", "what breed is the dog",
    "how many people are there",
    "make a video of this", "animate it", "zoom out", "remove the car", "add a cat",
    "replace the sky", "make the cat green",
)  # fmt: skip
_VERBS = (
    "add {}", "make the {} red", "remove the {}", "replace the circle with {}",
    "put the {} from image 1 on the {} of image 2",
)  # fmt: skip
_QUESTIONS = ("is there {} in the picture?", "how many {}s are there?", "where is the {}?", "what colour is the {}?")
_SYLLABLES = (
    "ba ko ri ta mu ne lo si va pe du fi go ha ji ka le mo nu po ra so ti vu we xa yo za bri sto gla tre".split()
)


def _thing(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.15:
        return "".join(pick(rng, _SYLLABLES) for _ in range(int(rng.integers(2, 4))))
    thing = pick(rng, _THINGS)
    return f"{pick(rng, _ADJECTIVES)} {thing}" if rng.random() < 0.4 else thing


def outside_request(rng: np.random.Generator) -> str:
    """A request that the shapes world cannot fulfil."""
    draw = rng.random()
    if draw < 0.2:
        return finish(rng, pick(rng, _OTHER))
    if draw < 0.3:
        shape = pick(rng, SHAPES)
        return finish(rng, f"{pick(rng, _OPENINGS)}a {pick(rng, _COLOURS)} {shape} on a white background")
    if draw < 0.42:
        known = f"a {pick(rng, tuple(COLOURS))} {pick(rng, SHAPES)}"
        other = f"{pick(rng, ('and', 'next to', 'with', 'above'))} {article(_thing(rng))}"
        return finish(rng, f"{pick(rng, _OPENINGS)}{known} {other}")
    if draw < 0.5:
        known = f"a {pick(rng, tuple(COLOURS))} {pick(rng, SHAPES)}"
        return finish(rng, f"{pick(rng, _OPENINGS)}{known} {pick(rng, _STYLES + _PLACES)}")
    if draw < 0.6:
        verb = pick(rng, _VERBS)
        thing = _thing(rng)
        return finish(rng, verb.replace("{}", thing) if "the {}" in verb else verb.format(article(thing)))
    if draw < 0.7:
        text = pick(rng, _QUESTIONS)
        thing = _thing(rng)
        return text.format(article(thing) if text.startswith("is") else thing)
    some = f"{pick(rng, ('two', 'three', 'some', 'many', 'five'))} {_thing(rng)}s"
    noun = article(_thing(rng)) if rng.random() < 0.7 else some
    extras = [pick(rng, _PLACES)] if rng.random() < 0.45 else []
    extras += [pick(rng, _STYLES)] if rng.random() < 0.35 else []
    background = f" on a {pick(rng, ('white', 'black', 'gray'))} background" if rng.random() < 0.1 else ""
    return finish(rng, f"{pick(rng, _OPENINGS)}{' '.join([noun, *extras])}{background}")
