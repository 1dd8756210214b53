"""Misspellings: one letter wrong, missing, too many, or two letters in the wrong order."""

from collections.abc import Collection
from typing import Final

SHORTEST: Final = 5


def one_off(said: str, meant: str) -> bool:
    """Whether one slip of the hand turns one word into the other."""
    if said == meant or abs(len(said) - len(meant)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(said, meant, strict=False)) if a != b), min(len(said), len(meant)))
    if len(said) < len(meant):
        return said[at:] == meant[at + 1 :]
    if len(said) > len(meant):
        return said[at + 1 :] == meant[at:]
    swapped = said[at : at + 2] == meant[at : at + 2][::-1] and said[at + 2 :] == meant[at + 2 :]
    return said[at + 1 :] == meant[at + 1 :] or swapped


def corrected(word: str, known: Collection[str], real: Collection[str]) -> str | None:
    """The only known word that a misspelt one can be; None for short words, real ones and where two are as near."""
    if len(word) < SHORTEST or word in real or not word.isalpha():
        return None
    if word.removesuffix("s") in known:
        return None
    near = {one for one in known if len(one) >= SHORTEST and one[0] == word[0] and one_off(word, one)}
    return near.pop() if len(near) == 1 else None
