"""The words of the agent as types: frozen pydantic models that travel through state, trace and JSON."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from omniagent.model.requests import LoraChoice
from omniagent.model.wording import cut

Mode = Literal["generate", "edit", "compose", "answer", "refuse"]
RequirementKind = Literal["presence", "count", "attribute", "relation", "text", "style", "identity", "preservation"]
Answer = Literal["yes", "no", "unsure"]
Instrument = Literal["probability", "number", "reading", "pair", "description", "boxes", "pixels"]
Scope = Literal["local", "global"]
Reach = Literal["part", "surroundings", "look", "view"]
Action = Literal["accept", "advance", "edit", "refine", "regenerate", "roll_back", "ask", "stop"]
StopReason = Literal[
    "accepted",
    "unchecked",
    "round_limit",
    "image_limit",
    "time_limit",
    "stagnation",
    "oscillation",
    "critic_unavailable",
    "cancelled",
    "refused",
    "failed",
]


class Word(BaseModel):
    """Base of the agent's words: frozen, and no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageRef(Word):
    """A picture by the SHA-256 of its PNG bytes; pixels live in the image store."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Task(Word):
    """The person's instruction and their input pictures; image 1 comes first.

    `mask` is a gray picture of the size of image 1, white where that may change; None: anywhere.
    """

    instruction: str = Field(min_length=1)
    images: tuple[ImageRef, ...] = ()
    mask: ImageRef | None = None


class RenderSettings(Word):
    """How to draw; None leaves the choice to the checkpoint.

    Attributes:
        width: Pixels, 16 to 4096.
        height: Pixels, 16 to 4096.
        steps: Denoising steps, 1 to 1000.
        text_guidance: How strongly the words steer; up to 1 is off.
        image_guidance: How strongly the references steer; up to 1 is off.
        negative: What the picture should not show.
        loras: LoRAs that are on for this request alone.
    """

    width: int | None = None
    height: int | None = None
    steps: int | None = None
    text_guidance: float | None = None
    image_guidance: float | None = None
    negative: str | None = None
    max_side: int | None = None
    loras: tuple[LoraChoice, ...] = ()


class Stated(Word):
    """What a requirement states, for the instruments that measure it; empty where its question does not tell.

    Attributes:
        thing: What is counted or looked for, in the plural where there are several.
        relation: Where it is to `other`: left of, right of, above, below or inside.
        other: What the relation is to.
        number: How many there must be.
        text: What must be readable.
        change: Whether it asks that the change of an edit was made.
        keeps: What it asks to be as it was: the scene or the people; empty where it asks for neither.
        reach: How far a change reaches that makes it hold, or beside which the scene is kept: some `part` of the
            picture; the `surroundings` of its subject; the `look` of all, as its style or light; its `view`, as its
            framing or a pose. None where that is not known.
    """

    thing: str = ""
    relation: str = ""
    other: str = ""
    number: int | None = Field(default=None, ge=0)
    text: str = ""
    change: bool = False
    keeps: Literal["", "scene", "people"] = ""
    reach: Reach | None = None


class Requirement(Word):
    """One atomic, checkable statement about the final picture.

    Attributes:
        id: `r1`, `r2`, … in the order of the checklist.
        kind: What it is about; thresholds differ by kind.
        question: A yes/no question that is answered yes when it holds.
        stated: The same for instruments: thing, number, relation, text.
    """

    id: str
    kind: RequirementKind
    question: str = Field(min_length=1)
    stated: Stated = Stated()


class Step(Word):
    """One of several changes of a picture that are made one after the other, each judged before the next.

    Attributes:
        instruction: For the generator.
        checklist: What must hold after this step; of the last one the plan's own.
        references: Numbers of the given pictures, from 1, that this step takes something from, beside the one that it
            changes.
    """

    instruction: str
    checklist: tuple[Requirement, ...] = ()
    references: tuple[int, ...] = ()


class Plan(Word):
    """The typed reading of a task.

    Attributes:
        mode: Draw from words, edit one picture, compose several, answer in words, or refuse.
        instruction: What the generator is given.
        seen: A description of each input picture.
        checklist: The requirements in order.
        assumptions: How the reading filled in what the task left open, what it did not use, and what it could not read.
        unchecked: Parts of the task, in the person's words, that no line of the checklist asks for.
        settings: What the task itself asks of the rendering.
        sure: How likely the critic itself finds its reading, 0 to 1.
        final: A second reading can add nothing, as the task was read twice, or whole by fixed rules.
        steps: The changes that are made one after the other; empty where all is drawn at once.
    """

    mode: Mode
    instruction: str = ""
    seen: tuple[str, ...] = ()
    checklist: tuple[Requirement, ...] = ()
    assumptions: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    settings: RenderSettings = RenderSettings()
    sure: float = Field(default=1.0, ge=0, le=1)
    final: bool = False
    steps: tuple[Step, ...] = ()

    def checklist_of(self, step: int) -> tuple[Requirement, ...]:
        """What must hold after a step, from 1; of the last, and where all is done at once, the plan's own."""
        return self.steps[step - 1].checklist if step < len(self.steps) else self.checklist

    @property
    def lines(self) -> tuple[Requirement, ...]:
        """The lines of all checklists, each once."""
        every = (*self.checklist, *(line for step in self.steps for line in step.checklist))
        return tuple({line.id: line for line in every}.values())


