"""The exact prompts that the bundled critic was trained on: a changed byte costs it its reading.

The person's text stands between tags, so that it is data and not an order; `fenced` takes the tags out of it first.
"""

import re
from collections.abc import Sequence
from typing import Literal

from PIL import Image

from omniagent.model.requests import Prompt

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


def fenced(tag: Literal["task", "question", "checklist", "seen"], text: str) -> str:
    """The text between tags, with these tags and chat marks removed from it."""
    return f"<{tag}>{_TAGS.sub(' ', text)}</{tag}>"


def _labelled(images: Sequence[Image.Image]) -> list[str | Image.Image]:
    parts: list[str | Image.Image] = []
    for number, image in enumerate(images, start=1):
        parts += [f"image {number}: ", image, "\n"]
    return parts


def plan_prompt(task: str, images: Sequence[Image.Image]) -> Prompt:
    """Reads a task and its pictures; answered with `PlanDraft` JSON."""
    return Prompt(system=PLAN_SYSTEM, parts=(*_labelled(images), fenced("task", task)))


def describe_prompt(image: Image.Image) -> Prompt:
    """Asks what a picture shows; answered with a description in the listed notation."""
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image,))


def _seen(description: str) -> str:
    return f"{fenced('seen', description)}\n" if description else ""


def verdict_prompt(image: Image.Image, seen: str = "") -> Prompt:
    """The shared prefix of all questions about one picture; `verdict_question` follows."""
    return Prompt(system=VERDICT_SYSTEM, parts=(image, f"\n{_seen(seen)}"))


def verdict_question(question: str) -> str:
    """One requirement's question."""
    return fenced("question", question)


def negated_question(question: str) -> str:
    """The same question turned round: yes here means no there."""
    return fenced("question", f"Is the answer to this no? {question}")


def repair_prompt(image: Image.Image, instruction: str, checklist: Sequence[tuple[str, str]]) -> Prompt:
    """Asks for one repair; `checklist` holds (question, yes/no/unsure); answered with `RepairDraft` JSON."""
    lines = "\n".join(f"{question} {answer}" for question, answer in checklist)
    text = f"{fenced('task', instruction)}\n{fenced('checklist', lines)}"
    return Prompt(system=REPAIR_SYSTEM, parts=(image, "\n", text))


def answer_prompt(question: str, images: Sequence[Image.Image], seen: Sequence[str] = ()) -> Prompt:
    """Asks for a word or phrase about the pictures; `seen` holds the critic's description of each, if it made any."""
    described = "".join(_seen(description) for description in seen)
    return Prompt(system=ANSWER_SYSTEM, parts=(*_labelled(images), f"{described}{fenced('question', question)}"))
