"""The exact prompts and schemas that the tools send. The bundled MLLM is trained on these very strings.

User text stands between tags, so that it is data and not an order; `fenced` takes the tags out of it first.
"""

import re
from collections.abc import Sequence
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.requests import Prompt
from omniagent.tools.types import Mode, RequirementKind, Scope

PLAN_SYSTEM = (
    "You plan pictures. Answer in JSON: mode (generate, edit, compose, answer or refuse), "
    "seen (what each image shows), change (what the painter does with the images), "
    "checklist (kind and yes/no question), instruction (for the painter of a picture from words)."
)
VERDICT_SYSTEM = "You check pictures. Answer yes or no."
REPAIR_SYSTEM = (
    "You repair pictures. Answer in JSON: seen (what the picture shows), "
    "instruction (the change that mends it), scope (local or global)."
)
ANSWER_SYSTEM = "You answer questions about pictures in a few words."
DESCRIBE_SYSTEM = "You describe pictures."

_TAGS = re.compile(r"</?\s*(?:task|question|checklist|seen)\s*>|<\|[^|<>]*\|>", re.IGNORECASE)


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequirementDraft(_Draft):
    """One requirement as the critic writes it."""

    kind: RequirementKind
    question: str = Field(min_length=3, max_length=200)


class PlanDraft(_Draft):
    """The critic's reading of a task, in the order of thought.

    A change of given pictures names things as they are, so it comes before the checklist, which names them as they
    will be; how to paint a picture from words follows from what it must show.
    """

    mode: Mode
    seen: tuple[str, ...] = Field(default=(), max_length=6)
    change: str = Field(default="", max_length=1200)
    checklist: tuple[RequirementDraft, ...] = Field(default=(), max_length=16)
    instruction: str = Field(default="", max_length=1200)

    @property
    def told(self) -> str:
        """What the painter is told: the change of given pictures, else the instruction; empty if there is neither."""
        first, second = self.change.strip(), self.instruction.strip()
        return (first or second) if self.mode in ("edit", "compose") else (second or first)


class RepairDraft(_Draft):
    """The critic's repair of one attempt."""

    seen: str = Field(default="", max_length=600)
    instruction: str = Field(min_length=1, max_length=400)
    scope: Scope = "local"


def fenced(tag: Literal["task", "question", "checklist", "seen"], text: str) -> str:
    """The text between tags, with our tags and chat marks removed from it."""
    return f"<{tag}>{_TAGS.sub(' ', text)}</{tag}>"


def _labelled(images: Sequence[Image.Image]) -> list[str | Image.Image]:
    parts: list[str | Image.Image] = []
    for number, image in enumerate(images, start=1):
        parts += [f"image {number}: ", image, "\n"]
    return parts


def plan_prompt(task: str, images: Sequence[Image.Image]) -> Prompt:
    """Reads a task and its pictures once; answered with `PlanDraft` JSON."""
    return Prompt(system=PLAN_SYSTEM, parts=(*_labelled(images), fenced("task", task)))


def describe_prompt(image: Image.Image) -> Prompt:
    """Asks what a picture shows; a critic that describes first counts and compares its own words afterwards."""
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image,))


def _seen(description: str) -> str:
    return f"{fenced('seen', description)}\n" if description else ""


def verdict_prompt(image: Image.Image, seen: str = "") -> Prompt:
    """The shared prefix of all questions about one picture, with the critic's own description if it made one.

    `verdict_question` follows.
    """
    return Prompt(system=VERDICT_SYSTEM, parts=(image, f"\n{_seen(seen)}"))


def verdict_question(question: str) -> str:
    """One requirement's question, plainly asked."""
    return fenced("question", question)


def negated_question(question: str) -> str:
    """The same question turned round: yes here means no there. For a second opinion on unsure verdicts."""
    return fenced("question", f"Is the answer to this no? {question}")


def repair_prompt(image: Image.Image, instruction: str, checklist: Sequence[tuple[str, str]]) -> Prompt:
    """Asks for one repair; `checklist` holds (question, yes/no/unsure); answered with `RepairDraft` JSON."""
    lines = "\n".join(f"{question} {answer}" for question, answer in checklist)
    text = f"{fenced('task', instruction)}\n{fenced('checklist', lines)}"
    return Prompt(system=REPAIR_SYSTEM, parts=(image, "\n", text))


def answer_prompt(question: str, images: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
    """Asks for a word or phrase about the pictures; `seen` holds the critic's description of each, if it made any."""
    told = "".join(_seen(description) for description in seen)
    return Prompt(system=ANSWER_SYSTEM, parts=(*_labelled(images), f"{told}{fenced('question', question)}"))
