"""Profiles: what a checkpoint or a served model is and wants, as data that travels with the model.

A profile is read once, when its model is loaded. It comes from, in this order: what the caller sets, the checkpoint's
`omniagent.json`, a built-in for the model's family, and `plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from omniagent.model.limits import MAX_SIDE, MIN_SIDE

Grounding = Literal["none", "pixels", "thousandths", "places"]


class _Profile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="plain", description="the profile's name, for doctor and trace")
    source: str = Field(default="the defaults", description="where it comes from and why it was chosen", exclude=True)

    @property
    def label(self) -> str:
        """Name and origin in one line."""
        return f"{self.name} ({self.source})"


P = TypeVar("P", bound=_Profile)


class GuidanceScales(BaseModel):
    """Guidance by mode; None leaves a mode to the profile's own scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generate: float | None = Field(default=None, ge=0, le=100)
    edit: float | None = Field(default=None, ge=0, le=100)
    compose: float | None = Field(default=None, ge=0, le=100)


class GeneratorProfile(_Profile):
    """What a generator leaves open in a request, what it can draw, and how the loop should use it.

    The defaults suit the published OmniGen2, whose authors recommend text guidance 4 to 5 and image guidance 1.2 to 2.0
    for edits (arXiv 2506.18871 and the usage notes of its repository).
    """

    width: int = Field(default=1024, ge=MIN_SIDE, le=MAX_SIDE, description="pixels, when no reference gives the size")
    height: int = Field(default=1024, ge=MIN_SIDE, le=MAX_SIDE, description="pixels")
    steps: int = Field(default=50, ge=1, le=1000, description="denoising steps")
    text_guidance: float = Field(default=4.0, ge=0, le=100, description="up to 1 is off")
    image_guidance: float = Field(default=2.0, ge=0, le=100, description="up to 1 is off; used with references only")
    text_by_mode: GuidanceScales = Field(default=GuidanceScales(), description="text guidance where a mode differs")
    image_by_mode: GuidanceScales = Field(default=GuidanceScales(), description="image guidance where a mode differs")
    cfg_range: tuple[float, float] = Field(default=(0.0, 1.0), description="part of the steps in which guidance acts")
    negative: str = Field(default="", description="negative prompt of requests that name none")
    sized_by_reference: bool = Field(
        default=False,
        description="of several pictures, the one that is changed or whose scene is used gives the new one its shape, "
        "at the area of the default size",
    )
    max_side: int = Field(
        default=1024,
        ge=MIN_SIDE,
        le=MAX_SIDE,
        description="longest side in pixels at which references are read, and a single one is edited, within 1024²",
    )
    references: int = Field(default=5, ge=0, le=5, description="given pictures that it takes at most")
    reference_mode: Literal["mode", "sample"] = Field(
        default="mode", description="how a reference's latent comes from the VAE's posterior"
    )
    resize_inputs: tuple[int, int] | None = Field(
        default=None, description="(width, height) in pixels that every reference is brought to; None: by size rules"
    )
    sides: tuple[int, int] | None = Field(
        default=None,
        description="(shortest, longest) side in pixels of the pictures it draws well; other sizes are drawn within "
        "and stretched to the size asked for, and that is said; None: any",
    )
    prompts: Literal["any", "omnigen2"] = Field(
        default="any", description="conventions of instructions: omnigen2 likes `Edit the first image: …`"
    )
    changes_at_once: int | None = Field(
        default=1,
        ge=1,
        description="an edit of more changes than so many is made in steps, each accepted before the next; None: all "
        "at once",
    )
    lacks: tuple[str, ...] = Field(
        default=(),
        description="abilities that it lacks, in a few words each; `conversation` keeps `omniagent chat` away",
    )
    domain: str | None = Field(default=None, description="what it can draw, in a sentence; None: anything")
    instead: str | None = Field(default=None, description="the model that a refusal recommends")
    examples: tuple[str, ...] = Field(default=(), description="tasks that a frontend may suggest; none: general ones")
    changed_from: float = Field(
        default=0.45,
        gt=0,
        description="for the preset `edit`: from this root mean squared difference of latents, whose spread is about "
        "1, a token of an edit counts as changed; directions that differ by RegionE's thresholds differ by so much",
    )
    loop: dict[str, JsonValue] = Field(default={}, description="loop policy where it should differ for this generator")
    preservation: dict[str, JsonValue] = Field(default={}, description="numbers of the pixel comparison of edits")
    seconds_per_step: float | None = Field(
        default=None,
        gt=0,
        description="of one picture from words at the default size, until steps were measured; foretells seconds",
    )

    @model_validator(mode="after")
    def _in_range(self) -> GeneratorProfile:
        start, end = self.cfg_range
        if not 0.0 <= start <= end <= 1.0:
            raise ValueError(f"cfg_range={self.cfg_range} must be (start, end) with 0 <= start <= end <= 1")
        if self.resize_inputs is not None and not all(MIN_SIDE <= side <= MAX_SIDE for side in self.resize_inputs):
            raise ValueError(f"resize_inputs={self.resize_inputs} must be two sides of {MIN_SIDE} to {MAX_SIDE} pixels")
        if self.sides is not None:
            short, long = self.sides
            own = sorted((self.width, self.height))
            if not MIN_SIDE <= short <= own[0] <= own[1] <= long <= MAX_SIDE:
                raise ValueError(
                    f"sides={self.sides} must be (shortest, longest) within {MIN_SIDE} to {MAX_SIDE} around the default"
                )
        return self