class Box(Word):
    """Where a thing is: its corners in pixels of the picture."""

    label: str
    left: float = Field(ge=0)
    top: float = Field(ge=0)
    right: float = Field(ge=0)
    bottom: float = Field(ge=0)


class ChangeMap(Word):
    """Where a new picture differs from the given one, on a grid of cells over the whole of the new picture.

    Attributes:
        rows: From top to bottom, one digit a cell from left to right: 0 is kept, 9 changed all over. At most 32 cells
            a side, every row as long as the first.
        outside: Share of the change that lies outside of what was to change, 0 to 1; None where that is not known.
    """

    rows: tuple[Annotated[str, Field(pattern=r"^[0-9]{1,32}$")], ...] = Field(min_length=1, max_length=32)
    outside: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _even(self) -> "ChangeMap":
        if len({len(row) for row in self.rows}) != 1:
            raise ValueError("every row of a change map must have as many cells as the first")
        return self


class Evidence(Word):
    """What one instrument says of one requirement.

    Attributes:
        instrument: `probability`: p(yes) of a question about the picture; `number`: the probability of the right number
            in an open count; `reading`: the text that was read; `pair`: p(yes) of a question about the given picture
            and the new one, seen together; `description`: what follows from the critic's own description;
            `boxes`: arithmetic on the boxes of things; `pixels`: what changed between the given picture and the new
            one, outside of what was to change.
        answer: By this critic's thresholds.
        probability: Of yes, 0 to 1.
        note: What was counted, read or located, in words.
        boxes: Of the things that were located; of `pixels`, of what was to change, in the new picture.
        given: Of `pixels`: of what was to change, in the given picture.
        changed: Where the new picture differs from the given one; of `pixels` only.
    """

    instrument: Instrument
    answer: Answer
    probability: float = Field(ge=0, le=1)
    note: str = ""
    boxes: tuple[Box, ...] = ()
    given: tuple[Box, ...] = ()
    changed: ChangeMap | None = None


class Verdict(Word):
    """The answer for one requirement, with the probability of yes and the evidence that it rests on.

    Attributes:
        requirement: The id of the requirement.
        answer: By the critic's thresholds; instruments that disagree leave it unsure.
        probability: Of yes, 0 to 1.
        asked: How many wordings were asked.
        evidence: What each instrument found.
    """

    requirement: str
    answer: Answer
    probability: float = Field(ge=0, le=1)
    asked: int = Field(default=1, ge=1, description="how many wordings were asked")
    evidence: tuple[Evidence, ...] = ()


class Cost(Word):
    """What the verdicts on one picture took of the critic.

    Attributes:
        calls: Calls that it answered.
        prefills: How often it had to read pictures anew: calls whose pictures and words before the last question no
            earlier call about this picture had, and every text that it wrote.
        prompt_tokens: Of all calls, those found in a server's prefix cache among them.
        completion_tokens: Of all calls.
    """

    calls: int = 0
    prefills: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(**{name: getattr(self, name) + getattr(other, name) for name in Cost.model_fields})


class Critique(Word):
    """What the critic says of one attempt.

    Attributes:
        attempt: The id of the attempt.
        verdicts: One for each requirement, in the order of the checklist.
        repair: The instruction of a repair; None while every requirement holds or nothing was written.
        seen: The critic's own description of the picture.
        scope: Whether the repair concerns a part of the picture or all of it.
        over_edit: Share of the change outside of its largest patches or of what was to change, 0 to 1.
        quality: Mean probability over the checklist, 0 to 1.
        cost: What the verdicts took of the critic.
        blank: Whether the picture is one flat colour.
    """

    attempt: str
    verdicts: tuple[Verdict, ...]
    repair: str | None = None
    where: Box | None = Field(default=None, description="what the repair changes, in the attempt's pixels")
    seen: str | None = None
    scope: Scope = "local"
    over_edit: float = Field(default=0.0, ge=0, le=1)
    quality: float = Field(default=0.0, ge=0, le=1)
    cost: Cost = Cost()
    blank: bool = Field(default=False, description="one flat colour; what such a picture cannot show was not asked")

    @property
    def passed(self) -> int:
        """How many requirements hold."""
        return sum(verdict.answer == "yes" for verdict in self.verdicts)

    @property
    def accepted(self) -> bool:
        """Whether every requirement holds."""
        return bool(self.verdicts) and self.passed == len(self.verdicts)


