"""What the layers above ask of the models, and the two protocols that answer: `Generator` and `Critic`.

Pictures, texts and numbers only; no model here knows of tasks, plans or checklists.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.errors import BadSetting, Cancelled, setting_out_of_range
from omniagent.model.limits import (
    MAX_BATCH,
    MAX_GUIDANCE,
    MAX_REFERENCES,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    Part,
    check_part,
)
from omniagent.model.profile import CriticProfile, GeneratorProfile

Step = Callable[[int, int], None]
"""Progress of one request: (steps done, steps in all)."""

Previews = Callable[[], Sequence[Image.Image]]
"""Makes rough, small RGB pictures of what is being drawn, in the order of the seeds, as it stands after a step."""


@runtime_checkable
class Watching(Protocol):
    """A step callback that also looks at pictures while they are drawn, where the generator can show them."""

    def look(self, previews: Previews) -> None:
        """Called after a step and before the callback itself; `previews` costs time only if it is called, at once."""
        ...

    def __call__(self, done: int, steps: int) -> None:
        """As `Step`."""
        ...


class CancelToken:
    """A flag and a deadline that long work checks at each step. Thread-safe; `cancel` may be called from anywhere."""

    def __init__(self, deadline: float | None = None) -> None:
        """`deadline` is a `time.monotonic()` instant in seconds, or None for none."""
        self._flag = threading.Event()
        self.deadline = deadline

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._flag.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop (the deadline does not count)."""
        return self._flag.is_set()

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def check(self) -> None:
        """Return if the work may go on.

        Raises:
            Cancelled: the work was cancelled, or the deadline has passed (`expired` tells which).
        """
        if self.cancelled:
            raise Cancelled("the work was cancelled on request")
        if self.expired:
            raise Cancelled("the work was stopped at its deadline")


class LoraChoice(BaseModel):
    """A LoRA that a request is drawn with: its file or folder, and its strength."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    scale: float = Field(default=1.0, allow_inf_nan=False)


class GenerationRequest(BaseModel):
    """One batch of pictures from one instruction. None means the checkpoint's own default.

    Each seed gives one picture, which depends on the request and that seed alone, never on the rest of the batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    instruction: str
    references: tuple[Image.Image, ...] = Field(default=(), description="0 to 5 RGB pictures, image 1 first")
    negative: str = ""
    seeds: tuple[int, ...] = (0,)
    width: int | None = Field(default=None, description="pixels; None: of the single reference, else the default")
    height: int | None = None
    steps: int | None = None
    text_guidance: float | None = None
    image_guidance: float | None = None
    cfg_range: tuple[float, float] | None = None
    max_side: int | None = Field(default=None, description="longest side in pixels at which references are read")
    loras: tuple[LoraChoice, ...] = Field(default=(), description="beside those that are loaded for every request")
    region: Part | None = Field(
        default=None,
        description="left, top, right and bottom of what changes, as shares of the first reference's width and height; "
        "a preset that reuses the source takes the rest from there, the others draw all",
    )


@runtime_checkable
class Generator(Protocol):
    """Draws pictures. One implementation runs OmniGen2 here; `ScriptedGenerator` is the public fake."""

    @property
    def model(self) -> str:
        """What draws, for the trace: a checkpoint name or folder, or the fake's name."""
        ...

    @property
    def profile(self) -> GeneratorProfile:
        """What it leaves open in a request, what it can draw, and how the loop should use it."""
        ...

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """One RGB picture for each seed, in order.

        Raises:
            BadSetting: a size, step count or guidance outside its range.
            Cancelled: the token was cancelled or expired; checked at each denoising step.
            OutOfMemory: the device has too little memory.
            GenerationFailed: the model gave no usable picture.
        """
        ...


@runtime_checkable
class Remarking(Protocol):
    """A generator that can say beforehand in which ways a request is not drawn as it was asked for."""

    def remarks(self, request: GenerationRequest) -> tuple[str, ...]:
        """A sentence for each, for people; none where the pictures come as asked.

        Raises:
            BadSetting: a number outside its range.
        """
        ...


@runtime_checkable
class Adapting(Protocol):
    """A generator that can draw one request with LoRAs on and the next without."""

    @property
    def takes_loras(self) -> bool:
        """Whether it does so as it is set up."""
        ...


@runtime_checkable
class Reusing(Protocol):
    """A generator of which it is known whether its edits compute little but what changes."""

    @property
    def reuses_source(self) -> bool:
        """Whether an edit with a region takes all else from its first reference."""
        ...


class Prompt(BaseModel):
    """One system line and one user turn of texts and pictures, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    system: str
    parts: tuple[str | Image.Image, ...]

    def then(self, text: str) -> "Prompt":
        """This prompt with a text added at the end of the user turn."""
        return Prompt(system=self.system, parts=(*self.parts, text))

    def before_last_words(self) -> "Prompt":
        """This prompt without the text that ends it: what it shares with other questions about the same pictures."""
        parts = self.parts[:-1] if self.parts and isinstance(self.parts[-1], str) else self.parts
        return Prompt(system=self.system, parts=parts)


class StandIn(BaseModel):
    """Who answered in place of the critic that was asked, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str
    model: str
    reason: str


