"""A share of counted things with its interval."""

from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.intervals import wilson


class Share(BaseModel):
    """A share of counted things."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=0)
    of: int = Field(ge=0)

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval."""
        return wilson(self.count, self.of)

    def __str__(self) -> str:
        if not self.of:
            return "—"
        low, high = self.interval
        return f"{self.value:.1%} ({low:.1%}–{high:.1%}), {self.count} of {self.of}"
