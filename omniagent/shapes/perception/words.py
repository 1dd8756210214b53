"""Words about pictures of the shapes world: by rules, or by the bundled critic in the notation it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import Critic, Questions, Writing
from omniagent.shapes.perception.detector import fits as is_of
from omniagent.shapes.perception.naming import Named, named
from omniagent.shapes.perception.views import Thing, View, difference, view
from omniagent.shapes.scene.world import COLOURS, FILLS, SHAPES
from omniagent.shapes.words.phrases import listed
from omniagent.tools.dialects.listed.changes.pictures import picture_of
from omniagent.tools.dialects.listed.notation import article, print_background, print_count, print_name, print_presence
from omniagent.tools.dialects.listed.prompts import describe_prompt, verdict_prompt, verdict_question

_YES: Final = 0.95
_NO: Final = 0.05
_LOOKS: Final = frozenset((*COLOURS, *FILLS, *SHAPES))


class RuledDescriber:
    """A `Describer` by rules: pixels are parted and named, and sentences are built from that."""

    name = "shapes rules"

    def view(self, picture: Image.Image) -> View:
        """What is in a picture.

        Raises:
            CriticBadOutput: a describer's answer cannot be read.
        """
        return view(picture)

    def subjects(self, picture: Image.Image, most: int) -> tuple[str, ...]:
        """As `Describer.subjects`: looks that one object alone has."""
        looks = [thing.look for thing in self.view(picture).things]
        return tuple(look for look in looks if looks.count(look) == 1)[:most]

    def described(self, cut_out: Image.Image, thing: str) -> str:
        """As `Describer.described`."""
        return article(thing)

    def caption(self, picture: Image.Image) -> str:
        """As `Describer.caption`."""
        seen = self.view(picture)
        things = [f"{article(thing.look)} at the {thing.cell}" for thing in seen.things]
        return f"{listed(things)} on a {seen.ground} background" if things else f"a plain {seen.ground} background"

    def change(self, before: Image.Image, after: Image.Image) -> str:
        """As `Describer.change`."""
        return difference(self.view(before), self.view(after)).instruction

    def same(self, first: Image.Image, second: Image.Image, thing: str) -> float:
        """As `Describer.same`: of equal colour, shape and fill."""
        one, other = _only(first), _only(second)
        alike = one is not None and other is not None and one.words == other.words
        return _YES if alike else _NO

    def sound(self, picture: Image.Image) -> float:
        """As `Describer.sound`: pictures of this world are painted by rules and have no seams."""
        return _YES if view(picture).things else 0.5

    def fits(self, instruction: str, inputs: Sequence[Image.Image], output: Image.Image) -> float:
        """As `Describer.fits`: of one input, that the words are those of the difference; else all things are seen."""
        if len(inputs) == 1 and self.change(inputs[0], output) == instruction:
            return _YES
        looks = _looks_in(instruction)
        return _YES if looks and all(self.shows(output, look) > 0.5 for look in looks) else _NO

    def shows(self, picture: Image.Image, thing: str) -> float:
        """As `Describer.shows`."""
        return _YES if any(is_of(one, thing) for one in named(picture)) else _NO


class ToldDescriber(RuledDescriber):
    """A `Describer` whose words come from the bundled critic's descriptions, and its judgements from yes and no.

    What that critic was not trained for is left to the rules: whether two cut-outs are one thing, and seams.

    Args:
        critic: That was trained on the listed notation.
    """

    def __init__(self, critic: Critic) -> None:
        self._critic = critic
        self.name = critic.model

    def view(self, picture: Image.Image) -> View:
        """As `RuledDescriber.view`, from the critic's description."""
        said = self._critic.write(Writing(describe_prompt(picture), max_tokens=200)).text
        seen = picture_of(said)
        if seen is None:
            raise CriticBadOutput(f"the description {said[:200]!r} is not in the listed notation")
        return View(
            seen.ground,
            tuple(Thing(thing.look, thing.cell, thing.size) for thing in seen.things if thing.cell is not None),
        )

    def fits(self, instruction: str, inputs: Sequence[Image.Image], output: Image.Image) -> float:
        """As `Describer.fits`: of one input, the least probability among what must and must not be seen afterwards."""
        if len(inputs) != 1:
            looks = _looks_in(instruction)
            return min((self.shows(output, look) for look in looks), default=_NO)
        told = difference(self.view(inputs[0]), self.view(output))
        if told.instruction != instruction:
            return _NO
        asked = [_presence(thing) for thing in told.there]
        absent = [print_count(1, look) for look in told.gone]
        grounds = [] if told.ground is None else [print_background(told.ground)]
        chances = self._yes(output, [*asked, *absent, *grounds])
        turned = range(len(asked), len(asked) + len(absent))
        return min((1 - p if at in turned else p for at, p in enumerate(chances)), default=_NO)

    def shows(self, picture: Image.Image, thing: str) -> float:
        """As `Describer.shows`."""
        return self._yes(picture, [print_count(1, thing)])[0]

    def _yes(self, picture: Image.Image, questions: Sequence[str]) -> tuple[float, ...]:
        if not questions:
            return ()
        asked = tuple(verdict_question(question) for question in questions)
        return self._critic.yes_no(Questions(verdict_prompt(picture), asked)).probabilities


def words_of_shapes(model: str | None) -> RuledDescriber:
    """The describer by rules, or by the MLLM of a checkpoint that was trained on the shapes world.

    Raises:
        UnknownModel, BadCheckpoint, OutOfMemory: the checkpoint cannot be loaded.
    """
    if model is None:
        return RuledDescriber()
    from omniagent.model.loading import lone_critic

    return ToldDescriber(lone_critic(model))


def _only(cut_out: Image.Image) -> Named | None:
    """The object of a cut-out, whose surroundings are grey and whose size may be any."""
    side = max(*cut_out.size, 64) * 2
    around = Image.new("RGB", (side, side), (128, 128, 128))
    around.paste(cut_out, ((side - cut_out.width) // 2, (side - cut_out.height) // 2))
    found = named(around)
    return found[0] if len(found) == 1 else None


def _presence(thing: Thing) -> str:
    *properties, noun = thing.look.split()
    return print_presence(print_name(noun, " ".join(reversed(properties)), thing.cell))


def _looks_in(text: str) -> tuple[str, ...]:
    """The looks that a text names, each ending with a shape: `striped blue star`."""
    looks: list[str] = []
    words: list[str] = []
    for word in (each.strip(".,;:") for each in text.lower().split()):
        words = [*words, word] if word in _LOOKS else []
        if word in SHAPES:
            looks.append(" ".join(words))
            words = []
    return tuple(dict.fromkeys(looks))
