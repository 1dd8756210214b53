"""What the endpoints take, as pydantic models. What has no meaning here is refused by name, never passed over."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from omniagent.http.pictures.output import OutputFormat
from omniagent.model.limits import MAX_REFERENCES, MAX_SEED
from omniagent.runs.options import size_of
from omniagent.tools.intake.task import MAX_CHARACTERS
from omniagent.tools.types import Mode

Asked = Literal["generate", "edit", "compose", "answer"]
_MOST = MAX_CHARACTERS


def _sized(value: str | None) -> str | None:
    if value is not None and value.strip().lower() == "auto":
        return None
    size_of(value)
    return value


def _opaque(value: str | None) -> str | None:
    if value == "transparent":
        raise ValueError("pictures are drawn without transparency; give opaque or auto")
    return value


def _unsupported(value: object, info: ValidationInfo) -> None:
    if value is not None:
        raise ValueError(f"this server has no {info.field_name}; leave it out")


Size = Annotated[
    Annotated[str, Field(max_length=40)] | None,
    AfterValidator(_sized),
    Field(description="`auto`, or WxH in pixels with sides from 16 to 4096, for example 512x512"),
]
Seed = Annotated[
    int | None,
    Field(ge=0, le=MAX_SEED, description="The same seed gives the same picture; left out: a random one, told back"),
]
MaxRounds = Annotated[
    int | None, Field(ge=1, le=100, description="Rounds of drawing and looking, at most the server's own")
]
TimeLimit = Annotated[
    float | None, Field(ge=0.001, allow_inf_nan=False, description="Seconds, at most the server's own; then the best")
]
Nothing = Annotated[None, BeforeValidator(_unsupported), Field(description="not supported; refused")]


class Body(BaseModel):
    """Base of all bodies: unknown names are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ImageOptions(Body):
    """What generations and edits have in common."""

    prompt: str = Field(min_length=1, max_length=_MOST, description="What to draw or change, in words")
    model: str | None = Field(default=None, max_length=200, description="One of GET /v1/models")
    n: int | None = Field(default=1, ge=1, le=10, description="Pictures, each from a run of its own: seed, seed + 1, …")
    size: Size = None
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = Field(
        default=None, description="low: one round; medium: up to two; else all rounds that the server allows"
    )
    background: Annotated[Literal["auto", "opaque", "transparent"] | None, AfterValidator(_opaque)] = None
    output_format: OutputFormat | None = None
    output_compression: int | None = Field(
        default=None, ge=0, le=100, description="Quality of JPEG and WebP; without it WebP is lossless"
    )
    response_format: Literal["b64_json", "url"] | None = None
    stream: bool | None = None
    partial_images: int | None = Field(
        default=None, ge=0, le=3, description="With stream: how many attempts of a picture are sent as drafts"
    )
    moderation: Literal["auto", "low"] | None = Field(default=None, description="Taken and without effect")
    user: str | None = Field(default=None, max_length=512, description="Given back as safety_identifier")
    safety_identifier: str | None = Field(default=None, max_length=512)
    seed: Seed = None
    max_rounds: MaxRounds = None
    time_limit: TimeLimit = None
    mode: Asked | None = Field(default=None, description="In place of what the endpoint says")
    style: Nothing = None
    complexity: Nothing = None
    svg: Nothing = None
    frame_count: Nothing = None
    frame_duration_ms: Nothing = None

    @property
    def form(self) -> OutputFormat:
        """The format of the pictures."""
        return self.output_format or "png"

    @property
    def identifier(self) -> str | None:
        """Whom the client speaks for."""
        return self.safety_identifier or self.user or None


class GenerateBody(ImageOptions):
    """A picture from words."""


class EditOptions(ImageOptions):
    """A change of pictures, which travel beside these."""

    input_fidelity: Literal["high"] | None = Field(
        default=None, description="Only high: what is not to change is always kept as well as the model can"
    )
    markup: Nothing = None


class PictureReference(Body):
    """A picture within JSON."""

    image_url: str = Field(description="a data: URI; an http(s) URL only where the server fetches them")


class EditBody(EditOptions):
    """An edit as JSON."""

    images: tuple[PictureReference, ...] = Field(min_length=1, max_length=MAX_REFERENCES)
    mask: PictureReference | None = Field(default=None, description="transparent where image 1 may change")


class RunBody(Body):
    """A run: it goes on without a client that waits for it."""

    task: str = Field(min_length=1, max_length=_MOST, description="What to draw, change or answer, in words")
    images: tuple[str, ...] = Field(
        default=(), max_length=MAX_REFERENCES, description="data: URIs or base64; http(s) URLs where the server fetches"
    )
    mask: str | None = Field(default=None, description="A picture of image 1's size, transparent where it may change")
    seed: Seed = None
    size: Size = None
    max_rounds: MaxRounds = None
    time_limit: TimeLimit = None
    mode: Asked | None = Field(default=None, description="In place of the agent's own reading of the task")


class ForkBody(Body):
    """How the new run differs. Without an attempt it is the same task again, else a change of that attempt."""

    attempt: str | None = Field(
        default=None, pattern=r"^a\d{1,6}$", description="Its picture becomes image 1 of the new run"
    )
    instruction: str | None = Field(
        default=None, min_length=1, max_length=_MOST, description="The new task; needed with an attempt"
    )
    seed: Seed = None
    size: Size = None
    max_rounds: MaxRounds = None
    time_limit: TimeLimit = None
    mode: Asked | None = None


class ResumeBody(Body):
    """What a run that came to a stop may spend now."""

    max_rounds: MaxRounds = None
    time_limit: TimeLimit = None


def asked_mode(mode: Asked | None, default: Mode | None) -> Mode | None:
    """The mode that was asked for, else the default."""
    return default if mode is None else mode
