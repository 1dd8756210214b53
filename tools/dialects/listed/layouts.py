"""Makes a plan's layout list exactly the things that its checklist counts.

A small planner that lists a picture's things in another order than its checklist may list one twice and forget another.
Where both are in the listed notation they can be compared; prose is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from omniagent.tools.dialects.listed.notation import INSIDE, read_count, read_layout


@dataclass
class _Thing:
    words: tuple[str, ...]
    spot: str = ""
    found: bool = False

    def answers(self, asked: "_Thing") -> bool:
        return self.words[-1] == asked.words[-1] and set(asked.words) <= set(self.words)


def layout_as_counted(instruction: str, questions: Sequence[str]) -> str:
    """The layout with things that no question counts changed into those that are counted and missing in it.

    Each missing thing takes the spot of the superfluous one that is most like it; a thing too many is left out. An
    instruction or checklist of another form, or one that counts more than was listed, stays as it is.
    """
    layout, wanted = read_layout(instruction), _wanted(questions)
    if layout is None or not wanted or len(wanted) > len(layout.spots):
        return instruction
    listed = [_Thing(spot.words, spot.place) for spot in layout.spots]
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
    return f"{layout.head}: {'; '.join(parts)}"


def _wanted(questions: Sequence[str]) -> list[_Thing]:
    """Every thing that is counted, one by one; none where the numbers do not add up to the total."""
    counts = [count for question in questions if (count := read_count(question))]
    total = sum(count.number for count in counts if count.total)
    single = [
        count.phrase.removesuffix("s") if count.number != 1 else count.phrase
        for count in counts
        if not count.total
        for _ in range(count.number)
    ]
    return [_Thing(tuple(phrase.split())) for phrase in single] if len(single) == total else []


def _holds(listed: Sequence[_Thing], number: int) -> bool:
    """Whether the next thing lies inside this one."""
    return number + 1 < len(listed) and listed[number + 1].spot == INSIDE and listed[number].spot != INSIDE
