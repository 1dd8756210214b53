"""What a task mentions and what a checklist line tells, as data that a dialect makes and the audit compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from omniagent.tools.types import RequirementKind

MentionKind = Literal["quote", "keep", "number", "colour", "relation", "word"]


@dataclass(frozen=True)
class Mention:
    """One meaningful part of a task.

    Attributes:
        kind: What it is.
        said: The words of the person, for people to read.
        forms: What says it: a line that tells any of these says it too.
        of: What it is said of; a line must tell one of these besides. Empty: said of anything.
        line: The kind and question by which it can be checked; None where no question about the picture can.
    """

    kind: MentionKind
    said: str
    forms: frozenset[str]
    of: frozenset[str] = frozenset()
    line: tuple[RequirementKind, str] | None = None


@dataclass(frozen=True)
class Told:
    """What one line of a checklist tells.

    Attributes:
        forms: Its words, numbers and relations, in the forms of `Mention.forms`.
        text: Its letters and digits alone, in one case, for quoted texts.
        pronoun: Whether it speaks of what the lines before named ("Is it red?").
        keeps: Whether it asks that something is as it was.
        colours: Those of its forms that are colours.
        content: Those of its forms that have a meaning of their own ("is" and "there" have none); all if it is empty.
    """

    forms: frozenset[str]
    text: str = ""
    pronoun: bool = False
    keeps: bool = False
    colours: frozenset[str] = frozenset()
    content: frozenset[str] = frozenset()

    @property
    def meant(self) -> frozenset[str]:
        """The forms with a meaning."""
        return self.content or self.forms
