"""Tells changes of the things that were seen: the instruction for the generator, and what must be seen afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.listed.cells import CELLS, WHERE, middle_of, preferred
from omniagent.tools.dialects.listed.changes.pictures import Picture, Seen, meant, picture_of
from omniagent.tools.dialects.listed.changes.wishes import BESIDE, STEPS, Look, Target, Wish
from omniagent.tools.dialects.listed.draws.parts import COLOURS, MOST
from omniagent.tools.dialects.listed.draws.scene import Things
from omniagent.tools.dialects.listed.notation import (
    article,
    print_background,
    print_presence,
    print_total,
)


class Grounded(NamedTuple):
    """Changes told of seen things: the `change` for the generator, and the checklist of the picture that follows."""

    change: str
    checklist: tuple[RequirementDraft, ...]
    assumptions: tuple[str, ...]


_SIDES_OF: Final = {
    "left of": ((-1, 0),), "right of": ((1, 0),), "above": ((0, -1),), "below": ((0, 1),),
    BESIDE: ((-1, 0), (1, 0)),
}  # fmt: skip
_ROWS: Final = (*CELLS, *zip(*CELLS, strict=True))
"""The places in rows and in columns; the middle one of each gives a side its name."""


class _Unclear(Exception):
    """The changes do not fit what was seen."""


def grounded(wishes: Sequence[Wish], seen: str, change: str = "") -> Grounded | None:
    """The changes of a picture that was described in the listed notation; None where they do not fit what was seen.

    Args:
        wishes: What is to change.
        seen: The description of the picture.
        change: How the planner told it, which decides where a name fits several things.
    """
    picture = picture_of(seen)
    if picture is None:
        return None
    scene = _Scene(picture, change)
    try:
        for wish in wishes:
            scene.change(wish)
    except _Unclear:
        return None
    return scene.told()


class _Scene:
    """A picture's things as the changes leave them, one after the other."""

    def __init__(self, picture: Picture, change: str) -> None:
        self._things = list(picture.things)
        self._kinds = {one.kind for one in picture.things}
        self._ground = picture.ground
        self._hint = change
        self._steps: list[str] = []
        self._assumed: list[str] = []
        self._last: list[int] = []

    def told(self) -> Grounded | None:
        if not self._steps or not 0 < len(self._things) <= MOST:
            return None
        lines = [RequirementDraft(kind="presence", question=print_presence(one.name)) for one in self._things]
        lines.append(RequirementDraft(kind="attribute", question=print_background(self._ground)))
        lines.append(RequirementDraft(kind="count", question=print_total(len(self._things))))
        return Grounded(" and ".join(self._steps), tuple(lines), tuple(self._assumed))

    def change(self, wish: Wish) -> None:
        match wish.kind:
            case "background":
                self._ground = str(wish.ground)
                self._steps.append(f"make the background {wish.ground}")
            case "add":
                self._add(wish)
            case "recount":
                self._recount(wish)
            case "swap":
                self._swap(wish)
            case "remove":
                gone = self._found(wish.of)
                self._steps += [f"remove the {self._things[at].name}" for at in gone]
                self._things = [one for at, one in enumerate(self._things) if at not in gone]
                self._last = []
            case "only":
                kept = self._found(wish.of)
                self._steps += [f"remove the {one.name}" for at, one in enumerate(self._things) if at not in kept]
                self._things = [one for at, one in enumerate(self._things) if at in kept]
                self._last = list(range(len(self._things)))
            case "copy":
                self._copy(wish)
            case "alike":
                self._last, model = self._found(wish.of), self._one(wish.other)
                for at in self._last:
                    self._restyle(at, _look_of(self._things[model], wish.look))
            case "swap_looks":
                first, second = self._one(wish.of), self._one(wish.other)
                looks = [_look_of(self._things[at], wish.look) for at in (second, first)]
                self._restyle(first, looks[0])
                self._restyle(second, looks[1])
            case "restyle" | "reshape" | "move":
                self._last = self._found(wish.of)
                for at in self._last:
                    self._alter(at, wish)

    def _alter(self, at: int, wish: Wish) -> None:
        one = self._things[at]
        if wish.kind == "move":
            cell = self._cell(wish, at)
            self._steps.append(f"move the {one.name} to {middle_of(cell)}")
            self._things[at] = replace(one, cell=cell)
            return
        if wish.kind == "reshape":
            self._steps.append(f"turn the {one.name} into {article(str(wish.shape))}")
            self._things[at] = replace(one, shape=str(wish.shape))
            return
        self._restyle(at, wish.looks)

    def _restyle(self, at: int, looks: Things) -> None:
        for field, new in (("size", looks.size), ("fill", looks.fill), ("colour", looks.colour)):
            if new is not None and new != (getattr(self._things[at], field) or "solid"):
                self._steps.append(f"make the {self._things[at].name} {new}")
                self._things[at] = replace(self._things[at], **{field: None if new == "solid" else new})

    def _swap(self, wish: Wish) -> None:
        first, second = self._one(wish.of), self._one(wish.other)
        if first == second:
            raise _Unclear
        a, b = self._things[first], self._things[second]
        self._steps.append(f"swap the {a.name} and the {b.name}")
        self._things[first], self._things[second] = replace(a, cell=b.cell), replace(b, cell=a.cell)

    def _copy(self, wish: Wish) -> None:
        like = self._things[self._one(wish.of)]
        cell = wish.place or self._free()
        new = replace(like, cell=cell)
        self._steps.append(f"add {article(new.words)} at {middle_of(cell)}")
        self._things.append(new)
        self._last = [len(self._things) - 1]

    def _add(self, wish: Wish) -> None:
        group = wish.looks
        if group.colour is None:
            free = next(colour for colour in COLOURS if colour not in {one.colour for one in self._things})
            self._assumed.append(f"the colour of the new {group.words} is left open: it is drawn {free}")
            group = replace(group, colour=free)
        if group.shape is None:
            raise _Unclear
        for _ in range(group.count):
            cell = self._new_cell(wish)
            fill = None if group.fill == "solid" else group.fill
            new = Seen(group.shape, str(group.colour), fill, group.size, cell)
            alike = new.kind in self._kinds
            self._steps.append(f"add {article(new.words)} at {middle_of(cell)}")
            told = cell if wish.place or alike or group.count > 1 else None
            # A thing without a size's word asks for no size, as all that are medium do.
            self._things.append(replace(new, cell=told))
        self._last = [len(self._things) - 1]

    def _new_cell(self, wish: Wish) -> str:
        """Where the next of some new things goes; several at one side stand in a row along it."""
        if wish.place is None:
            return self._free()
        if wish.looks.count == 1 or wish.other is not None:
            return self._cell(wish, None)
        along = next((line for line in _ROWS if line[1] == wish.place), ())
        taken = {one.cell for one in self._things}
        cell = next((cell for cell in along if cell not in taken), None)
        if cell is None:
            raise _Unclear
        return cell

    def _recount(self, wish: Wish) -> None:
        mine = [at for at, one in enumerate(self._things) if one.misses(Target(wish.looks)) == 0]
        number = wish.number or 0
        if not mine and not (wish.more or wish.fewer):
            self._add(replace(wish, kind="add", looks=replace(wish.looks, count=number)))
            return
        if not mine:
            if wish.more:
                self._add(replace(wish, kind="add", looks=replace(wish.looks, count=number)))
                return
            raise _Unclear
        count = len(mine) + number if wish.more else len(mine) - number if wish.fewer else number
        if count < 0 or len(self._things) - len(mine) + count > MOST:
            raise _Unclear
        like = self._things[mine[0]]
        for _ in range(count - len(mine)):
            cell = self._free()
            new = replace(like, size=None, cell=cell)
            self._steps.append(f"add {article(new.words)} at {middle_of(cell)}")
            self._things.append(new)
        gone = mine[count:]
        self._steps += [f"remove the {self._things[at].name}" for at in gone]
        self._things = [one for at, one in enumerate(self._things) if at not in gone]

    def _found(self, target: Target) -> list[int]:
        """The things that are meant; those that a name fits best, and of several the one that the planner told of."""
        if target.pronoun:
            known = self._last or (list(range(len(self._things))) if len(self._things) == 1 else [])
            if not known:
                raise _Unclear
            return known
        best = meant(target, self._things)
        if not best:
            raise _Unclear
        if target.every and self._things[best[0]].misses(target) == 0:
            return best
        if len(best) > 1 and target.last:
            return best[-1:]
        if len(best) > 1:
            best = [at for at in best if self._things[at].name in self._hint] or best
        if len(best) != 1:
            raise _Unclear
        return best

    def _one(self, target: Target | None) -> int:
        """The one thing that is meant."""
        found = self._found(target or Target(pronoun=True))
        if len(found) != 1:
            raise _Unclear
        return found[0]

    def _cell(self, wish: Wish, moved: int | None) -> str:
        """The cell where something goes: the named one, or the nearest free one on the named side of another thing."""
        if wish.place in STEPS and moved is not None:
            return self._step(wish.place, moved)
        if wish.other is None:
            if wish.place is None:
                raise _Unclear
            return wish.place
        found = self._found(wish.other)
        other = self._things[found[0]].cell
        if other is None or found[0] == moved:
            raise _Unclear
        x, y = WHERE[other]
        taken = {one.cell for one in self._things}
        for step in _SIDES_OF[str(wish.place)]:
            fits = [
                cell
                for cell, (a, b) in WHERE.items()
                if cell not in taken and (a - x) * step[0] + (b - y) * step[1] > 0
            ]
            if fits:
                break
        else:
            raise _Unclear

        def distance(cell: str) -> int:
            across, down = WHERE[cell][0] - x, WHERE[cell][1] - y
            # Straight above or beside it comes before nearer at a slant.
            return abs(across) * (1 if step[0] else 3) + abs(down) * (1 if step[1] else 3)

        return min(fits, key=distance)

    def _step(self, step: str, moved: int) -> str:
        """The cell one step from where a thing is."""
        cell = self._things[moved].cell
        if cell is None:
            raise _Unclear
        (x, y), (across, down) = WHERE[cell], STEPS[step]
        reached = next((name for name, at in WHERE.items() if at == (x + across, y + down)), None)
        if reached is None:
            raise _Unclear
        return reached

    def _free(self) -> str:
        """The cell where one more thing goes when no place was asked for, as the model's lessons choose it."""
        taken = {one.cell for one in self._things}
        return next((cell for cell in preferred(len(self._things) + 1) if cell not in taken), "centre")


def _look_of(one: Seen, look: Look) -> Things:
    """One look of a thing, as another is to have it; a medium size has no word."""
    if look == "colour":
        return Things(colour=one.colour)
    if look == "fill":
        return Things(fill=one.fill or "solid")
    if one.size is None:
        raise _Unclear
    return Things(size=one.size)
