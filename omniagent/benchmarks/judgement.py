"""What a judge says of a picture, what is kept of it, and the protocol of judges."""

from typing import Literal, NamedTuple, Protocol

from pydantic import Field

from omniagent.benchmarks.items import Look
from omniagent.tools.types import Word

Outcome = Literal["scored", "refused", "unreadable", "too_long", "missing", "not_drawn"]
"""`scored`, or why there is no score.

`refused`: the judge would not answer. `unreadable`: its answer, the picture's file, or what the benchmark's data ask
about it cannot be read. `too_long`: the request did not fit the judge's context. `missing`: there is no picture.
`not_drawn`: the run ended without one.
None of these counts as a score.
"""
OUTCOMES: tuple[Outcome, ...] = ("scored", "refused", "unreadable", "too_long", "missing", "not_drawn")


class Call(Word):
    """One question to a judge's model, as it was asked and answered.

    Attributes:
        name: Which of the picture's questions.
        model: The model that answered, as the server names it.
        prompt: SHA-256 of the words and pictures that were sent.
        temperature: As it was sent; None where none was.
        answer: The raw answer.
        finish: Why the model stopped, as the server says it.
        date: When it answered, ISO 8601 in UTC; when first asked, where the answer is from the cache.
        cached: Whether the answer was kept from an earlier, equal question.
    """

    name: str
    model: str
    prompt: str
    temperature: float | None = None
    answer: str = ""
    finish: str = ""
    date: str = ""
    cached: bool = False


class Judgement(Word):
    """What a judge says of one picture.

    Attributes:
        outcome: `scored`, or why there is no score.
        scores: Named parts of the score, such as `PF` and `SC`, in the benchmark's own units.
        reason: The judge's own words, or why there is no score.
        evidence: What the scores rest on, a line each: answers by question, boxes, distances.
        calls: Every question that was asked for it.
    """

    outcome: Outcome
    scores: dict[str, float] = Field(default={})
    reason: str = ""
    evidence: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()


class Identity(Word):
    """Which judge it is: everything that changes its scores. Judgements of two identities are never mixed.

    Attributes:
        name: Short, a file's name: `gpt-4.1`, `oracle`, `mask2former-ported`.
        model: The model or models behind it, as far as they are named.
        settings: What else matters: temperature, thresholds, hash of the wording, `as_published`.
        differs: In which ways it is not the judge of the published numbers, a sentence each; reports warn of them.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    model: str = ""
    settings: dict[str, str] = Field(default={})
    differs: tuple[str, ...] = ()


class Judge(Protocol):
    """Judges pictures, from several threads at once where `at_once` is above 1."""

    @property
    def identity(self) -> Identity:
        """Which judge it is."""
        ...

    @property
    def at_once(self) -> int:
        """How many pictures may be judged at the same time."""
        ...

    def connect(self) -> None:
        """Find out whether it can be asked, where that hangs on a server; a judge in this process is there once made.

        Raises:
            RetryableError: not now.
            OmniAgentError: not at all, such as with this key.
        """
        ...

    def judge(self, look: Look) -> Judgement:
        """What it says of one picture; what is wrong with the picture or the answer alone is an outcome, no error.

        Raises:
            RetryableError: it cannot be asked now.
            OmniAgentError: it cannot be asked at all.
        """
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class JudgeOptions(NamedTuple):
    """What a person says of the judge.

    Attributes:
        url: An OpenAI-compatible server, for judges that are one.
        model: The model to ask there, or the weights of a judge in this process: a folder or hub name.
        key: Sent as the bearer token.
        temperature: None sends none, as the official scripts do.
        concurrency: Requests under way at once.
        timeout: Seconds that one request may take.
        retries: How often a request is sent again after a passing fault.
        wording: A file or checkout that holds the official words, where they are not shipped.
        device: Of judges in this process.
        as_published: Reproduce the known faults of the official script.
        cache: Folder of answers that are kept; None keeps none.
        transport: An httpx transport in place of the network.
    """

    url: str | None = None
    model: str | None = None
    key: str | None = None
    temperature: float | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 4
    wording: str | None = None
    device: str | None = None
    as_published: bool = False
    cache: str | None = None
    transport: object | None = None
