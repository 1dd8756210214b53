"""What a simulated generator or critic is worth, as data: one readable file each."""

from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault, unknown
from omniagent.tools.types import RequirementKind

_PACKAGE: Final = "omniagent.simulation"

Share = float


class _Quality(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(description="who this is, and where its numbers come from")


class EditQuality(BaseModel):
    """What becomes of a picture that is changed by instruction.

    Attributes:
        mends: Chance that a line at fault which the instruction names holds afterwards.
        mends_blocked: The same for a line that no redrawing by the same words brings.
        hopeless: Share of lines that no repair mends, however often it is tried.
        damages: Chance that a line which is not named is lost; half of that for one that is named and held.
        drift: By how much that chance grows with every further edit of an edit.
        repaints: Share of edits that draw the whole picture anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mends: Share = Field(ge=0, le=1)
    mends_blocked: Share = Field(ge=0, le=1)
    hopeless: Share = Field(ge=0, le=1)
    damages: Share = Field(ge=0, le=1)
    drift: float = Field(ge=1)
    repaints: Share = Field(ge=0, le=1)


class GeneratorQuality(_Quality):
    """How a generator draws.

    A line of a fresh picture holds if `centre` + task + picture + own noise is above 0; `centre` follows from `right`.

    Attributes:
        right: Share of first pictures of four lines in which all hold, over all tasks.
        task_spread: Standard deviation of how hard tasks are, where a line's own noise has 1.
        picture_spread: The same of what the lines of one picture share.
        blocked: Share of tasks with one line that redrawing by the same words never brings.
        freed: Chance that other words for the whole picture free such a line; the same words always do or never.
        stress: What an instruction that stresses a line adds to its chance, in standard deviations of own noise.
        edit: What becomes of a picture that is changed.
    """

    right: Share = Field(gt=0, lt=1)
    task_spread: float = Field(ge=0, le=3)
    picture_spread: float = Field(ge=0, le=3)
    blocked: Share = Field(ge=0, lt=1)
    freed: Share = Field(ge=0, le=1)
    stress: float = Field(ge=-1, le=3)
    edit: EditQuality

    @model_validator(mode="after")
    def _possible(self) -> "GeneratorQuality":
        if self.right >= 1 - self.blocked:
            raise ValueError(f"right={self.right} must be below the {1 - self.blocked:g} of tasks that are not blocked")
        return self


class Rates(BaseModel):
    """How often the answer to one question is yes.

    Attributes:
        true_yes: Where the line holds.
        false_yes: Where it does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    true_yes: Share = Field(gt=0, lt=1)
    false_yes: Share = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Rates":
        if self.false_yes > self.true_yes:
            raise ValueError(f"false_yes={self.false_yes} must not exceed true_yes={self.true_yes}")
        return self


class ChoiceQuality(BaseModel):
    """Between two pictures of which one holds one line more, shown in both orders.

    Attributes:
        right: Share in which it chooses the better one both times.
        wrong: Share in which it chooses the worse one both times; the rest turns with the order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: Share = Field(ge=0, le=1)
    wrong: Share = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _possible(self) -> "ChoiceQuality":
        if self.right + self.wrong > 1:
            raise ValueError(f"right={self.right} and wrong={self.wrong} are more than 1 together")
        return self


class CriticQuality(_Quality):
    """How a critic judges and writes.

    Attributes:
        rates: Of yes to one question about one picture.
        by_kind: Rates of kinds of requirement that differ.
        fixed: Share, 0 to 1, of the noise of an answer that belongs to the picture and the line, so that asking again
            in other words does not average it away.
        sharpness: How far probabilities lie apart: the slope of the log odds, by standard deviations of noise.
        exploitable: Share of wrong pictures that pass every question and win every choice.
        choice: Of forced choices.
        names: Chance that what it writes of a line at fault, by its own verdicts, can be acted on.
        meddles: Chance that what it writes also names a line that it does not find at fault.
        locates: Chance that it gives the right place of a line; 0: it gives no places at all.
    """

    rates: Rates
    by_kind: dict[RequirementKind, Rates] = {}
    fixed: Share = Field(ge=0, le=1)
    sharpness: float = Field(gt=0, le=20)
    exploitable: Share = Field(default=0.0, ge=0, le=1)
    choice: ChoiceQuality
    names: Share = Field(ge=0, le=1)
    meddles: Share = Field(ge=0, le=1)
    locates: Share = Field(default=0.0, ge=0, le=1)

    def rates_of(self, kind: RequirementKind) -> Rates:
        """The rates for a kind of requirement."""
        return self.by_kind.get(kind, self.rates)


Role = Literal["critics", "generators"]
Q = TypeVar("Q", bound=_Quality)


def known(role: Role) -> tuple[str, ...]:
    """The names of the critics or generators that have a file, sorted."""
    folder = files(_PACKAGE).joinpath(role)
    return tuple(sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml")))


@cache
def critic_of(name: str) -> CriticQuality:
    """A critic by its file's name. Raises: BadSetting: there is none of that name, or its file is broken."""
    return _read("critics", name, CriticQuality)


@cache
def generator_of(name: str) -> GeneratorQuality:
    """A generator by its file's name. Raises: BadSetting: as `critic_of`."""
    return _read("generators", name, GeneratorQuality)


def _read(role: Role, name: str, kind: type[Q]) -> Q:
    if name not in known(role):
        raise BadSetting(unknown(name, known(role)))
    text = files(_PACKAGE).joinpath(role).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    data: Any = yaml.safe_load(text)
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise BadSetting(f"{role}/{name}.yaml: {fault(error)}") from error
