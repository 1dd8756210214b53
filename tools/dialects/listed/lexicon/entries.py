"""The lexicon's data: readable files, one a category, checked when they are loaded."""

from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown

Language = Literal["zh", "es", "fr", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "es", "fr", "de")
CATEGORIES: Final = (
    "sizes",
    "fills",
    "colours",
    "shapes",
    "backgrounds",
    "relations",
    "places",
    "numbers",
    "requests",
    "edits",
    "questions",
)


class Entry(BaseModel):
    """What the model says in one way, and the ways in which people say it.

    Attributes:
        known: The model's own words for it, which stay as they are.
        ways: Exact synonyms.
        test: Exact synonyms held out of suites and lessons; the shipped lexicon reads them.
        near: What the world can only nearly do; reading one is an assumption.
        says: What is put in their place, where that is not the canonical word itself.
        zh: Simplified Chinese; `es`, `fr` and `de` are Spanish, French and German.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    known: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    says: str | None = None
    zh: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    fr: tuple[str, ...] = ()
    de: tuple[str, ...] = ()

    def foreign(self, language: Language) -> tuple[str, ...]:
        """Its words of another language."""
        return {"zh": self.zh, "es": self.es, "fr": self.fr, "de": self.de}[language]


class Turn(BaseModel):
    """A turn of phrase with slots in braces, and how the model says it; `near` is the assumption that this makes.

    With `after` it is read only where something else had to be read too, since the model knows it alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    said: str = Field(min_length=1)
    read: str
    near: str | None = None
    after: bool = False


class Grammar(BaseModel):
    """Words that bind: the model's own ones, those that mean nothing, and those that must never be passed over.

    Attributes:
        own: Function words and verbs of the model's own grammar.
        learned: Words of the sentence frames that its lessons are filled from: its own as well, though no synonyms.
        filler: Function words and vague ones that may go without changing the picture.
        links: Filler and binding words that turns of phrase hold, so that they are judged after these.
        binding: Words that change the meaning of a request and that no rule could read.
        real: Words that are no misspelling, though one letter from a word of the world.
        refused: Colours that the model was trained to refuse in whole requests.
        chinese: Grammar words of Chinese.
        emoji: Signs for what the world has.
        es: Function words of Spanish with what they are read as; `fr` and `de` are French and German.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    own: tuple[str, ...]
    learned: tuple[str, ...] = ()
    filler: tuple[str, ...]
    links: tuple[str, ...]
    binding: tuple[str, ...]
    real: tuple[str, ...]
    refused: tuple[str, ...]
    chinese: tuple[str, ...]
    emoji: dict[str, str]
    es: dict[str, str]
    fr: dict[str, str]
    de: dict[str, str]


_PACKAGE: Final = "omniagent.tools.dialects.listed.lexicon"
Category = MappingProxyType[str, Entry]
_ENTRIES = TypeAdapter(dict[str, Entry])
_TURNS = TypeAdapter(tuple[Turn, ...])


def _read(name: str) -> object:
    text = files(_PACKAGE).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    # Every scalar is a text: YAML would read "no" as false and 7 as a number.
    return yaml.load(text, Loader=yaml.BaseLoader)


@cache
def category(name: str) -> Category:
    """A category's entries by their canonical words.

    Raises:
        BadSetting: There is no such category.
        ValidationError: Its file is not of the form of `Entry`.
    """
    if name not in CATEGORIES:
        raise BadSetting(f"category={shown(name)} is not in the lexicon; give one of {', '.join(CATEGORIES)}")
    return MappingProxyType(_ENTRIES.validate_python(_read(name)))


@cache
def turns(name: Literal["turns", "chinese"] = "turns") -> tuple[Turn, ...]:
    """The turns of phrase, in the order in which they are tried."""
    return _TURNS.validate_python(_read(name))


@cache
def grammar() -> Grammar:
    """The words that bind."""
    return Grammar.model_validate(_read("grammar"))
