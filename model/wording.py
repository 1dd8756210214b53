"""The words of messages: values cut short, names that are near, faults of a form, and numbers with their nouns."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import ValidationError

SHOWN: Final = 160
"""Characters of a caller's value that a message repeats at most."""

_MARK = "…"


def shown(value: object) -> str:
    """The value as `repr` gives it, its middle left out beyond 160 characters: a message never repeats megabytes."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = SHOWN
    return cut(short.repr(value))


def cut(text: str, most: int = SHOWN) -> str:
    """The text, its middle left out beyond `most` characters."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return text[:head] + _MARK + text[len(text) - (most - head - 1) :]


def unknown(name: str, known: Iterable[str]) -> str:
    """What is said of a name that nobody knows: the nearest known one, then all of them."""
    names = list(known)
    near = difflib.get_close_matches(name[:SHOWN], names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{shown(name)} is not known; {hint}known are {', '.join(names)}"


def fault(error: ValidationError, known: Iterable[str] = ()) -> str:
    """The first fault that pydantic found, in one sentence, with the value cut short.

    Args:
        error: What a model's validation raised.
        known: The names that may be given; those of the faulty model.
    """
    first: Any = error.errors(include_url=False)[0]
    place = ".".join(cut(str(part), 40) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return unknown(str(first["loc"][-1]), known if len(first["loc"]) == 1 else ())
    if first["type"] == "missing":
        return f"{place} is missing"
    said = cut(str(first["msg"]).removeprefix("Value error, "), 400)
    return f"{place}={shown(first['input'])} is not allowed: {said}" if place else said


def model_name(model: str) -> str:
    """A model's name for people: a hub name or URL as it is, of a folder's path no more than the folder's name."""
    if "://" in model or not (PurePosixPath(model).is_absolute() or PureWindowsPath(model).is_absolute()):
        return model
    parts = PureWindowsPath(model).parts
    # A critic of its own lies in a folder of that name within the checkpoint.
    return "/".join(parts[-2:] if parts[-1] == "critic" else parts[-1:])


def counted(number: int, noun: str) -> str:
    """The number with its noun: `1 picture`, `2 pictures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
