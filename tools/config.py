"""What a caller may set for the tools; what is left open is the profile's to say."""

from pydantic import Field, model_validator

from omniagent.model.limits import MAX_SIDE, MIN_SIDE
from omniagent.model.profile import CriticProfile, Thresholds
from omniagent.tools.types import Word


class ThresholdSettings(Word):
    """Which probabilities of yes are an answer; between the two lies `unsure`. None: as the critic's profile says."""

    yes: float | None = Field(default=None, ge=0, le=1, description="from here a verdict is yes")
    no: float | None = Field(default=None, ge=0, le=1, description="up to here a verdict is no")

    @model_validator(mode="after")
    def _ordered(self) -> "ThresholdSettings":
        if self.yes is not None and self.no is not None and self.no > self.yes:
            raise ValueError(f"no={self.no} must not exceed yes={self.yes}")
        return self

    def over(self, own: Thresholds) -> Thresholds:
        """These thresholds where they are set, else the profile's; `yes` is never below `no`."""
        no = own.no if self.no is None else self.no
        yes = own.yes if self.yes is None else self.yes
        return Thresholds(yes=max(yes, no) if self.yes is None else yes, no=min(no, yes) if self.no is None else no)


class GuidanceSettings(Word):
    """How strongly text and pictures steer, in place of the generator's profile; None leaves it to that."""

    text: float | None = Field(default=None, description="text guidance of every mode")
    edit: float | None = Field(default=None, description="image guidance of edits")
    compose: float | None = Field(default=None, description="image guidance of compositions")
    sized: bool | None = Field(
        default=None, description="whether, of several pictures, one gives the new picture its shape"
    )
    negative: str | None = Field(default=None, description="negative prompt of every mode; empty: none")
    max_side: int | None = Field(
        default=None,
        ge=MIN_SIDE,
        le=MAX_SIDE,
        description="longest side in pixels at which given pictures are read and a single one is edited",
    )


class ToolConfig(Word):
    """What the tools may be told. None leaves it to the profile of the model at hand."""

    thresholds: ThresholdSettings = ThresholdSettings()
    call: GuidanceSettings = GuidanceSettings()
    describe_first: bool | None = Field(
        default=None, description="whether the critic describes a picture before it judges it"
    )
    description_tokens: int | None = Field(default=None, ge=1, description="most tokens of a description")
    plan_tokens: int | None = Field(default=None, ge=16, description="most tokens of a plan")
    repair_tokens: int | None = Field(default=None, ge=16, description="most tokens of a repair")
    answer_tokens: int | None = Field(default=None, ge=1, description="most tokens of an answer in words")
    critic_tries: int = Field(default=3, ge=1, le=10, description="most tries of one call of the critic")
    backoff: float = Field(default=0.5, ge=0, description="seconds before the second try; doubles each time")

    def over(self, profile: CriticProfile) -> CriticProfile:
        """The profile with what is set here in its place."""
        names = ("describe_first", "description_tokens", "plan_tokens", "repair_tokens", "answer_tokens")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        kinds = {kind: self.thresholds.over(own) for kind, own in profile.thresholds_by_kind.items()}
        return profile.model_copy(
            update={**given, "thresholds": self.thresholds.over(profile.thresholds), "thresholds_by_kind": kinds}
        )
