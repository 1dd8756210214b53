"""How long a picture takes: measured while pictures are drawn, and told before the first by the profile or the card."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from omniagent.model import lifetime
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest, Previews, Step, Watching

_PATCH: Final = 256
_TEXT: Final = 150
_QUADRATIC: Final = 4e-5
"""Work of attention beside that of the weights, by token: 4 · layers · hidden / (2 · parameters) of the published
network (32 layers, 2,520 wide, 3.97 billion parameters)."""
_MOST_PIXELS: Final = 1024 * 1024
_FRESH: Final = 0.5

CARDS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "H200": 6.5, "H100": 7.1, "L40S": 19, "A100": 22, "A800": 26,
        "5090": 33, "4090": 42, "L4": 57, "A10": 57, "3090": 98,
    }
)  # fmt: skip
"""Seconds of a picture from words of the published network, 1024², 50 steps with guidance, by card.

The A800's is the authors' figure (OmniGen2's README: 26.05 s), H200's and H100's were measured here
(docs/performance.md), the others follow from operation counts at each card's bfloat16 rate.
"""

Source = Literal["measured", "profile", "card"]


class Pace(NamedTuple):
    """Seconds that one picture of a request takes, and by what that is known."""

    seconds: float
    source: Source


def picture_work(request: GenerationRequest, profile: GeneratorProfile) -> float:
    """Work of one denoising step of one picture, in tokens of the network's passes, attention included."""
    references = [min(_MOST_PIXELS, picture.width * picture.height) / _PATCH for picture in request.references]
    single = request.references[0] if len(request.references) == 1 else None
    width = request.width or (single.width if single else profile.width)
    height = request.height or (single.height if single else profile.height)
    noise = min(_MOST_PIXELS, width * height) / _PATCH
    text = profile.text_guidance if request.text_guidance is None else request.text_guidance
    image = profile.image_guidance if request.image_guidance is None else request.image_guidance
    whole, bare = noise + sum(references) + _TEXT, noise + _TEXT
    passes = [whole]
    if text > 1 and references and image > 1:
        passes += [whole, bare]
    elif text > 1:
        passes += [bare]
    return sum(tokens * (1 + _QUADRATIC * tokens) for tokens in passes)


@dataclass(slots=True)
class Clock:
    """What was seen of one generator's speed. Thread-safe.

    Args:
        profile: Of the generator; its `seconds_per_step` is of one picture from words at its default size.
        card: Name of the accelerator that it draws on; empty where there is none.
        usual: Steps of a request that names none, as a preset makes them; None: as the profile has them.
    """

    profile: GeneratorProfile
    card: str = ""
    usual: int | None = None
    _rates: dict[bool, float] = field(default_factory=dict[bool, float])
    _steps: int | None = None
    _lock: lifetime.Lock = field(default_factory=lifetime.Lock)

    def pace(self, request: GenerationRequest) -> Pace | None:
        """Seconds that one picture of such a request takes; None where nothing is known of this generator yet."""
        work = picture_work(request, self.profile)
        with self._lock:
            steps = request.steps or self._steps or self.usual or self.profile.steps
            # A preset may be faster in edits than from words; each kind tells of the other until it was seen itself.
            kind = bool(request.references)
            rate = self._rates.get(kind, self._rates.get(not kind))
        if rate is not None:
            return Pace(rate * work * steps, "measured")
        usual = picture_work(GenerationRequest(instruction=""), self.profile)
        if self.profile.seconds_per_step is not None:
            return Pace(self.profile.seconds_per_step * steps * work / usual, "profile")
        # "NVIDIA A100-SXM4-80GB"; what is for laptops is slower than the card of its name.
        parts = set(re.split(r"[\s-]+", self.card))
        known = next((seconds for name, seconds in CARDS.items() if name in parts), None)
        if known is None or "Laptop" in parts or self.profile.name != "omnigen2":
            return None
        return Pace(known / 50 * steps * work / usual, "card")

    def note(self, request: GenerationRequest, seconds: float, steps: int) -> None:
        """Take in that a step of one picture took so many seconds, of `steps` that a picture has."""
        rate = seconds / picture_work(request, self.profile)
        with self._lock:
            kind = bool(request.references)
            before = self._rates.get(kind)
            self._rates[kind] = rate if before is None else (1 - _FRESH) * before + _FRESH * rate
            if request.steps is None:
                self._steps = steps

    def watching(self, request: GenerationRequest, on_step: Step | None) -> Watch:
        """A step callback that measures before it passes on."""
        return Watch(self, request, on_step)


class Watch:
    """Measures one request by its steps: the first, which reads texts and pictures, is left out."""

    def __init__(self, clock: Clock, request: GenerationRequest, on_step: Step | None) -> None:
        self._clock, self._request, self._on_step = clock, request, on_step
        self._began = time.perf_counter()
        self._first: tuple[int, float] | None = None
        self._told = False

    def look(self, previews: Previews) -> None:
        """As `Watching`, for the callback that is called after this one."""
        if isinstance(self._on_step, Watching):
            self._on_step.look(previews)

    def __call__(self, done: int, steps: int) -> None:
        now = time.perf_counter()
        if self._first is None:
            self._first = done, now
        elif done > self._first[0] and (not self._told or done >= steps):
            # The second step, so that a first picture's time is known early, and all of them at the end.
            self._note((now - self._first[1]) / (done - self._first[0]), steps)
        if self._on_step is not None:
            self._on_step(done, steps)

    def finished(self) -> None:
        """The pictures are there; of a generator that told no steps only the whole is known."""
        if self._first is None:
            seeds = len(self._request.seeds)
            steps = self._request.steps or self._clock.profile.steps
            self._note((time.perf_counter() - self._began) / (seeds * steps), steps * seeds)

    def _note(self, seconds: float, steps: int) -> None:
        self._told = True
        self._clock.note(self._request, seconds, max(1, steps // len(self._request.seeds)))
