"""The dialect of verifiers: trained to say whether a picture shows its task, what is wrong, and how to mend it.

The contract is OmniVerifier's (arXiv 2510.13804): reasoning in think tags, then a verdict, the main error and an edit
instruction that names action and place; its successor M1 (arXiv 2605.28805) gives the error's box too. Everything else
is asked as of any instruction-following model.
"""

import re
from collections.abc import Sequence
from typing import Final

from PIL import Image
from pydantic import JsonValue

from omniagent.model.requests import Prompt
from omniagent.tools.dialects.base import Consultation, Unreadable
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.dialects.fencing import fencer
from omniagent.tools.dialects.plain.consulting import written
from omniagent.tools.dialects.plain.dialect import Plain
from omniagent.tools.dialects.plain.grounding.boxes import sent_size
from omniagent.tools.dialects.plain.questions import cut
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from omniagent.tools.types import Verdict

_fenced: Final = fencer("task", "checklist")
_SYSTEM: Final = "You verify generated pictures against their tasks."
_RULES: Final = (
    "Analyse the picture carefully: are all things, attributes and relations of the task shown rightly? "
    "If they are, the answer is true, else false. When it is false:\n"
    '1. describe the main error briefly in "explanation";\n'
    '2. give the box of the error in the picture in "bbox_2d", as [left, top, right, bottom];\n'
    '3. give in "edit_prompt" one concrete instruction that mends it: the action (add, remove, replace, move), the '
    "thing, and its place or what it stands next to. Nothing vague, such as “make the count right”.\n"
    "Think first, between <think> and </think>. Then reply with one JSON object:\n"
    '{"answer": false, "explanation": "…", "bbox_2d": [0, 0, 10, 10], "edit_prompt": "…"}'
)
_PLACED: Final = re.compile(
    r"\b(?:left|right|top|bottom|corner|cent(?:re|er)|middle|upper|lower|foreground|background|next to|beside|behind"
    r"|above|below|under|between|in front of|on the|at the)\b",
    re.IGNORECASE,
)


_NOTHING: Final = re.compile(r"\W*(?:remain\w* unchanged|none|no change)\W*", re.IGNORECASE)


class Verifier(Plain):
    """Plain, but for repairs, which a verifier was trained to write."""

    name = "verifier"

    def repair(
        self,
        image: Image.Image,
        instruction: str,
        lines: Sequence[tuple[str, Verdict | None]],
        critic: Consultation,
        seen: str = "",
    ) -> RepairDraft:
        failed = [question for question, verdict in lines if verdict is None or verdict.answer != "yes"]
        sent = sent_size(image, critic.profile)

        def read(text: str) -> RepairDraft:
            return read_verdict(text, sent)

        # Held to a form it could not think before it answers.
        return written(critic, verifier_prompt(image, instruction, failed), None, read, critic.profile.repair_tokens)


def verifier_prompt(image: Image.Image, instruction: str, failed: Sequence[str]) -> Prompt:
    """Asks for a verdict on a picture and a way to mend it; `failed` are the lines that did not hold."""
    doubts = "\n".join(f"- {line}" for line in failed)
    heading = "These lines did not hold, or not for sure, when they were asked:"
    told = f"{heading}\n{_fenced('checklist', doubts)}\n" if failed else ""
    text = f"\nThis picture was made from the task:\n{_fenced('task', instruction)}\n{told}{_RULES}"
    return Prompt(system=_SYSTEM, parts=(image, text))


def read_verdict(text: str, sent: tuple[int, int] | None = None) -> RepairDraft:
    """The repair of a verifier's reply; its box tells the place where the instruction names none.

    Args:
        text: The reply, with or without its reasoning.
        sent: Width and height in pixels of the picture as the verifier saw it; None where its boxes are not known.

    Raises:
        Unreadable: there is no JSON, it says that the picture is right, or no instruction is in it.
    """
    answer = text.rpartition("</think>")[2]
    for value in values_in(answer):
        if not isinstance(value, dict) or not {"answer", "edit_prompt", "explanation"} & value.keys():
            continue
        change = _words(value.get("edit_prompt"))
        if _is_true(value.get("answer")) or not change or _NOTHING.fullmatch(change):
            raise Unreadable("the verifier finds the picture right, or names no change of it")
        place = "" if sent is None or _PLACED.search(change) else place_of(value.get("bbox_2d"), sent)
        whole = f"{change.rstrip('. ')} {place}" if place else change
        return RepairDraft(seen=cut(_words(value.get("explanation")), 600), instruction=cut(whole, 400), scope="local")
    raise Unreadable("the reply has no JSON with answer and edit_prompt" if answer.strip() else "the reply is empty")


def place_of(box: JsonValue, size: tuple[int, int]) -> str:
    """Where the middle of a box lies, in words; empty for no box, one out of the picture, or one of nearly all."""
    if not isinstance(box, list) or len(box) != 4:
        return ""
    sides = [float(side) for side in box if isinstance(side, int | float) and not isinstance(side, bool)]
    if len(sides) < 4:
        return ""
    left, top, right, bottom = sides
    width, height = size
    if not (0 <= left < right <= width + 1 and 0 <= top < bottom <= height + 1):
        return ""
    if (right - left) * (bottom - top) > 0.8 * width * height:
        return ""
    across = ("left", "", "right")[min(2, int(3 * (left + right) / 2 / width))]
    down = ("top", "", "bottom")[min(2, int(3 * (top + bottom) / 2 / height))]
    named = " ".join(word for word in (down, across) if word)
    return f"at the {named} of the picture" if named else "in the middle of the picture"


def _is_true(value: JsonValue) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes"))


def _words(value: JsonValue) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
