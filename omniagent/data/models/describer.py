"""What stages ask in words about pictures, of any model."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from PIL import Image


@runtime_checkable
class Describer(Protocol):
    """Names, describes, compares and judges pictures. Probabilities are in [0, 1].

    Every method raises a `RetryableError` on a passing fault, and `CriticBadOutput` for a reply that cannot be read.
    """

    @property
    def name(self) -> str:
        """Of the model, for records."""
        ...

    def subjects(self, picture: Image.Image, most: int) -> tuple[str, ...]:
        """Names of the salient things of a picture, at most so many; no backgrounds."""
        ...

    def described(self, cut_out: Image.Image, thing: str) -> str:
        """A short noun phrase for a thing that was cut out of its picture."""
        ...

    def caption(self, picture: Image.Image) -> str:
        """A picture in detail, as a sentence or more."""
        ...

    def change(self, before: Image.Image, after: Image.Image) -> str:
        """An instruction that turns the first picture into the second; empty where they do not differ."""
        ...

    def same(self, first: Image.Image, second: Image.Image, thing: str) -> float:
        """The probability that two cut-outs show one and the same thing, not two alike."""
        ...

    def sound(self, picture: Image.Image) -> float:
        """The probability that a picture is free of seams, ghosts and broken parts."""
        ...

    def fits(self, instruction: str, inputs: Sequence[Image.Image], output: Image.Image) -> float:
        """The probability that the output is what the instruction asks of the inputs (none: of nothing)."""
        ...

    def shows(self, picture: Image.Image, thing: str) -> float:
        """The probability that a thing is seen in a picture."""
        ...
