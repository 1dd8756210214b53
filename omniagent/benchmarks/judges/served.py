"""What judges behind servers have in common: which model answers, and what a server's refusal of a request means."""

import re
from typing import Final

from PIL import Image

from omniagent.benchmarks.judgement import Outcome
from omniagent.model.errors import BadTask
from omniagent.model.http.refusals import Refused

_NOT_ALLOWED: Final = re.compile(r"content.{0,20}(?:policy|filter|management)|safety system|moderat", re.IGNORECASE)
_TOO_LONG: Final = re.compile(
    r"context.{0,30}(?:length|window|size)|max(?:imum)?[ _](?:context|model|prompt|input|num(?:ber)? of)|"
    r"too (?:long|large|many)|"
    r"exceeds?.{0,40}(?:limit|maximum|length|tokens|size)|reduce the length|entity too large",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
"""What servers put behind the name of a model for one of its versions."""
TRIAL: Final = "Which colour has this picture? Answer in one word."
"""Asked of `trial_picture` before anything is drawn, where only an answer tells that a server can judge."""


def trial_picture() -> Image.Image:
    """A small red picture."""
    return Image.new("RGB", (64, 64), "red")


def outcome_of(error: BadTask) -> Outcome | None:
    """The outcome that a server's refusal of a request is; None where the request itself is wrong for all pictures."""
    said = error.__cause__
    if not isinstance(said, Refused):
        return None
    if said.status == 413 or _TOO_LONG.search(said.words):
        return "too_long"
    return "refused" if _NOT_ALLOWED.search(said.words) else None


def file_name(model: str) -> str:
    """A model's name as that of a file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-._")[:60]
    return plain or "judge"


def unlike(published: str, model: str) -> tuple[str, ...]:
    """A sentence where a model is not the judge of the published numbers; none where it is, or a dated version of it.

    Owners before a slash and the case of letters make no difference; `mini`, `AWQ` and the like do.
    """
    wanted, served = (name.rpartition("/")[2].casefold() for name in (published, model))
    same = wanted == served or wanted == _DATE.sub("", served)
    return () if same else (f"the published numbers are judged by {published}; this judge is {model}",)
