"""The arguments that other agents give, read as they mean them: the schemas behind MCP and LangChain.

Language models send numbers as words, one path where a list is wanted, and null for what they leave out. What has one
meaning is taken; what is unknown or has none is refused by name, and never passed over.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from omniagent.model.limits import MAX_REFERENCES, MAX_SEED
from omniagent.model.wording import fault
from omniagent.runs.options import RANDOM_SEED, size_of

_NOTHING = ("", "null", "none", "undefined")


def _number(value: object) -> object:
    """A number or None, also as words; true and false are neither."""
    if isinstance(value, bool):
        raise ValueError("give a number")
    if isinstance(value, str) and value.strip().lower() in _NOTHING:
        return None
    return value


def _seed(value: object) -> object:
    number = _number(value)
    return RANDOM_SEED if number is None else number


def _texts(value: object) -> object:
    """A list of texts, given as such, as one text, as JSON, or as null."""
    if value is None:
        return ()
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _NOTHING:
            return ()
        return _listed(text) if text.startswith("[") else (value,)
    if isinstance(value, list | tuple) and all(one in (None, "") for one in value):
        return ()
    return value


def _listed(text: str) -> object:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return (text,)
    return found if isinstance(found, list) else (text,)


def _text(value: object) -> object:
    """One text, also as the only one of a list."""
    many = _texts(value)
    return many[0] if isinstance(many, list | tuple) and len(many) == 1 else value


def _count(value: object) -> object:
    number = _number(value)
    return 10 if number is None else number


def _words(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in _NOTHING else value


def _choice(value: object) -> object:
    """One of a few words, in any case; what stands for nothing is None."""
    named = _words(value)
    return named.strip().lower() if isinstance(named, str) else named


def _switch(value: object) -> object:
    return False if value is None or _words(value) is None else value


def _size(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in _NOTHING:
        return None
    if isinstance(value, list | tuple) and len(value) == 2:
        value = f"{value[0]}x{value[1]}"
    if isinstance(value, Mapping) and set(value) == {"width", "height"}:
        value = f"{value['width']}x{value['height']}"
    if isinstance(value, str):
        size_of(value)
    return value


class Arguments(BaseModel):
    """Base of a tool's arguments: unknown ones are an error, and the schema says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Pictures = Annotated[tuple[str, ...], BeforeValidator(_texts)]
OnePicture = Annotated[
    str,
    BeforeValidator(_text),
    Field(description="File path, file: or data: URI, base64, or the id of an earlier run"),
]


class _Drawing(Arguments):
    seed: Annotated[int, BeforeValidator(_seed)] = Field(
        default=0,
        description="Same seed, same picture; -1: a random one, told in the result",
        ge=RANDOM_SEED,
        le=MAX_SEED,
    )
    size: Annotated[str | None, BeforeValidator(_size)] = Field(default=None, description="WxH in pixels, as 512x512")
    candidates: Annotated[int | None, BeforeValidator(_number)] = Field(
        default=None, description="Pictures drawn together in a round", ge=1, le=16
    )
    max_rounds: Annotated[int | None, BeforeValidator(_number)] = Field(
        default=None, description="Rounds of drawing and looking at most", ge=1, le=100
    )
    time_limit: Annotated[float | None, BeforeValidator(_number)] = Field(
        default=None, description="Seconds; then the best picture so far", gt=0, allow_inf_nan=False
    )
    thread_id: Annotated[str | None, BeforeValidator(_words)] = Field(
        default=None, description="Names the run; the same call again goes on with it"
    )


class CreateArguments(_Drawing):
    """What `create_image` may be told."""

    task: str = Field(description='What to draw, change or answer; call the pictures "image 1", "image 2", …')
    images: Pictures = Field(
        default=(),
        description="Input pictures: file paths, file: or data: URIs, base64, or ids of earlier runs",
        max_length=MAX_REFERENCES,
    )
    mode: Annotated[Literal["generate", "edit", "compose", "answer"] | None, BeforeValidator(_choice)] = Field(
        default=None, description="In place of the agent's own reading of the task"
    )


class EditArguments(_Drawing):
    """What `edit_image` may be told."""

    task: str = Field(description='What to change, and what to keep; of several pictures call them "image 1", …')
    images: Pictures = Field(
        description="1 to 5 pictures: file paths, file: or data: URIs, base64, or ids of earlier runs",
        min_length=1,
        max_length=MAX_REFERENCES,
    )

    def as_create(self) -> CreateArguments:
        """The same for `create_image`: one picture is edited, of several the agent reads what is meant."""
        mode = "edit" if len(self.images) == 1 else None
        return CreateArguments.model_construct(**dict(self), mode=mode)


class CheckArguments(Arguments):
    """What `check_image` may be told."""

    image: OnePicture
    questions: Annotated[tuple[str, ...], BeforeValidator(_texts)] = Field(
        default=(), description="Yes/no questions, at most 32", max_length=32
    )
    task: Annotated[str | None, BeforeValidator(_words)] = Field(
        default=None, description="Without questions: the words that the picture should fit"
    )


class DescribeArguments(Arguments):
    """What `describe_image` may be told."""

    image: OnePicture
    question: Annotated[str | None, BeforeValidator(_words)] = Field(
        default=None, description="Answer this in place of a description"
    )


class GetRunArguments(Arguments):
    """What `get_run` may be told."""

    run_id: Annotated[str, BeforeValidator(_text)]
    wait: Annotated[float | None, BeforeValidator(_number)] = Field(
        default=None, description="Seconds to wait for its end at most", ge=0, allow_inf_nan=False
    )
    cancel: Annotated[bool, BeforeValidator(_switch)] = Field(
        default=False, description="Stop it with its best picture"
    )


class ListRunsArguments(Arguments):
    """What `list_runs` may be told."""

    limit: Annotated[int, BeforeValidator(_count)] = Field(default=10, ge=1, le=50)


def refusal(error: ValidationError, arguments: type[Arguments]) -> str:
    """What the caller is told of arguments that do not fit: which, why, and what there is."""
    told = fault(error, arguments.model_fields)
    first: Any = error.errors(include_url=False)[0]
    return f"the argument {told}" if first["loc"] else told
