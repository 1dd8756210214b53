"""Consulting the critic: passing faults are waited out, JSON is checked, and the cost is counted.

A fault of the critic is never a verdict: after the last try it leaves as a typed error.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from PIL import Image
from pydantic import BaseModel, ValidationError

from omniagent.model.errors import CriticBadOutput, RetryableError
from omniagent.model.mllm.yes_no import json_objects, without_thought
from omniagent.model.requests import Completion, Prompt, YesNo
from omniagent.tools.prompts import describe_prompt
from omniagent.tools.record.trace import CriticConsulted, ToolErrored
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Usage

T = TypeVar("T", YesNo, Completion)
Draft = TypeVar("Draft", bound=BaseModel)

_SLICE = 0.1


class Answers(NamedTuple):
    """p(yes) for each question, and the cost."""

    probabilities: tuple[float, ...]
    usage: Usage


class Text(NamedTuple):
    """What the critic wrote, and the cost."""

    completion: Completion
    usage: Usage


def ask(context: ToolContext, tool: str, prompt: Prompt, questions: Sequence[str]) -> Answers:
    """All questions about one prompt in one call.

    Raises:
        CriticUnavailable, CriticTimeout, CriticBadOutput: still so after `critic_tries` tries, or no call is left.
        Cancelled: the token was cancelled or expired.
    """
    reply, usage = _patiently(
        context, tool, lambda: context.runtime.critic.yes_no(prompt, questions, token=context.token), len(questions)
    )
    if len(reply.probabilities) != len(questions):
        raise CriticBadOutput(
            f"the critic {context.runtime.critic.model} gave {len(reply.probabilities)} answers "
            f"to {len(questions)} questions; check its server"
        )
    return Answers(reply.probabilities, usage)


def write(
    context: ToolContext, tool: str, prompt: Prompt, max_tokens: int, schema: type[BaseModel] | None = None
) -> Text:
    """A text.

    Raises: as `ask`.
    """
    return Text(
        *_patiently(
            context,
            tool,
            lambda: context.runtime.critic.write(prompt, schema=schema, max_tokens=max_tokens, token=context.token),
        )
    )


class Description(NamedTuple):
    """What the critic says a picture shows, and the cost."""

    text: str
    usage: Usage


def describe(context: ToolContext, tool: str, image: Image.Image) -> Description:
    """The picture in words, on one line.

    Raises: as `ask`.
    """
    completion, usage = write(context, tool, describe_prompt(image), context.config.description_tokens)
    return Description(" ".join(completion.text.split()), usage)


def draft(context: ToolContext, tool: str, prompt: Prompt, schema: type[Draft], max_tokens: int) -> tuple[Draft, Usage]:
    """A JSON object of the schema; asked for once more when it is cut or does not fit.

    Raises: as `ask`; CriticBadOutput when the second answer does not fit either.
    """
    first, spent = write(context, tool, prompt, max_tokens, schema)
    try:
        return _parsed(first, schema), spent
    except ValidationError:
        second, more = write(context, tool, prompt, max_tokens * 2 if first.cut else max_tokens, schema)
    spent = spent.plus(**more.model_dump())
    try:
        return _parsed(second, schema), spent
    except ValidationError as error:
        state = "cut" if second.cut else "not of the schema"
        raise CriticBadOutput(
            f"the critic {context.runtime.critic.model} was asked twice for {schema.__name__}, its answer is {state}: "
            f"{second.text[:160]!r}; say the task in other words, or use a stronger critic"
        ) from error


def _parsed(completion: Completion, schema: type[Draft]) -> Draft:
    """The first object in a text that fits: in a fence, amid prose, or behind a block of thinking.

    Raises:
        ValidationError: of the first object, or of the whole text where it holds none.
    """
    said = without_thought(completion.text)
    fault: ValidationError | None = None
    for found in json_objects(said):
        try:
            return schema.model_validate_json(json.dumps(found))
        except ValidationError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    return schema.model_validate_json(said)


def _patiently(context: ToolContext, tool: str, call: Callable[[], T], questions: int = 0) -> tuple[T, Usage]:
    tries = context.config.critic_tries
    for attempt in range(1, tries + 1):
        context.token.check()
        context.calls.spend()
        started = time.perf_counter()
        try:
            reply = call()
        except RetryableError as error:
            if attempt == tries:
                raise
            seconds = time.perf_counter() - started
            context.trace.add(
                ToolErrored(
                    tool=tool,
                    seconds=seconds,
                    error=type(error).__name__,
                    message=f"{error} (will ask again)",
                    again=True,
                )
            )
            _pause(context, context.config.backoff * 2 ** (attempt - 1))
        else:
            seconds = time.perf_counter() - started
            context.trace.add(_consulted(context, tool, reply, questions=questions, tries=attempt, seconds=seconds))
            return reply, Usage(
                critic_calls=attempt,
                prompt_tokens=reply.prompt_tokens,
                cached_tokens=reply.cached_tokens,
                completion_tokens=reply.completion_tokens,
                critic_seconds=seconds,
            )
    raise AssertionError("unreachable: the last try returns or raises")


def _consulted(
    context: ToolContext, tool: str, reply: YesNo | Completion, *, questions: int, tries: int, seconds: float
) -> CriticConsulted:
    asked, other = context.runtime.critic, reply.stand_in
    return CriticConsulted(
        tool=tool,
        backend=asked.backend if other is None else other.backend,
        critic=asked.model if other is None else other.model,
        questions=questions,
        tries=tries,
        seconds=seconds,
        prompt_tokens=reply.prompt_tokens,
        cached_tokens=reply.cached_tokens,
        completion_tokens=reply.completion_tokens,
        stand_in_for="" if other is None else f"{asked.backend} {asked.model}: {other.reason}",
    )


def _pause(context: ToolContext, seconds: float) -> None:
    while seconds > 0:
        context.token.check()
        context.pause(min(_SLICE, seconds))
        seconds -= _SLICE
