"""A marked part of a picture as words: the place in which its middle lies."""

from pydantic import BaseModel, ConfigDict, Field

from omniagent.demo.rendering.words import Words


class Mark(BaseModel):
    """A marked part of a picture: its corners as shares of the picture's width and height, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: float = Field(ge=0, le=1)
    top: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)
    bottom: float = Field(ge=0, le=1)


def place_of(mark: Mark, words: Words) -> str:
    """Where the middle of the marked part lies, by thirds of the picture, in words that a task can end with."""
    across, down = (mark.left + mark.right) / 2, (mark.top + mark.bottom) / 2
    row, column = min(2, int(down * 3)), min(2, int(across * 3))
    return words[f"place.{3 * row + column}"]
