"""What a server says when it refuses a request, whatever the shape of its body, and our error for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

from omniagent.model.errors import BadSetting, BadTask, CriticUnavailable, OmniAgentError, UnknownModel

SHOWN = 300
READ = 20_000
# Where servers put their words. FastAPI repeats the request under "input", which is nothing that it says.
KEYS = (
    *("error", "errors", "detail", "details", "message", "msg", "error_description", "title", "description", "reason"),
    *("loc", "param", "code", "type"),
)
PASSING = (408, 409, 425, 429)
# A refusal of these words alone tells nothing.
BLAND = frozenset(
    re.findall(
        r"\w+",
        "a an the this that is are was of in for some one or more not no error errors bad invalid request requests "
        "unprocessable entity content implemented unsupported unknown unrecognized unexpected extra parameter "
        "parameters field fields argument arguments option options input inputs value values body param params allowed "
        "permitted supported validation failed http status code forbidden type server by model does your "
        "message detail json",
    )
)


class Refused(Exception):
    """The cause of an error of ours: the HTTP status and the words of a server that refused a request."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status}: {words[:SHOWN] or 'the server gives no reason'}")
        self.status = status
        self.words = words


def words_of(body: str) -> str:
    """The words of a refusal: the messages in its JSON of any shape, else its text without markup; on one line."""
    body = body[:READ]
    try:
        found = json.loads(body)
        said = " ".join(dict.fromkeys(_said(found)))
    except (ValueError, RecursionError):
        bare = re.sub(r"<(style|script)\b.*?</\1>", " ", body, flags=re.DOTALL | re.IGNORECASE)
        return _one_line(unescape(re.sub(r"<[^<>]*>", " ", bare)))
    return _one_line(said) or ("" if found in (None, "", [], {}) else _one_line(body))


def is_bland(words: str) -> bool:
    """Whether the words of a refusal tell nothing of what it is about."""
    return words.isascii() and BLAND.issuperset(re.findall("[a-z]+", words.lower().replace("_", " ")))


def fault_for(said: Refused, url: str) -> OmniAgentError:
    """Our error for a refusal by the critic's server at `url`, with what to do about it."""
    if said.status in (401, 403):
        return BadSetting(
            f"the critic at {url} refused the API key ({said}); give the key that the server was started with"
        )
    if said.status == 407:
        return BadSetting(f"the proxy on the way to the critic at {url} wants a name and a password ({said})")
    if said.status == 404:
        return UnknownModel(
            f"the critic at {url} has no such model, or no chat API there ({said}); "
            "check the model's name, and that the URL ends in /v1"
        )
    if said.status in PASSING or (said.status >= 500 and said.status != 501):
        return CriticUnavailable(f"the critic at {url} cannot answer now ({said})")
    return BadTask(
        f"the critic at {url} refused the request ({said}); give a shorter task, or smaller or fewer pictures"
    )


def refusal_in(body: object) -> Refused | None:
    """The refusal that a server sends under status 200; None for anything else."""
    if not isinstance(body, dict) or "choices" in body or "data" in body:
        return None
    error = body.get("error") or body.get("detail") or body.get("message")
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else body.get("code")
    return Refused(code if isinstance(code, int) and 400 <= code < 600 else 400, words_of(json.dumps(body)))


def _said(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _said(each)
    elif isinstance(value, dict):
        for key in KEYS:
            yield from _said(value.get(key))


def _one_line(text: str) -> str:
    # Half of a surrogate pair, which JSON may hold, goes into no file.
    return " ".join(text.split()).encode("utf-8", "replace").decode()