class Thresholds(BaseModel):
    """Which probabilities of yes are an answer; between the two lies `unsure`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: float = Field(default=0.6, ge=0, le=1, description="from here a verdict is yes")
    no: float = Field(default=0.4, ge=0, le=1, description="up to here a verdict is no")

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.no > self.yes:
            raise ValueError(f"no={self.no} must not exceed yes={self.yes}")
        return self


class Calibration(BaseModel):
    """What was measured of a critic on pictures whose truth is known (`omniagent calibrate`), as the agent uses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: str = Field(default="", description="the day, as YYYY-MM-DD")
    weights: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = Field(
        default={}, description="of each instrument by kind of requirement; 0: it does not count; left out: 1"
    )
    false_accept: float | None = Field(
        default=None, ge=0, le=1, description="share of wrong pictures that it accepts, at most (upper end of 95 %)"
    )


class CriticProfile(_Profile):
    """How a critic is asked and how its answers are taken."""

    dialect: str = Field(default="plain", description="the dialect that prompts are worded in and replies read by")
    thresholds: Thresholds = Field(default=Thresholds(), description="from which p(yes) a verdict is yes or no")
    thresholds_by_kind: dict[str, Thresholds] = Field(default={}, description="where a kind of requirement differs")
    describe_first: bool = Field(
        default=False, description="whether it judges better with its own description of the picture before its eyes"
    )
    picture_size: tuple[int, int] | None = Field(
        default=None, description="(width, height) in pixels that every picture is brought to before it looks"
    )
    plan_pixels: int | None = Field(default=None, gt=0, description="pictures of a text are shrunk to this many pixels")
    verdict_pixels: int | None = Field(default=None, gt=0, description="judged pictures are shrunk to this many pixels")
    grounding: Grounding = Field(default="none", description="how it gives the boxes of objects")
    samples: int = Field(default=1, ge=1, le=16, description="passes by chance that an edit's marks are the mean of")
    ranks: bool = Field(default=False, description="whether it gives edits marks by which they are put in order")
    plan_tokens: int = Field(default=1024, ge=16, description="most tokens of a plan or checklist")
    repair_tokens: int = Field(default=384, ge=16, description="most tokens of a repair")
    answer_tokens: int = Field(default=512, ge=1, description="most tokens of an answer in words")
    description_tokens: int = Field(default=256, ge=1, description="most tokens of a description")
    known_pictures: tuple[str, ...] = Field(
        default=(), description="sets of known pictures that fit it (`omniagent calibrate`); none: all, in plain words"
    )
    calibration: Calibration | None = Field(default=None, description="measured error rates of this critic")
    pinned: bool = Field(
        default=False, exclude=True, description="the caller set its thresholds, so that no calibration replaces them"
    )

    def thresholds_for(self, kind: str) -> Thresholds:
        """The thresholds of a kind of requirement."""
        return self.thresholds_by_kind.get(kind, self.thresholds)

    def weights_for(self, kind: str) -> Mapping[str, float]:
        """The weight of each instrument for a kind of requirement; one that is left out weighs 1."""
        return {} if self.calibration is None else self.calibration.weights.get(kind, {})


