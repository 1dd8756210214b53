"""What a critic writes of a task or of a picture at fault, as typed JSON."""

from pydantic import BaseModel, ConfigDict, Field

from omniagent.tools.types import Mode, RequirementKind, Scope


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequirementDraft(_Draft):
    """One requirement as the critic writes it."""

    kind: RequirementKind
    question: str = Field(min_length=3, max_length=200)


class PlanDraft(_Draft):
    """The critic's reading of a task, in the order of thought.

    A change of given pictures names things as they are, so it comes before the checklist, which names them as they
    will be; how to draw a picture from words follows from what it must show.
    """

    mode: Mode
    seen: tuple[str, ...] = Field(default=(), max_length=6)
    change: str = Field(default="", max_length=1200)
    checklist: tuple[RequirementDraft, ...] = Field(default=(), max_length=16)
    instruction: str = Field(default="", max_length=1200)

    @property
    def told(self) -> str:
        """The instruction for the generator: the change of given pictures, else the instruction; empty without both."""
        first, second = self.change.strip(), self.instruction.strip()
        return (first or second) if self.mode in ("edit", "compose") else (second or first)


class RepairDraft(_Draft):
    """The critic's repair of one attempt."""

    seen: str = Field(default="", max_length=600)
    instruction: str = Field(min_length=1, max_length=400)
    scope: Scope = "local"


class RefineDraft(_Draft):
    """The critic's new instruction for a picture that is not right yet."""

    wrong: str = Field(default="", max_length=600)
    right: bool = False
    instruction: str = Field(default="", max_length=1200)


class StepDraft(_Draft):
    """One of several changes of a picture: the instruction, what must hold after it, and pictures it takes from."""

    instruction: str = Field(min_length=1, max_length=1200)
    checklist: tuple[RequirementDraft, ...] = ()
    references: tuple[int, ...] = ()
