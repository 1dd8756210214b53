"""The numbers that the tools work with; the face reads them from the environment or a caller."""

from typing import Self

from pydantic import Field, model_validator

from omniagent.tools.types import Word


class CriticThresholds(Word):
    """Which probabilities of yes are an answer; between the two lies `unsure`."""

    yes: float = Field(default=0.6, ge=0, le=1)
    no: float = Field(default=0.4, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.no > self.yes:
            raise ValueError(f"no={self.no} must not exceed yes={self.yes}")
        return self


class CallRules(Word):
    """How strongly text and pictures steer, by mode; None leaves the choice to the checkpoint.

    The published OmniGen2 works best with text 4 to 5, and pictures 1.2 to 2.0 for edits, 2.5 to 3.0 in context; of
    several pictures, one gives the new one its size (`sized`).
    """

    text: float | None = None
    edit: float | None = None
    compose: float | None = None
    sized: bool = False


class ToolConfig(Word):
    """What the tools may be told. Seconds, tokens, and how often a critic that fails is asked again."""

    thresholds: CriticThresholds = CriticThresholds()
    call: CallRules = CallRules()
    describe_first: bool | None = Field(
        default=None,
        description="whether the critic describes a picture before it judges it; None leaves it to the checkpoint",
    )
    plain_requests: bool | None = Field(
        default=None,
        description="whether requests and questions reach the critic in plain form: lower case, one line, no "
        "punctuation around them; None leaves it to the checkpoint",
    )
    description_tokens: int = Field(default=128, ge=1)
    critic_tries: int = Field(default=3, ge=1, le=10)
    backoff: float = Field(default=0.5, ge=0, description="seconds before the second try; doubles each time")
    plan_tokens: int = Field(default=640, ge=16)
    repair_tokens: int = Field(default=256, ge=16)
    answer_tokens: int = Field(default=48, ge=1)
