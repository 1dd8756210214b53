"""Text that is data for a critic, never an order to it: set between tags, with tags and chat marks taken out."""

import re
from collections.abc import Callable

_CHAT_MARKS = r"<\|[^|<>]*\|>|\[/?INST\]|</?s>|<image>|<(?:start|end)_of_turn>"


def fencer(*tags: str) -> Callable[[str, str], str]:
    """A function of a tag and a text that gives the text between that tag, with these tags and chat marks removed.

    Args:
        tags: All tags that the dialect's prompts use, as words.
    """
    names = "|".join(re.escape(tag) for tag in tags)
    marks = re.compile(rf"<\s*/?\s*(?:{names})\s*/?\s*>|{_CHAT_MARKS}", re.IGNORECASE)

    def fenced(tag: str, text: str) -> str:
        if tag not in tags:
            raise ValueError(f"tag={tag!r} is unknown; use one of {', '.join(tags)}")
        # What is left when a mark goes may form another one.
        while (cleaned := marks.sub(" ", text)) != text:
            text = cleaned
        return f"<{tag}>{text}</{tag}>"

    return fenced
