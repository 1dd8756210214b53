"""How far a change of a picture reaches, and where: asked of the critic, since words alone do not tell.

"Brighter", "as a sketch" and "snow" change all of a picture; "an all-black dress" and "a night lamp" do not.
"""

from __future__ import annotations

from typing import Final

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.tools.dialects.base import Consultation, Touched
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.grounding import read_boxes, sent_size
from omniagent.tools.types import Reach

_CHANGES, _STAYS, _FACE = LABELS = ("change", "stays", "face")

_SURE: Final = 0.5
"""Probability of the likeliest answer below which the reach of a change is not known."""


def reach_of(words: str, critic: Consultation) -> Reach | None:
    """What the critic says that a change concerns; None where it cannot say or is not sure."""
    try:
        likely = critic.choose(prompts.reach_prompt(words), prompts.letters([*prompts.REACHES]))
    except CriticBadOutput:
        return None
    probability, reach = max(zip(likely, prompts.REACHES, strict=True), key=lambda pair: pair[0])
    return reach if probability >= _SURE else None


def touched_by(image: Image.Image, change: str, critic: Consultation, *, done: bool) -> Touched | None:
    """Where a change takes place in a picture, before it or `done`; None where this critic cannot locate.

    Raises:
        Unreadable: the reply's boxes are at fault.
    """
    sent = sent_size(image, critic.profile)
    if sent is None or not change:
        return None
    prompt = prompts.touched_prompt(image, change, LABELS, done=done)
    said = critic.write(prompt, max_tokens=critic.profile.plan_tokens)
    found = read_boxes(said.text, sent=sent, size=image.size, things=LABELS)
    of = {label: tuple(box for box in found if box.label == label) for label in LABELS}
    return Touched(of[_CHANGES], of[_STAYS], of[_FACE])
