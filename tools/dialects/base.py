"""What a dialect is: the words in which a critic is asked, and the reading of its replies.

A dialect holds no state and keeps no model. What it needs of a critic comes as a `Consultation`, one critic at work
for one tool; so a stand-in is asked in its own dialect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from PIL import Image
from pydantic import BaseModel

from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import Completion, Prompt
from omniagent.tools.audit.mention import Mention, Told
from omniagent.tools.dialects.drafts import RefineDraft, RepairDraft, RequirementDraft, StepDraft
from omniagent.tools.types import Box, Mode, Requirement, RequirementKind, Stated, Verdict


class Unreadable(CriticBadOutput):
    """A reply that a dialect cannot read, after its own second try."""


class Consultation(Protocol):
    """The calls of one critic on behalf of one tool; each is counted and written to the trace."""

    @property
    def profile(self) -> CriticProfile:
        """Of the critic that answers."""
        ...

    def yes_no(self, prompt: Prompt, questions: Sequence[str]) -> tuple[float, ...]:
        """p(yes), 0 to 1, for each question set at the prompt's end."""
        ...

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option (a letter or short word) as the answer's first token; they add up to 1.

        Raises:
            CriticBadOutput: none of the options is likely or written.
        """
        ...

    def write(self, prompt: Prompt, *, max_tokens: int, schema: type[BaseModel] | None = None) -> Completion:
        """Greedy text, held to the JSON schema where the critic can be held."""
        ...


@dataclass(frozen=True, slots=True)
class GivenTask:
    """A task as a dialect reads it.

    Attributes:
        words: The person's own words.
        pictures: Their pictures, RGB, image 1 first.
        mode: The mode that the person fixed, or None.
        generator: Profile of the generator; only a generator with a domain lets a reading refuse.
        clarified: Whether the words end with the person's answer to what was asked, on a line of its own.
        again: Whether it was read before: this reading is asked for in other words and another order.
    """

    words: str
    pictures: tuple[Image.Image, ...] = ()
    mode: Mode | None = None
    generator: GeneratorProfile = field(default_factory=GeneratorProfile)
    clarified: bool = False
    again: bool = False


class Reading(NamedTuple):
    """A task, read; `instruction` is empty where the person's own words stand.

    `assumptions` say how the reading filled in what the task left open, and what could not be read. `held`: fixed
    rules have made the checklist from every word of the task, so that no audit is needed. `sure` is how likely the
    critic finds what it chose, 0 to 1. `steps` are the changes of an edit that asks for several, each that depends on
    another after it; empty of others.
    """

    mode: Mode
    instruction: str
    seen: tuple[str, ...] = ()
    checklist: tuple[RequirementDraft, ...] = ()
    assumptions: tuple[str, ...] = ()
    held: bool = False
    sure: float = 1.0
    steps: tuple[StepDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Faulty:
    """A picture that is not right yet, with what is known of it.

    Attributes:
        image: The picture, RGB.
        given: The pictures that it was made of, image 1 first.
        words: The person's own.
        mode: How it was made.
        instruction: What the generator was told.
        lines: The checklist's questions with their verdicts.
        generator: What will draw the next one.
    """

    image: Image.Image
    given: tuple[Image.Image, ...]
    words: str
    mode: Mode
    instruction: str
    lines: tuple[tuple[str, Verdict | None], ...]
    generator: GeneratorProfile


class SecondQuestion(NamedTuple):
    """A requirement's question in other words; `inverted`: yes here means no there."""

    text: str
    inverted: bool


class Touched(NamedTuple):
    """Where a change of a picture takes place: boxes in pixels of that picture.

    Attributes:
        changes: Of what changes, or of where something is added.
        stays: Of the main things that stay as they are.
        faces: Of human faces.
        known: Whether it was looked for; else no boxes do not tell that there are none.
    """

    changes: tuple[Box, ...] = ()
    stays: tuple[Box, ...] = ()
    faces: tuple[Box, ...] = ()
    known: bool = True


NOWHERE = Touched(known=False)
"""Of a change whose place is not known."""


