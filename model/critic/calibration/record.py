"""The form of a measurement: error rates of a critic by kind and instrument, and what follows from them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.critic.calibration.identity import Identity
from omniagent.model.intervals import difference, wilson
from omniagent.model.profile import Calibration, CriticProfile, Thresholds

FORMAT: Final = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Part):
    """How often something was, of how many cases."""

    count: int = Field(default=0, ge=0)
    of: int = Field(default=0, ge=0)

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval; (0, 1) of nothing."""
        return wilson(self.count, self.of)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{self.count / self.of:.0%} ({low:.0%}–{high:.0%} of {self.of})"


class Rates(_Part):
    """How often yes is said of what holds and of what does not, and no of what holds; the rest is unsure."""

    true_yes: Rate = Rate()
    false_yes: Rate = Rate()
    false_no: Rate = Rate()

    @property
    def discerns(self) -> bool:
        """Whether yes is said more often of what holds: the interval of Youden's index J lies above 0.

        J = true-yes less false-yes rate (W. J. Youden, Index for rating diagnostic tests, Cancer 3, 1950).
        """
        yes, wrong = self.true_yes, self.false_yes
        return bool(yes.of and wrong.of) and difference((yes.count, yes.of), (wrong.count, wrong.of))[0] > 0


class KindMeasured(_Part):
    """One kind of requirement: rates of the whole verdict and of each instrument, thresholds, and weights.

    `before` are the rates by the profile's own thresholds with all weights 1, `after` by those measured. `thresholds`
    is None where the profile's own stand, and `note` says why.
    """

    before: Rates
    after: Rates
    instruments: dict[str, Rates] = {}
    thresholds: Thresholds | None = None
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    note: str = ""


class Measurement(_Part):
    """What was measured of one critic."""

    format_version: Literal[1] = FORMAT
    identity: Identity
    measured: str = Field(description="the day, as YYYY-MM-DD")
    program: str = Field(default="", description="the version of omniagent")
    beside: tuple[str, ...] = Field(default=(), description="what else measured: a reader of text, a detector")
    pictures: dict[str, int] = Field(default={}, description="how many pictures of each set were judged")
    kinds: dict[str, KindMeasured] = {}
    false_accept: Rate = Field(
        default=Rate(), description="wrong pictures that were accepted whole, by thresholds that these did not set"
    )
    right_accept: Rate = Field(default=Rate(), description="right pictures that were accepted whole, in the same way")

    @property
    def discerns(self) -> bool:
        """Whether right pictures are accepted more often than wrong ones."""
        return Rates(true_yes=self.right_accept, false_yes=self.false_accept).discerns

    @property
    def in_use(self) -> Calibration:
        """The part that the agent works by; h is the upper end of its interval, None where none was wrong."""
        seen = self.false_accept.of > 0
        return Calibration(
            measured=self.measured,
            weights={kind: one.weights for kind, one in self.kinds.items() if one.weights},
            false_accept=self.false_accept.interval[1] if seen else None,
        )

    def over(self, profile: CriticProfile) -> CriticProfile:
        """The profile with what was measured in its place; thresholds that a caller set stand."""
        found = {kind: one.thresholds for kind, one in self.kinds.items() if one.thresholds is not None}
        return profile.model_copy(
            update={
                "thresholds_by_kind": profile.thresholds_by_kind | ({} if profile.pinned else found),
                "calibration": self.in_use,
                "source": f"{profile.source}; calibrated {self.measured}",
            }
        )
