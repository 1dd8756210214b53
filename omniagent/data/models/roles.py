"""The roles that models play in a build, and how a recipe names a model for one."""

from typing import Literal

from pydantic import Field, JsonValue

from omniagent.tools.types import Word

Role = Literal["describer", "detector", "tracker", "features", "matcher", "filler"]
"""What a stage asks for: words about pictures, boxes, masks over time, likeness of pictures (two kinds), and fillings.

`features` are of looks alone (DINO), `matcher` of meaning (CLIP).
"""


class ModelChoice(Word):
    """A model for a role: the kind of the loader, and the settings that this takes."""

    use: str
    settings: dict[str, JsonValue] = Field(default={})
