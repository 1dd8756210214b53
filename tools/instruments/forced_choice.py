"""Forced choice: two pictures side by side in both orders, since critics favour a place as much as a picture.

Zero-shot vision models are right far more often when they must choose between two pictures than when each is scored
by itself, and a choice that turns with the order is none (position bias: Zheng et al. 2023, arXiv 2306.05685, 3.4).
"""

from __future__ import annotations

from typing import Final

from PIL import Image

from omniagent.tools.consult import Desk
from omniagent.tools.dialects.base import Dialect

LETTERS: Final = ("A", "B")


def chosen(
    desk: Desk,
    dialect: Dialect,
    pictures: tuple[Image.Image, Image.Image],
    instruction: str,
    source: Image.Image | None = None,
) -> int | None:
    """0 or 1: the picture that the critic chooses in both orders; None where it does not, or cannot compare.

    Args:
        desk: The critic.
        dialect: How it is asked.
        pictures: The two, of any size.
        instruction: What both should show.
        source: The picture that both were made from by a change.

    Raises:
        CriticBadOutput: the critic names neither picture.
    """
    orders = (pictures, pictures[::-1])
    asked = [dialect.choice(first, second, instruction, source) for first, second in orders]
    picks: list[int] = []
    for turned, prompt in enumerate(asked):
        if prompt is None:
            return None
        likely = desk.choose(prompt, LETTERS)
        if likely[0] == likely[1]:
            return None
        pick = 0 if likely[0] > likely[1] else 1
        picks.append(1 - pick if turned else pick)
    return picks[0] if picks[0] == picks[1] else None
