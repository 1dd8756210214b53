"""The JSON that a critic writes in this dialect, bounded so that a held critic comes to an end, and worked examples."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from omniagent.tools.types import RequirementKind, Scope


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Form):
    """One yes/no question."""

    kind: RequirementKind
    question: str = Field(min_length=8, max_length=160)


class ChecklistForm(_Form):
    """What the request states, then the questions that check it."""

    facts: tuple[Annotated[str, StringConstraints(min_length=1, max_length=120)], ...] = Field(
        min_length=1, max_length=12
    )
    checklist: tuple[Line, ...] = Field(min_length=1, max_length=8)


class RewriteForm(_Form):
    """A request in other words."""

    instruction: str = Field(min_length=1, max_length=1200)


class RepairForm(_Form):
    """One change of one picture."""

    seen: str = Field(max_length=400)
    instruction: str = Field(min_length=8, max_length=400)
    scope: Scope


class RefineForm(_Form):
    """What is wrong in a picture, and the whole new instruction."""

    wrong: str = Field(max_length=400)
    right: bool
    instruction: str = Field(max_length=1200)


DRAWN_TASK: Final = 'A watercolour of two foxes beside a red tent, with a sign that says "CAMP 9"'
DRAWN: Final = ChecklistForm(
    facts=(
        "there are two foxes",
        "there is a tent",
        "the tent is red",
        "the foxes are beside the tent",
        'a sign says "CAMP 9"',
        "it is a watercolour",
    ),
    checklist=(
        Line(kind="presence", question="Are there foxes in the picture?"),
        Line(kind="count", question="Are there exactly two foxes?"),
        Line(kind="presence", question="Is there a tent?"),
        Line(kind="attribute", question="Is the tent red?"),
        Line(kind="relation", question="Are the foxes beside the tent?"),
        Line(kind="text", question='Does a sign say "CAMP 9"?'),
        Line(kind="style", question="Is the picture a watercolour painting?"),
    ),
)
CHANGED_TASK: Final = "Could you take the bicycle away and paint the door green? The rest should stay as it is."
CHANGED: Final = ChecklistForm(
    facts=("there is no bicycle", "there is a door", "the door is green", "the rest is as it was"),
    checklist=(
        Line(kind="presence", question="Is the picture free of bicycles?"),
        Line(kind="presence", question="Is there a door?"),
        Line(kind="attribute", question="Is the door green?"),
    ),
)
REPAIR: Final = RepairForm(
    seen="Two foxes sit beside a blue tent, and a sign says CAMP 9.",
    instruction="Change the colour of the tent from blue to red.",
    scope="local",
)
REFINED: Final = RefineForm(
    wrong="There is only one fox, and the tent is blue.",
    right=False,
    instruction="A watercolour of exactly two foxes, side by side, beside a bright red tent, with a wooden sign that "
    'says "CAMP 9". Both foxes are wholly visible.',
)
