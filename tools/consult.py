"""Consulting the critic: passing faults are waited out, a stand-in is asked in its own dialect, costs are counted.

A fault of the critic is never a verdict: after the last try it leaves as a typed error.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from PIL import Image
from pydantic import BaseModel

from omniagent.model.critic.choices import choose
from omniagent.model.errors import CriticBadOutput, RetryableError
from omniagent.model.guarded import GuardedCritic
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Completion, Critic, Options, Prompt, Questions, Reply, StandIn, Writing
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.pixels import within
from omniagent.tools.record.trace import CriticConsulted, ToolErrored
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Usage

T = TypeVar("T")

_SLICE = 0.1


@dataclass(frozen=True, slots=True)
class Consulted(Generic[T]):
    """What came of a consultation, what it cost, and the profile of the critic that answered."""

    value: T
    usage: Usage
    profile: CriticProfile


@dataclass(slots=True)
class Desk:
    """One critic at work for one tool: a `Consultation` of the dialects. Every call is counted and traced."""

    context: ToolContext
    tool: str
    critic: Critic
    stand_in: StandIn | None
    tries: int
    usage: Usage = field(default_factory=Usage)
    _read: set[tuple[int | str, ...]] = field(default_factory=set[tuple[int | str, ...]])
    _kept: list[Prompt] = field(default_factory=list[Prompt])

    @property
    def profile(self) -> CriticProfile:
        """Of this critic, with what the caller set in its place."""
        return self.context.config.over(self.critic.profile)

    def yes_no(self, prompt: Prompt, questions: Sequence[str]) -> tuple[float, ...]:
        """p(yes) of each question.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: faults of the critic, or no call is left.
            Cancelled: the token was cancelled or expired.
        """
        call = Questions(within(prompt, self.profile.verdict_pixels), tuple(questions))
        new = self._is_new(prompt)
        reply = self._counted(lambda: self.critic.yes_no(call, token=self.context.token), len(questions), new)
        if len(reply.probabilities) != len(questions):
            raise CriticBadOutput(
                f"the critic {self.critic.model} gave {len(reply.probabilities)} answers "
                f"to {len(questions)} questions; check its server"
            )
        self._check(reply.probabilities)
        return reply.probabilities

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option. Raises: as `yes_no`."""
        reply = self._counted(
            lambda: choose(
                self.critic, Options(within(prompt, self.profile.verdict_pixels), tuple(options)), self.context.token
            ),
            1,
            self._is_new(prompt.before_last_words()),
        )
        self._check(reply.probabilities)
        return reply.probabilities

    def write(self, prompt: Prompt, *, max_tokens: int, schema: type[BaseModel] | None = None) -> Completion:
        """A text. Raises: as `yes_no`."""
        call = Writing(within(prompt, self.profile.plan_pixels), schema, max_tokens)
        return self._counted(lambda: self.critic.write(call, token=self.context.token), 0, True)

    def sample(self, prompt: Prompt, *, max_tokens: int, seed: int) -> Completion:
        """A text drawn by chance. Raises: as `yes_no`."""
        call = Writing(within(prompt, self.profile.verdict_pixels), None, max_tokens, seed)
        return self._counted(lambda: self.critic.write(call, token=self.context.token), 0, True)

    def describe(self, image: Image.Image) -> str:
        """The picture in words, on one line. Raises: as `yes_no`."""
        prompt = dialect_of(self.profile).describe(image)
        return " ".join(self.write(prompt, max_tokens=self.profile.description_tokens).text.split())

    def _check(self, probabilities: Sequence[float]) -> None:
        # Not a number is within no bounds.
        if (wrong := next((one for one in probabilities if not 0.0 <= one <= 1.0), None)) is not None:
            raise CriticBadOutput(
                f"the critic {self.critic.model} gave the probability {wrong}; it must lie in 0 to 1: check its server"
            )

    def _is_new(self, prompt: Prompt) -> bool:
        """Whether no earlier question at this desk was put after the same pictures and words."""
        key = (prompt.system, *(part if isinstance(part, str) else id(part) for part in prompt.parts))
        self._kept.append(prompt)
        new = key not in self._read
        self._read.add(key)
        return new

    def _counted(self, call: "Callable[[], R]", questions: int, prefill: bool) -> "R":
        context, other, asked = self.context, self.stand_in, self.context.runtime.critic
        context.token.check()
        context.calls.spend()
        started = time.perf_counter()
        try:
            reply = call()
        except RetryableError:
            self.usage = self.usage.plus(critic_calls=1)
            raise
        seconds = time.perf_counter() - started
        context.trace.add(
            CriticConsulted(
                tool=self.tool,
                backend=self.critic.backend,
                critic=self.critic.model,
                questions=questions,
                tries=self.tries,
                prefills=int(prefill),
                seconds=seconds,
                prompt_tokens=reply.prompt_tokens,
                cached_tokens=reply.cached_tokens,
                completion_tokens=reply.completion_tokens,
                stand_in_for="" if other is None else f"{asked.backend} {asked.model}: {other.reason}",
            )
        )
        self.usage = self.usage.plus(
            critic_calls=1,
            prefills=int(prefill),
            prompt_tokens=reply.prompt_tokens,
            cached_tokens=reply.cached_tokens,
            completion_tokens=reply.completion_tokens,
            critic_seconds=seconds,
        )
        return reply


R = TypeVar("R", bound=Reply)


def consult(
    context: ToolContext, tool: str, work: Callable[[Desk], T], critic: GuardedCritic | None = None
) -> Consulted[T]:
    """Have `work` done with the critic, or with its stand-in, or with another `critic`; passing faults are waited out.

    `work` may be called several times, once for each try and critic.

    Raises:
        CriticUnavailable, CriticTimeout, CriticBadOutput: still so after `critic_tries` tries, or no call is left.
        Cancelled: the token was cancelled or expired.
    """
    tries, desks = context.config.critic_tries, list[Desk]()

    def at_desk(critic: Critic, stand_in: StandIn | None) -> T:
        desks.append(Desk(context, tool, critic, stand_in, attempt))
        return work(desks[-1])

    for attempt in range(1, tries + 1):
        started = time.perf_counter()
        try:
            value = (critic or context.runtime.critic).consult(at_desk, context.token)
        except Unreadable:
            # The dialect has asked again already.
            raise
        except RetryableError as error:
            if attempt == tries:
                raise
            context.trace.add(
                ToolErrored(
                    tool=tool,
                    seconds=time.perf_counter() - started,
                    error=type(error).__name__,
                    message=f"{error} (will ask again)",
                    again=True,
                )
            )
            _pause(context, context.config.backoff * 2 ** (attempt - 1))
        else:
            spent = Usage()
            for desk in desks:
                spent = spent.plus(**desk.usage.model_dump())
            return Consulted(value, spent, desks[-1].profile)
    raise AssertionError("unreachable: the last try returns or raises")


def _pause(context: ToolContext, seconds: float) -> None:
    while seconds > 0:
        context.token.check()
        context.pause(min(_SLICE, seconds))
        seconds -= _SLICE
