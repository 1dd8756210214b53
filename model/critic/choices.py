"""One of several short answers, from critics that tell probabilities and from those that only write."""

from __future__ import annotations

import re

from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import CancelToken, Choosing, Chosen, Critic, Options, Writing


def choose(critic: Critic, call: Options, token: CancelToken | None = None) -> Chosen:
    """The probability of each option; 1 for the one that is written where the critic tells no probabilities.

    Raises:
        CriticBadOutput: the critic writes none of the options; or as `Choosing.choose`.
    """
    if isinstance(critic, Choosing):
        return critic.choose(call, token=token)
    reply = critic.write(Writing(call.prompt, None, 16), token=token)
    found = written_option(reply.text, call.options)
    if found is None:
        raise CriticBadOutput(
            f"the critic {critic.model} was asked for one of {', '.join(call.options)} and wrote {reply.text[:80]!r}; "
            "ask again, or use a model that follows instructions"
        )
    return Chosen(
        probabilities=tuple(1.0 if option == found else 0.0 for option in call.options),
        prompt_tokens=reply.prompt_tokens,
        cached_tokens=reply.cached_tokens,
        completion_tokens=reply.completion_tokens,
        stand_in=reply.stand_in,
    )


def written_option(text: str, options: tuple[str, ...]) -> str | None:
    """The option that a text begins with or names alone; None when it names none or several."""
    words = re.findall(r"\w+", text)
    known = {option.casefold(): option for option in options}
    named = [known[word.casefold()] for word in words if word.casefold() in known]
    if words and words[0].casefold() in known:
        return known[words[0].casefold()]
    return named[0] if len(set(named)) == 1 else None
