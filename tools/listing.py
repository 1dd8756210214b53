"""Keeps what a plan tells the painter of a whole picture true to what the plan itself asks for.

A small planner that lists a picture's things in another order than its checklist may list one twice and forget another.
Where both are lists (``draw on a white background: red ring at c c; …`` and ``Is there exactly 1 red ring?``), as the
bundled planner writes them, they can be compared; free prose is left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_COUNTED = re.compile(r"(?:Is|Are) there exactly (\d+) ([\w ]+?)\?")
_PART = re.compile(r"(?P<phrase>[\w ]+?) (?P<spot>at \w+ \w+|inside it)")


@dataclass
class _Thing:
    words: tuple[str, ...]
    spot: str = ""
    found: bool = False

    def answers(self, asked: "_Thing") -> bool:
        return self.words[-1] == asked.words[-1] and set(asked.words) <= set(self.words)


def things_as_asked(instruction: str, questions: Sequence[str]) -> str:
    """The instruction with things that no question counts changed into those that are asked for and missing in it.

    Each missing thing takes the spot of the superfluous one that is most like it; a thing too many is left out. An
    instruction or checklist of another form, or one that asks for more than was listed, stays as it is.
    """
    head, colon, body = instruction.partition(": ")
    matches = [_PART.fullmatch(part) for part in body.split("; ")]
    listed = [_Thing(tuple(m["phrase"].split()), m["spot"]) for m in matches if m]
    wanted = _wanted(questions)
    if not colon or len(listed) < len(matches) or not wanted or len(wanted) > len(listed):
        return instruction
    for exact in (True, False):
        for asked in wanted:
            fits = (
                one for one in listed if not one.found and (one.words == asked.words if exact else one.answers(asked))
            )
            if not asked.found and (one := next(fits, None)):
                asked.found = one.found = True
    for asked in (one for one in wanted if not one.found):
        spare = max((one for one in listed if not one.found), key=lambda one: len(set(one.words) & set(asked.words)))
        renamed = (*spare.words[:-1], asked.words[-1])
        spare.words, spare.found = renamed if set(asked.words) <= set(renamed) else asked.words, True
    kept = [one for number, one in enumerate(listed) if one.found or _holds(listed, number)]
    parts = (" ".join((*one.words, one.spot)) for one in kept)
    return f"{head}: {'; '.join(parts)}"


def _wanted(questions: Sequence[str]) -> list[_Thing]:
    """Every thing that is counted, one by one; none where the numbers do not add up to the total."""
    counts = [(int(m[1]), m[2]) for question in questions if (m := _COUNTED.fullmatch(question))]
    total = sum(number for number, phrase in counts if phrase.endswith(" in total"))
    single = [
        phrase.removesuffix("s") if number != 1 else phrase
        for number, phrase in counts
        if not phrase.endswith(" in total")
        for _ in range(number)
    ]
    return [_Thing(tuple(phrase.split())) for phrase in single] if len(single) == total else []


def _holds(listed: Sequence[_Thing], number: int) -> bool:
    """Whether the next thing lies inside this one."""
    return number + 1 < len(listed) and listed[number + 1].spot == "inside it" and listed[number].spot != "inside it"
