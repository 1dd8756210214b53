"""GenEval's rules: what must be found in a picture, of which colours and where (arXiv 2310.11513, section 3).

The rules and numbers are those of the published evaluation (djghosh13/geneval, MIT).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.perception.instances import Instance

CONFIDENCE: Final = 0.3
COUNTING_CONFIDENCE: Final = 0.9
"""Of prompts with the tag `counting`: a thing that is half there should not be counted."""

MOST_OF_A_CLASS: Final = 16
_SLACK: Final = 0.1
"""Share of both things' sizes by which their centres may differ without one being beside the other."""

_CLEARLY: Final = 0.5
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")


class Clause(BaseModel):
    """One line of a prompt's `include` or `exclude`.

    `position` is a relation and the number, from 0, of the earlier clause that it is to.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    name: str = Field(alias="class")
    count: int = Field(ge=1)
    color: str | None = None
    position: tuple[str, int] | None = None


class Metadata(BaseModel):
    """A line of GenEval's `evaluation_metadata.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tag: str
    prompt: str
    include: tuple[Clause, ...] = ()
    exclude: tuple[Clause, ...] = ()

    @property
    def confidence(self) -> float:
        """How sure the detector must be of a thing."""
        return COUNTING_CONFIDENCE if self.tag == "counting" else CONFIDENCE


class Ruling(NamedTuple):
    """Whether a picture is right, and a reason for each thing that is not."""

    correct: bool
    reasons: tuple[str, ...]


ColourOf = Callable[[str, Sequence[Instance]], list[str]]
"""The colour of each of some things of a class, one of `COLOURS`."""

Found = Mapping[str, Sequence[Instance]]
"""What was found, by the class's name, the surest first."""


def by_class(instances: Sequence[Instance], names: Sequence[str]) -> dict[str, list[Instance]]:
    """The surest `MOST_OF_A_CLASS` instances of each class that was found, the surest first."""
    found: dict[str, list[Instance]] = {}
    for each in sorted(instances, key=lambda one: -one.confidence):
        of_class = found.setdefault(names[each.label], [])
        if len(of_class) < MOST_OF_A_CLASS:
            of_class.append(each)
    return found


def ruled(metadata: Metadata, found: Found, colours_of: ColourOf) -> Ruling:
    """Whether a picture holds what its prompt asks for.

    Of every class that must be there only the surest are looked at, as many as must be there; all of these must have
    the colour, and all must stand as asked to every one of the clause that `position` names.
    """
    reasons: list[str] = []
    matched: list[Sequence[Instance] | None] = []
    for clause in metadata.include:
        here = list(found.get(clause.name, ()))[: clause.count]
        wrong = _wrong(clause, here, matched, colours_of)
        reasons += [wrong] if wrong else []
        matched.append(None if wrong else here)
    for clause in metadata.exclude:
        number = len(found.get(clause.name, ()))
        if number >= clause.count:
            reasons.append(f"expected {clause.name}<{clause.count}, found {number}")
    return Ruling(not reasons, tuple(reasons))


def _wrong(
    clause: Clause, here: Sequence[Instance], matched: Sequence[Sequence[Instance] | None], colours_of: ColourOf
) -> str:
    if len(here) < clause.count:
        return f"expected {clause.name}>={clause.count}, found {len(here)}"
    if clause.color is not None:
        colours = colours_of(clause.name, here)
        if colours.count(clause.color) < clause.count:
            seen = ", ".join(f"{colours.count(each)} {each}" for each in COLOURS if each in colours)
            return f"expected {clause.color} {clause.name}>={clause.count}, found {seen}"
    if clause.position is not None:
        relation, earlier = clause.position
        targets = matched[earlier] if 0 <= earlier < len(matched) else None
        if targets is None:
            return f"no target for {clause.name} to be {relation}"
        for one in here:
            for target in targets:
                if relation not in (relations := relations_of(one.box, target.box)):
                    stands = " and ".join(sorted(relations)) or "beside no side of"
                    return f"expected {clause.name} {relation} target, found {stands} target"
    return ""


def relations_of(box: Sequence[float], target: Sequence[float]) -> set[str]:
    """How a box (left, top, right, bottom) stands to another: any of left of, right of, above, below.

    The offset of the centres, each axis less a tenth of both boxes' sizes, is divided by the length of the whole
    offset; what is over a half then counts.
    """
    offset: list[float] = []
    beyond: list[float] = []
    for axis in (0, 1):
        apart = (box[axis] + box[axis + 2] - target[axis] - target[axis + 2]) / 2
        sizes = abs(box[axis + 2] - box[axis]) + abs(target[axis + 2] - target[axis])
        offset.append(apart)
        beyond.append(max(abs(apart) - _SLACK * sizes, 0.0) * (1 if apart > 0 else -1))
    if all(abs(each) < 1e-3 for each in beyond):
        return set()
    length = (offset[0] ** 2 + offset[1] ** 2) ** 0.5
    across, down = (each / length for each in beyond)
    return {
        name
        for name, holds in (
            ("left of", across < -_CLEARLY),
            ("right of", across > _CLEARLY),
            ("above", down < -_CLEARLY),
            ("below", down > _CLEARLY),
        )
        if holds
    }
