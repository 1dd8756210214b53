"""One call that is answered in JSON: read with patience, asked again once with what was wrong."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel

from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import Prompt
from omniagent.tools.dialects.base import Consultation, Unreadable
from omniagent.tools.dialects.plain.prompts import asked_again

T = TypeVar("T")


def written(
    critic: Consultation, prompt: Prompt, form: type[BaseModel] | None, read: Callable[[str], T], max_tokens: int
) -> T:
    """What the critic's reply reads as.

    Args:
        critic: The critic that is asked.
        prompt: The call.
        form: What the reply is held to, where the critic can be held; None: nothing, so that it may think first.
        read: Reads a reply; raises `Unreadable` with what is wrong.
        max_tokens: Of the reply; a second try gets twice as many if the first was cut.

    Raises:
        Unreadable: neither reply reads.
    """
    first, fault, cut = "", "", False
    try:
        completion = critic.write(prompt, max_tokens=max_tokens, schema=form)
        first, cut = completion.text, completion.cut
        return read(first)
    except CriticBadOutput as error:
        fault = str(error)
    if cut:
        fault = f"it was cut off at its length limit, and {fault}"
    again = critic.write(
        asked_again(prompt, first, fault), max_tokens=max_tokens * 2 if cut else max_tokens, schema=form
    )
    try:
        return read(again.text)
    except Unreadable as error:
        raise Unreadable(
            f"the critic was asked twice and {error}: {again.text[:160]!r}; "
            "say the task in other words, or use a stronger critic"
        ) from error
