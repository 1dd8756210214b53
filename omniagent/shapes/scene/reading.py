"""What the oracle says of a picture: the objects it found, or why it cannot tell."""

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN = "unknown"


class Found(BaseModel):
    """One object seen in a picture, in pixels of the 128×128 canvas.

    A word that cannot be told honestly (a colour half-way between two names, a blob of no clear shape) is ``unknown``;
    `size` is None between the ranges of small and large.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    colour: str
    shape: str
    fill: str
    x: float
    y: float
    radius: float = Field(gt=0)
    size: str | None = None

    @property
    def kind(self) -> tuple[str, str, str]:
        """(fill, colour, shape), as in `world.Item.kind`."""
        return (self.fill, self.colour, self.shape)


class Reading(BaseModel):
    """A picture that was read: the background word and the objects found, from top to bottom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    background: str
    objects: tuple[Found, ...] = ()


class Unreadable(BaseModel):
    """A picture that is no scene of the shapes world, with the reason in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str
