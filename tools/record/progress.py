"""What a drawing tool tells while it works: its steps, and now and then rough pictures of what is being drawn."""

import base64
import io
import math
import time
from collections.abc import Callable
from typing import Final

from PIL import Image

from omniagent.model.requests import Previews
from omniagent.tools.record.trace import StepProgress, Trace

_PACE: Final = 0.25
"""Seconds between previews at least, so that they cost little however fast the steps are."""
_SIDE: Final = 160
"""Most pixels of a preview's longer side."""


class Progress:
    """A step callback that tells the trace's listener; nothing of it is written.

    Args:
        trace: The run's.
        tool: The tool at work.
        previews: Whether rough pictures are told too, where the generator can show them.
        clock: Gives seconds that never go back.
    """

    def __init__(
        self, trace: Trace, tool: str, *, previews: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._trace, self._tool, self._wanted, self._clock = trace, tool, previews, clock
        self._due = -math.inf
        self._previews: tuple[str, ...] = ()

    def look(self, previews: Previews) -> None:
        """Take the pictures as they stand, if it is time for some again."""
        if self._wanted and self._clock() >= self._due:
            self._previews = tuple(map(_encoded, previews()))
            self._due = self._clock() + _PACE

    def __call__(self, done: int, steps: int) -> None:
        """Tell a step, with the pictures that were taken after it."""
        shown, self._previews = self._previews, ()
        self._trace.add(StepProgress(tool=self._tool, step=done, steps=steps, previews=shown))


def _encoded(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