PUBLISHED_NEGATIVE: Final = (
    "(((deformed))), blurry, over saturation, bad anatomy, disfigured, poorly drawn face, mutation, mutated, "
    "(extra_limb), (ugly), (poorly drawn hands), fused fingers, messy drawing, broken legs censor, censored, censor_bar"
)
"""What the programs of OmniGen2's authors (inference.py, app.py, the OmniContext benchmark) say in every mode."""

GENERATORS: Final[Mapping[str, GeneratorProfile]] = MappingProxyType(
    {
        "omnigen2": GeneratorProfile(
            name="omnigen2",
            negative=PUBLISHED_NEGATIVE,
            # Of pictures from words the authors' example script says 4.0; 5.0, the default of their program, hardens
            # contrast and colours there. Their scripts for given pictures keep 5.0.
            text_by_mode=GuidanceScales(generate=4.0, edit=5.0, compose=5.0),
            # As their web page reads pictures: a photo of 4:3 keeps its megapixel, where 1024 leaves 0.79 of it.
            max_side=2048,
            image_by_mode=GuidanceScales(edit=1.8, compose=2.8),
            sized_by_reference=True,
            prompts="omnigen2",
            lacks=("changing text in a given picture", "Chinese text"),
        ),
        # Built on OmniGen2's program; edits one picture at a time, and its Turbo checkpoints take four unguided steps.
        "boogu": GeneratorProfile(name="boogu", references=1, prompts="omnigen2", max_side=2048),
        "boogu-turbo": GeneratorProfile(
            name="boogu-turbo",
            references=1,
            prompts="omnigen2",
            max_side=2048,
            steps=4,
            text_guidance=1.0,
            image_guidance=1.0,
        ),
        "plain": GeneratorProfile(),
    }
)
"""Generator profiles by family."""

_QWEN_PIXELS: Final[dict[str, Any]] = {"plan_pixels": 1_000_000, "verdict_pixels": 1_600_000}

CRITICS: Final[Mapping[str, CriticProfile]] = MappingProxyType(
    {
        "qwen2.5-vl": CriticProfile(name="qwen2.5-vl", grounding="pixels", **_QWEN_PIXELS),
        "qwen3-vl": CriticProfile(name="qwen3-vl", grounding="thousandths", **_QWEN_PIXELS),
        "editscore": CriticProfile(
            name="editscore", samples=4, ranks=True, plan_pixels=500_000, verdict_pixels=500_000
        ),
        "omniverifier": CriticProfile(
            name="omniverifier", dialect="verifier", grounding="pixels", repair_tokens=1024, **_QWEN_PIXELS
        ),
        "plain": CriticProfile(**_QWEN_PIXELS),
    }
)
"""Critic profiles by family."""

FINE_TUNES: Final = frozenset({"editscore", "omniverifier"})
"""Critics that have the architecture of another family, so that only their name tells them."""

_GENERATOR_NAMES: Final = (
    (re.compile(r"boogu.*turbo", re.IGNORECASE), "boogu-turbo"),
    (re.compile(r"boogu", re.IGNORECASE), "boogu"),
    (re.compile(r"omnigen[-_. ]?2", re.IGNORECASE), "omnigen2"),
)
_CRITIC_NAMES: Final = (
    (re.compile(r"edit[-_ ]?score", re.IGNORECASE), "editscore"),
    (re.compile(r"omni[-_ ]?verifier", re.IGNORECASE), "omniverifier"),
    (re.compile(r"qwen[-_ ]?2[-._]?5[-_]?vl", re.IGNORECASE), "qwen2.5-vl"),
    (re.compile(r"qwen[-_ ]?3[-_]?vl", re.IGNORECASE), "qwen3-vl"),
)


def generator_named(name: str) -> GeneratorProfile:
    """The built-in profile of the family that a served generator's name tells, else `plain`."""
    return _by_name(name, _GENERATOR_NAMES, GENERATORS)


def critic_named(name: str) -> CriticProfile:
    """The built-in profile of the family that a critic's name or `model_type` tells, else `plain`."""
    return _by_name(name, _CRITIC_NAMES, CRITICS)


def _by_name(name: str, patterns: Sequence[tuple[re.Pattern[str], str]], known: Mapping[str, P]) -> P:
    family = next((family for pattern, family in patterns if pattern.search(name)), None)
    if family is None:
        return known["plain"].model_copy(update={"source": f"no family is known by the name {name!r}"})
    return known[family].model_copy(update={"source": f"built in, by the name {name!r}"})
