"""A describer that asks any instruction-following vision model, by prompts that a recipe may change."""

from collections.abc import Sequence
from typing import Final, TypeVar

from PIL import Image
from pydantic import BaseModel, Field

from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import Critic, Prompt, Questions, Writing
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from omniagent.tools.types import Word

T = TypeVar("T", bound=BaseModel)

_TRIES: Final = 2
_LONGEST: Final = 1200


class DescriberPrompts(Word):
    """The words of all requests. `{most}`, `{thing}` and `{instruction}` are filled in where they stand."""

    system: str = "You look at pictures and answer exactly in the form that is asked for."
    subjects: str = (
        "Name the main subjects of this picture: up to {most} salient objects, people or animals in the foreground. "
        "Leave out backgrounds such as sky, floor or wall. Short noun phrases, each clearly different from the others. "
        'Answer as JSON: {{"subjects": ["a brown dog", "a red ball"]}}'
    )
    described: str = (
        "The picture shows one thing cut out on grey: {thing}. Describe its looks in one noun phrase of at most 15 "
        'words, without the grey. Answer as JSON: {{"text": "a small brown dog with a white muzzle"}}'
    )
    caption: str = (
        "Describe this picture in two or three sentences: what is where, how it looks, the background and the light. "
        'Answer as JSON: {{"text": "…"}}'
    )
    change: str = (
        "The first picture was edited into the second. Write the instruction that was given for it, in one imperative "
        "sentence that names what is changed and how it looks afterwards, from what is seen in both pictures alone. If "
        'they do not differ, give an empty text. Answer as JSON: {{"text": "Move the cup to the left of the lamp."}}'
    )
    same: str = (
        "Both pictures show a thing called {thing}. Is it one and the same individual thing in both, not another one "
        "that looks alike? Pose, light and distance may differ."
    )
    sound: str = (
        "Is this picture free of faults: no seams, no ghost edges, no broken or doubled parts, nothing that floats?"
    )
    fits: str = "The last picture is meant to be the result of: {instruction}\nDoes it show exactly that?"
    shows: str = "Is {thing} clearly seen in this picture?"


class _Subjects(BaseModel):
    subjects: list[str] = Field(max_length=20)


class _Text(BaseModel):
    text: str


class PromptedDescriber:
    """A `Describer` over a critic, in this process or behind a URL.

    Args:
        critic: Who answers.
        prompts: The words of the requests.
    """

    def __init__(self, critic: Critic, prompts: DescriberPrompts | None = None) -> None:
        self._critic = critic
        self._prompts = prompts or DescriberPrompts()

    @property
    def name(self) -> str:
        return self._critic.model

    def subjects(self, picture: Image.Image, most: int) -> tuple[str, ...]:
        """As `Describer.subjects`."""
        names = self._written(self._prompts.subjects.format(most=most), (picture,), _Subjects).subjects
        tidy = dict.fromkeys(name for each in names if (name := " ".join(each.split()).strip(" .").lower()))
        return tuple(tidy)[:most]

    def described(self, cut_out: Image.Image, thing: str) -> str:
        """As `Describer.described`."""
        return self._text(self._prompts.described.format(thing=thing), (cut_out,)) or thing

    def caption(self, picture: Image.Image) -> str:
        """As `Describer.caption`."""
        return self._text(self._prompts.caption.format(), (picture,))

    def change(self, before: Image.Image, after: Image.Image) -> str:
        """As `Describer.change`."""
        return self._text(self._prompts.change.format(), (before, after))

    def same(self, first: Image.Image, second: Image.Image, thing: str) -> float:
        """As `Describer.same`."""
        return self._yes(self._prompts.same.format(thing=thing), (first, second))

    def sound(self, picture: Image.Image) -> float:
        """As `Describer.sound`."""
        return self._yes(self._prompts.sound.format(), (picture,))

    def fits(self, instruction: str, inputs: Sequence[Image.Image], output: Image.Image) -> float:
        """As `Describer.fits`."""
        return self._yes(self._prompts.fits.format(instruction=instruction), (*inputs, output))

    def shows(self, picture: Image.Image, thing: str) -> float:
        """As `Describer.shows`."""
        return self._yes(self._prompts.shows.format(thing=thing), (picture,))

    def _yes(self, question: str, pictures: Sequence[Image.Image]) -> float:
        prompt = Prompt(system=self._prompts.system, parts=tuple(pictures))
        return self._critic.yes_no(Questions(prompt, (question,))).probabilities[0]

    def _text(self, asked: str, pictures: Sequence[Image.Image]) -> str:
        return " ".join(self._written(asked, pictures, _Text).text.split())[:_LONGEST]

    def _written(self, asked: str, pictures: Sequence[Image.Image], form: type[T]) -> T:
        said = ""
        for attempt in range(_TRIES):
            more = f"\nYour last answer was no such JSON: {said[:200]}" if attempt else ""
            prompt = Prompt(system=self._prompts.system, parts=(*pictures, asked + more))
            said = self._critic.write(Writing(prompt, form, max_tokens=400)).text
            for value in values_in(said):
                try:
                    return form.model_validate(value)
                except ValueError:
                    continue
        raise CriticBadOutput(f"{self.name} gave no such JSON in {_TRIES} tries but: {said[:200]!r}")
