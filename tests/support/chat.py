"""What the chat shows of a run, from its events alone."""

import html
import re
from collections.abc import Iterable

from omniagent.demo.rendering.story import Story
from omniagent.demo.rendering.view import Message, render_messages
from omniagent.demo.rendering.words import Language, Words
from omniagent.tools.record.trace import Event


def page_of(events: Iterable[Event], words: str = "a task", language: Language = "en", **more: object) -> str:
    """The HTML of one message with its run."""
    message = Message(id="m1", words=words, run="r", story=Story.of(events), **more)  # pyright: ignore[reportArgumentType]
    return render_messages([message], Words(language))


def text_of(page: str) -> str:
    """What a person reads of a page: no tags, blanks in one."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page))).strip()
