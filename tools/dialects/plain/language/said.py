"""What the rules of a language find in a task's words."""

from typing import Literal, NamedTuple

Intent = Literal["drawing", "question", "unsure"]
Act = Literal["change", "create", "use"]


class Said(NamedTuple):
    """What a task's words say of themselves.

    Attributes:
        intent: Whether they ask for a picture, or for an answer in words.
        act: Whether they change what is given, create something new, or use what is given for something new; None:
            they do not say.
        numbers: The given pictures that they name by number, "both pictures" being 1 and 2.
        points: Words that speak of a given picture without a number, such as "this photo"; empty without any.
        one_changed: They name one picture only, and that is the one that they change.
    """

    intent: Intent = "drawing"
    act: Act | None = None
    numbers: frozenset[int] = frozenset()
    points: str = ""
    one_changed: bool = False
