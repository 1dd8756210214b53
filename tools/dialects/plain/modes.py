"""What a task may mean, by rule: of one mode there is no doubt, among several the critic chooses.

A picture that was given is never dropped, a request phrased as a question is a request, and a task that needs a picture
which was not given is the person's to mend. Words that leave doubt never raise an error.
"""

from typing import Final

from omniagent.model.errors import BadTask, CriticBadOutput
from omniagent.tools.dialects.base import Consultation
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.language import chinese, english
from omniagent.tools.dialects.plain.language.said import Said
from omniagent.tools.dialects.plain.language.vocabulary import chinese as is_chinese
from omniagent.tools.dialects.plain.language.vocabulary import english as is_english
from omniagent.tools.types import Mode, Reach

_SURE: Final = 0.5
"""Probability of the likeliest answer below which the reach of a change is not known."""


def possible_modes(
    words: str, pictures: int, *, fixed: Mode | None = None, domain: str | None = None, clarified: bool = False
) -> tuple[Mode, ...]:
    """The modes that a task may mean, the likeliest first; one when the words decide.

    Args:
        words: The person's own words.
        pictures: How many pictures they gave.
        fixed: The mode that they set; it stands unless something that it needs is missing.
        domain: What the generator can draw, if not everything; only then may a task be refused.
        clarified: The words say what is meant by pictures that were not given, so these are not missed.

    Raises:
        BadTask: the task needs a picture that was not given, or its mode needs what it lacks; the message names it.
    """
    said = said_in(words)
    if fixed is not None:
        return (_held(fixed, said, pictures, domain, clarified),)
    if not clarified:
        _check_pictures(said, pictures)
    modes = _without_pictures(said) if pictures == 0 else _with_pictures(said, pictures)
    drawn = any(mode != "answer" for mode in modes)
    return (*modes, "refuse") if domain is not None and drawn else modes


def said_in(words: str) -> Said:
    """What a task's words say of themselves, in the languages that the rules know; else only whether they ask."""
    if is_chinese(words):
        return chinese.said_in(words)
    if is_english(words):
        return english.said_in(words)
    return Said(intent="unsure")


def _held(fixed: Mode, said: Said, pictures: int, domain: str | None, clarified: bool) -> Mode:
    if fixed in ("edit", "compose") and pictures == 0:
        raise BadTask(f"mode={fixed!r} needs a picture, but none was given; give one, or set the mode to generate")
    if fixed == "refuse" and domain is None:
        raise BadTask("mode='refuse' is not allowed: this generator can draw anything; set another mode or none")
    named = fixed in ("edit", "compose") or (fixed == "answer" and said.intent == "question")
    if named and not clarified:
        _check_pictures(said, pictures)
    return fixed


def _check_pictures(said: Said, pictures: int) -> None:
    beyond = [number for number in sorted(said.numbers) if number > pictures]
    if beyond:
        given = {0: "no picture was", 1: "only 1 picture was"}.get(pictures, f"only {pictures} pictures were")
        named = " and ".join(f"image {number}" for number in beyond)
        raise BadTask(f"the task speaks of {named}, but {given} given; give every picture that it speaks of, in order")
    if pictures == 0 and said.points and said.act != "create":
        if said.intent == "question":
            raise BadTask(f"the task asks about a picture ({said.points!r}), but none was given; give the picture")
        raise BadTask(
            f"the task speaks of a given picture ({said.points!r}), but none was given; "
            "give the picture, or say in words all that a new one should show"
        )


def _without_pictures(said: Said) -> tuple[Mode, ...]:
    if said.intent == "question":
        return ("answer",)
    return ("generate",) if said.intent == "drawing" else ("generate", "answer")


def _with_pictures(said: Said, pictures: int) -> tuple[Mode, ...]:
    if said.intent == "question":
        return ("answer",)
    modes: tuple[Mode, ...]
    if pictures > 1:
        modes = ("edit",) if said.one_changed else ("compose",)
    elif said.act == "change":
        modes = ("edit",)
    elif said.act == "use":
        modes = ("compose",)
    else:
        modes = ("compose", "edit") if said.act == "create" else ("edit", "compose")
    return modes if said.intent == "drawing" else (*modes, "answer")


def reach_of(words: str, critic: Consultation) -> Reach | None:
    """How far a change of a picture reaches, which no list of words tells; None where the critic is not sure.

    "Brighter", "as a sketch" and "snow" change all of a picture; "an all-black dress" and "a night lamp" do not.
    """
    try:
        likely = critic.choose(prompts.reach_prompt(words), prompts.letters([*prompts.REACHES]))
    except CriticBadOutput:
        return None
    probability, reach = max(zip(likely, prompts.REACHES, strict=True), key=lambda pair: pair[0])
    return reach if probability >= _SURE else None
