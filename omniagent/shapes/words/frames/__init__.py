"""Ways to say a request: sentence frames with slots, written by hand, as data.

A frame is a sentence with slots in braces: `{a}` a thing with its number, `{a.the}`, `{ab}` how it stands to another,
`{bg}` the background's colour, `{not bg}` one that is not meant. What a slot may be is up to the kind of frame; the
modules of `omniagent.shapes.said` fill them. A fifth of the frames, those under `test`, is for evaluations alone.
"""

from omniagent.shapes.words.frames.data import (
    Frame,
    Slot,
    Wording,
    all_frames,
    frames_of,
)

__all__ = ["Frame", "Slot", "Wording", "all_frames", "frames_of"]
