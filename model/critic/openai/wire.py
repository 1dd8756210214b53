"""What goes over the wire to an OpenAI-compatible server and how its answers are read; no network here."""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

import httpx
from PIL import Image
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from omniagent.model.errors import setting_out_of_range
from omniagent.model.mllm.schemas import bounded
from omniagent.model.requests import Prompt


def _or(default: object) -> WrapValidator:
    """For a field that no answer is lost for: `default` where it cannot be read."""

    def read(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError:
            return default

    return WrapValidator(read)


class _Answer(BaseModel):
    """The part of an answer that is looked at; servers say much more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Tokens = Annotated[int, Field(ge=0, lt=2**31), _or(0)]


class PromptDetails(_Answer):
    """`cached_tokens` are those that the server had computed before."""

    cached_tokens: Tokens = 0


class Usage(_Answer):
    """What an answer cost; zeros where the server says nothing that is a count."""

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    prompt_tokens_details: Annotated[PromptDetails, _or(PromptDetails())] = PromptDetails()


class Likely(_Answer):
    """A token that may stand at a place, and the natural logarithm of its probability."""

    token: Annotated[str, _or("")] = ""
    logprob: Annotated[float, _or(-math.inf)] = -math.inf


class Place(_Answer):
    """One place of a text: the likeliest tokens there."""

    top_logprobs: Annotated[tuple[Likely, ...], _or(())] = ()


class Logprobs(_Answer):
    """The places of a text, where the server tells."""

    content: tuple[Place, ...] | None = None


def _whole(text: str) -> str:
    # JSON may hold half of a surrogate pair, which no file takes.
    return text.encode("utf-8", "replace").decode()


def _joined(value: Any) -> Any:
    """The text of a content that is a list of parts; parts of other kinds are left out."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        return value
    texts = (part.get("text") for part in value)
    return "".join(text for text in texts if isinstance(text, str))


Text = Annotated[str | None, BeforeValidator(_joined), AfterValidator(lambda text: text and _whole(text))]
Aside = Annotated[str | None, AfterValidator(lambda text: text and _whole(text)), _or(None)]


class Message(_Answer):
    """What a model said; some servers keep what it thought apart, and say apart that it refuses."""

    content: Text = None
    refusal: Aside = None
    reasoning_content: Aside = None
    reasoning: Aside = None


class Choice(_Answer):
    """One answer of a model; `index` is its place among several."""

    index: Annotated[int | None, _or(None)] = None
    message: Message
    finish_reason: object = None
    logprobs: Annotated[Logprobs | None, _or(None)] = None

    @property
    def said(self) -> str:
        """The answer; where there is none, what the model thought to its end, in which some servers hide it."""
        thought = self.message.reasoning_content or self.message.reasoning or ""
        return self.message.content or ("" if self.finish_reason == "length" else thought)


class ChatAnswer(_Answer):
    """A chat completion."""

    choices: tuple[Choice, ...] = Field(min_length=1)
    usage: Annotated[Usage, _or(Usage())] = Usage()
    model: Annotated[str, _or("")] = ""


class ListedModel(_Answer):
    """A model that a server lists."""

    id: str
    owned_by: object = None


class ModelList(_Answer):
    """The models of a server; some say null for none."""

    data: tuple[ListedModel, ...] | None


A = TypeVar("A", ChatAnswer, ModelList)


def read_answer(kind: type[A], body: object) -> A:
    """A server's answer, from parsed JSON, or from the text that a wrong content type left.

    Raises:
        ValidationError: it has another shape.
    """
    return kind.model_validate_json(body) if isinstance(body, str) else kind.model_validate(body)


def checked_url(url: str, whose: str) -> str:
    """A base URL without its last slash.

    Raises:
        BadSetting: it is no http URL that a connection can be made to.
    """
    try:
        parsed = httpx.URL(url)
        # Names that this refuses would fail in the middle of a run, when they are looked up.
        parsed.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL()
    port = 80 if parsed.port is None else parsed.port
    if parsed.scheme not in ("http", "https") or not parsed.host or not 1 <= port <= 65535:
        allowed = "an http URL with a host and a port from 1 to 65535, such as http://127.0.0.1:8000/v1"
        raise setting_out_of_range(f"the URL of {whose}", url, allowed)
    return url.rstrip("/")


def data_url(image: Image.Image) -> str:
    """A picture as a base64 PNG data URL of its RGB pixels alone: text chunks, EXIF and colour profiles stay behind."""
    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def messages(prompt: Prompt, pictures: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a prompt, none of the system where it has no words for it.

    `pictures` are the content parts of its pictures in order.
    """
    ready = iter(pictures)
    content = [{"type": "text", "text": part} if isinstance(part, str) else next(ready) for part in prompt.parts]
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    return [*system, {"role": "user", "content": content}]


def schema_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A `response_format` that holds the answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def format_of(schema: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` of a pydantic class, with every text and list bounded."""
    return schema_format(schema.__name__, bounded(schema.model_json_schema()))


def retry_after(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, from a number or an HTTP date; None when it says nothing."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