class Reply(BaseModel):
    """What every answer of a critic tells besides itself: the tokens it took, and who gave it if a stand-in did.

    `cached_tokens` are those of `prompt_tokens` that a server had computed before, where it says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    stand_in: StandIn | None = None


class Completion(Reply):
    """What a critic wrote. `cut` is true when the token limit ended it."""

    text: str
    cut: bool = False


class YesNo(Reply):
    """Probabilities of yes, one for each question, in [0, 1]."""

    probabilities: tuple[float, ...]


class Chosen(Reply):
    """The probability of each option, in [0, 1], in their order; they add up to 1."""

    probabilities: tuple[float, ...]


class FirstTokens(Reply):
    """The likeliest first tokens of an answer with their probabilities, in [0, 1], as far as they were told."""

    tokens: tuple[tuple[str, float], ...]


TEMPERATURE = 0.7
"""Of texts that are drawn by chance, as EditScore draws its passes."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Yes/no questions that share a prompt; each is set at its end by itself."""

    prompt: Prompt
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """A prompt, and the short answers, such as letters, that may follow it."""

    prompt: Prompt
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Writing:
    """A prompt for a text of at most `max_tokens`, held to the JSON schema of `schema` where the critic can be held.

    With a `seed` it is drawn by chance, at `TEMPERATURE`, and not held; without one it is the likeliest text.
    """

    prompt: Prompt
    schema: type[BaseModel] | None = None
    max_tokens: int = 256
    seed: int | None = None


@runtime_checkable
class Critic(Protocol):
    """A multimodal language model that judges and reads: in this process, behind a URL, or scripted."""

    @property
    def backend(self) -> str:
        """`local`, `vllm`, `openai` or `scripted`, for the trace."""
        ...

    @property
    def model(self) -> str:
        """The model's name or folder, for the trace."""
        ...

    @property
    def profile(self) -> CriticProfile:
        """How it is asked, and how its answers are taken."""
        ...

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """p(yes) = P(yes)/(P(yes)+P(no)) of the first answer token, for each question.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: retryable faults of the critic.
            Cancelled: the token was cancelled or expired.
        """
        ...

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """Greedy text; the caller validates it all the same.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: retryable faults of the critic.
            Cancelled: the token was cancelled or expired.
        """
        ...


@runtime_checkable
class Meeting(Protocol):
    """A critic that has to be met before it is known how it wants to be asked, as one behind a URL."""

    def meet(self, *, token: CancelToken | None = None) -> None:
        """Learn the model's name, and with it the profile; at once where it is known.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: retryable faults of the critic.
            Cancelled: the token was cancelled or expired.
        """
        ...


@runtime_checkable
class Choosing(Protocol):
    """A critic that can tell the probability of each of several short answers. Others are asked to write one."""

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """The probability of each option as the answer's first token.

        Raises:
            BadSetting: two options begin with the same token, or there are none.
            CriticUnavailable, CriticTimeout, CriticBadOutput: retryable faults of the critic.
            Cancelled: the token was cancelled or expired.
        """
        ...


def check_request(request: GenerationRequest) -> None:
    """Return if every number of `request` lies in its range.

    Raises:
        BadSetting: naming the setting, the value met and the range allowed.
    """
    if len(request.references) > MAX_REFERENCES:
        raise setting_out_of_range(
            "the number of references", len(request.references), f"0 to {MAX_REFERENCES} pictures"
        )
    if not 1 <= len(request.seeds) <= MAX_BATCH:
        raise setting_out_of_range("the number of seeds", len(request.seeds), f"1 to {MAX_BATCH} seeds")
    for seed in request.seeds:
        _within("seed", seed, 0, MAX_SEED)
    for name in ("width", "height", "max_side"):
        _within(name, getattr(request, name), MIN_SIDE, MAX_SIDE)
    _within("steps", request.steps, 1, MAX_STEPS)
    for name in ("text_guidance", "image_guidance"):
        _within(name, getattr(request, name), 0.0, MAX_GUIDANCE)
    if request.region is not None:
        if not request.references:
            raise BadSetting("a region was given without a reference picture; give the picture that it is a part of")
        check_part(request.region)
    if request.cfg_range is not None:
        first, last = request.cfg_range
        if not 0.0 <= first <= last <= 1.0:
            raise setting_out_of_range("cfg_range", request.cfg_range, "(start, end) with 0 <= start <= end <= 1")


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        kind = "an integer" if isinstance(low, int) else "a number"
        raise setting_out_of_range(name, value, f"{kind} from {low} to {high}")