class Dialect(Protocol):
    """How one kind of critic is asked, and how its replies are read."""

    name: str

    def plan(self, task: GivenTask, critic: Consultation) -> Reading:
        """Read a task.

        Raises:
            BadTask: the task needs something that was not given, which the message names.
            Unreadable: the critic's replies cannot be read, after a second try.
        """
        ...

    def contradictions(self, words: str) -> tuple[tuple[str, str], ...]:
        """What a task says of one thing that cannot both hold, in its own words; the later is taken unless asked."""
        ...

    def wanted(self, task: GivenTask, reading: Reading) -> tuple[Mention, ...]:
        """The parts of a task that must hold of the finished picture, for the audit of its plan."""
        ...

    def told(self, line: Requirement) -> Told:
        """What a line of a checklist tells, in the forms of `wanted`."""
        ...

    def describe(self, image: Image.Image) -> Prompt:
        """Asks what a picture shows."""
        ...

    def verdict(self, image: Image.Image, seen: str = "") -> Prompt:
        """The shared prefix of all questions about one picture, with the critic's own description if it made one."""
        ...

    def question(self, text: str) -> str:
        """One requirement's question, at the end of `verdict`."""
        ...

    def stated(self, kind: RequirementKind, question: str) -> Stated:
        """What a requirement's question states, for the instruments that measure it."""
        ...

    def described(self, question: str, seen: str) -> bool | None:
        """Whether a question holds of the picture that the critic described; None where that does not tell."""
        ...

    def places(self, question: str, seen: str, size: tuple[int, int]) -> tuple[Box, ...]:
        """Where the described things that a question names are, in pixels of a picture of that (width, height)."""
        ...

    def place_of(self, question: str, size: tuple[int, int]) -> Box | None:
        """Where the thing that a question asks for is to be, in pixels of a picture of that (width, height).

        None where the question names no place in this dialect.
        """
        ...

    def changed_places(self, questions: Sequence[str], seen: str, size: tuple[int, int]) -> tuple[Box, ...] | None:
        """Where a described picture must change, its background aside, so that all questions hold of it.

        None where that does not tell it; then `touched` may.
        """
        ...

    def count_question(self, thing: str) -> str | None:
        """Asks how many there are of a thing, at the end of `verdict`; None where this critic was not taught to."""
        ...

    def locate(self, image: Image.Image, things: Sequence[str], critic: Consultation) -> tuple[Box, ...] | None:
        """The boxes of things, in pixels of the picture; None where this critic cannot locate.

        Raises:
            Unreadable: the reply's boxes are at fault.
        """
        ...

    def change_in(self, question: str) -> str:
        """The words of the change beside which a question asks that all else is as it was; empty of other questions."""
        ...

    def touched(self, image: Image.Image, change: str, critic: Consultation, *, done: bool) -> Touched | None:
        """Where a change takes place in a picture, before it or `done`; None where this critic cannot locate.

        Raises:
            Unreadable: the reply's boxes are at fault.
        """
        ...

    def pair(self, before: Image.Image, after: Image.Image) -> Prompt | None:
        """The shared prefix of all questions about the given picture and the new one; None where it sees one only."""
        ...

    def choice(
        self, first: Image.Image, second: Image.Image, instruction: str, source: Image.Image | None = None
    ) -> Prompt | None:
        """Asks which of two pictures, A or B, shows an instruction better; None where the critic cannot compare."""
        ...

    @property
    def chooses(self) -> bool:
        """Whether `choice` can be asked."""
        ...

    def read_aloud(self, image: Image.Image) -> Prompt | None:
        """Asks for all text of a picture; None where this critic cannot read."""
        ...

    def second_question(self, text: str) -> SecondQuestion:
        """The same question in other words, for verdicts that are unsure."""
        ...

    def confirmations(self, text: str) -> tuple[SecondQuestion, ...]:
        """The same question in other words, for a picture of which every requirement seems to hold."""
        ...

    def twin(self, kind: RequirementKind, question: str) -> str | None:
        """A question like this one that a right picture is answered no, for verdicts that are unsure; None of most."""
        ...

    def repair(
        self,
        image: Image.Image,
        instruction: str,
        lines: Sequence[tuple[str, Verdict | None]],
        critic: Consultation,
        seen: str = "",
    ) -> RepairDraft:
        """One repair for a picture; `lines` are the checklist's questions with their verdicts.

        `seen` is the critic's description of the picture, where it made one.

        Raises:
            Unreadable: the critic's replies cannot be read, after a second try.
        """
        ...

    @property
    def refines(self) -> bool:
        """Whether `refine` can be asked."""
        ...

    def refine(self, faulty: Faulty, critic: Consultation) -> RefineDraft | None:
        """A new instruction for a picture that is not right yet; None where this critic writes none.

        Raises:
            Unreadable: the critic's replies cannot be read or do not say the task, after a second try.
        """
        ...

    def answer(self, question: str, pictures: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
        """Asks a question about pictures; `seen` holds the critic's description of each, if it made any."""
        ...