class Attempt(Word):
    """One picture the agent made.

    Attributes:
        id: `a1`, `a2`, … in the order of drawing.
        image: The picture, by its content.
        parent: The attempt that it was made of: of a repair the repaired one, of a later step the one that the step
            before ended with.
        references: The pictures that the generator was given.
        instruction: The words that it was given.
        settings: As they were asked for.
        seed: Of this picture.
        depth: Edits since a source or fresh picture.
        round: From 1.
        step: Of the plan, from 1.
        perceptual_hash: By which pictures that look alike are found.
        restored: Whether it is its parent with what was not to change taken back from the picture before it, so
            that nothing was drawn.
    """

    id: str
    image: ImageRef
    parent: str | None = None
    references: tuple[ImageRef, ...] = ()
    instruction: str
    settings: RenderSettings = RenderSettings()
    seed: int
    depth: int = Field(default=0, ge=0)
    round: int = Field(default=1, ge=1)
    step: int = Field(default=1, ge=1)
    perceptual_hash: str = ""
    restored: bool = False
    _view: Callable[[str], str] | None = PrivateAttr(default=None)

    def shown_by(self, view: Callable[[str], str]) -> None:
        """Let `view` make the HTML, from the attempt's id, by which a notebook shows it."""
        self._view = view

    def _repr_html_(self) -> str | None:
        return None if self._view is None else self._view(self.id)

    def __eq__(self, other: object) -> bool:
        # Who shows it is no part of what it is.
        return type(other) is type(self) and vars(self) == vars(other)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "id", self.id
        yield "size", f"{self.image.width}x{self.image.height}"
        yield "round", self.round
        yield "seed", self.seed
        if self.parent is not None:
            yield "parent", self.parent
        yield "instruction", cut(self.instruction, 60)


class Refinement(Word):
    """What the critic makes of an attempt that is not right yet, for the next one.

    Attributes:
        attempt: What it looked at.
        instruction: The new instruction for the generator; empty where none was written that says the whole task.
        wrong: What is wrong in the picture, in a sentence.
        right: Whether it finds the picture right after all, which makes the failed verdicts on it count less.
    """

    attempt: str
    instruction: str = ""
    wrong: str = ""
    right: bool = False


class Preference(Word):
    """Two attempts, the earlier first, and the one that the critic chose in both orders; None where it did not."""

    pair: tuple[str, str]
    better: str | None = None


class Decision(Word):
    """What to do next and why: a pure function of the state. `target` is the attempt that an edit starts from.

    `box` is where an edit takes place, in the target's pixels; None of one of the whole picture.
    """

    action: Action
    reason: str
    target: str | None = None
    instruction: str | None = None
    box: Box | None = None
    stop: StopReason | None = None


class Budget(Word):
    """Hard caps of a run; whichever ends first ends the run with the best attempt so far."""

    max_rounds: int = Field(default=4, ge=1, le=100, description="most rounds of drawing and judging")
    max_images: int = Field(default=12, ge=1, le=1000, description="most pictures of a run")
    max_critic_calls: int = Field(default=200, ge=1, description="most calls of the critic")
    time_limit: float = Field(default=600.0, gt=0, allow_inf_nan=False, description="seconds of the whole run")
    candidates: int = Field(default=2, ge=1, le=16, description="pictures drawn together in each round after the first")
    max_depth: int = Field(default=2, ge=0, description="edits stacked on one source, counted anew in each step")


class Usage(Word):
    """What a run cost."""

    images: int = 0
    rounds: int = 0
    critic_calls: int = 0
    prefills: int = Field(default=0, description="critic calls that had to read pictures or words anew")
    prompt_tokens: int = 0
    cached_tokens: int = Field(default=0, description="of the prompt tokens, found in a server's prefix cache")
    completion_tokens: int = 0
    generator_seconds: float = 0.0
    critic_seconds: float = 0.0
    seconds: float = 0.0

    def plus(self, **more: float) -> "Usage":
        """This usage with the named amounts added."""
        return self.model_copy(update={name: getattr(self, name) + amount for name, amount in more.items()})
