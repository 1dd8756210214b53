"""Where a planner puts what was asked for: one cell of a 3×3 grid for each object, by fixed rules.

The plans that the MLLM learns from are laid out by these rules, so that its own layouts are steady and keep every
relation; the generator learns from all scenes and follows any layout. What has a wish about its place comes first, in
the order in which the checklist asks for it, and goes to the side where its relations pull it: a small planner that has
to look ahead, for a free object not to stand in the way of a bound one, gets a third of those layouts wrong.
"""

from collections.abc import Iterator, Sequence

from omniagent.shapes.scene.world import COLOURS, Item
from omniagent.shapes.words.phrases import grid_word, words
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.tools.dialects.listed.cells import WHERE, middle_of, preferred
from omniagent.tools.dialects.listed.notation import print_layout

CANVAS_COLOUR = "white"
OBJECT_SHAPE = "circle"


def _keeps(name: str, a: str, b: str) -> bool:
    (ax, ay), (bx, by) = WHERE[a], WHERE[b]
    match name:
        case "left of":
            return ax < bx
        case "right of":
            return ax > bx
        case "above":
            return ay < by
        case "below":
            return ay > by
        case _:
            return a == b


_PULLS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
"""Columns and rows towards which a relation pulls its first group; it pulls the second the other way."""


def _towards(group: int, relations: Sequence[Relation], objects: int) -> list[str]:
    """The nine cells in the order in which a group takes them: as far as its relations pull it, then as preferred."""
    pulls = [_PULLS[r.name] for r in relations if r.first == group]
    pulls += [(-x, -y) for r in relations if r.second == group for x, y in [_PULLS[r.name]]]
    across, down = (sum(axis) for axis in zip(*pulls, strict=True)) if pulls else (0, 0)
    return sorted(preferred(objects), key=lambda cell: -(WHERE[cell][0] * across + WHERE[cell][1] * down))


def _fill(
    owners: Sequence[int], groups: Sequence[Group], relations: Sequence[Relation], chosen: list[str]
) -> Iterator[list[str]]:
    """Every arrangement that keeps the places and relations, best first; `owners` names each object's group."""
    if len(chosen) == len(owners):
        yield list(chosen)
        return
    mine = owners[len(chosen)]
    for cell in _towards(mine, relations, len(owners)):
        if cell in chosen or (groups[mine].place or cell) != cell:
            continue
        fits = all(
            _keeps(r.name, cell, chosen[other]) if r.first == mine else _keeps(r.name, chosen[other], cell)
            for r in relations
            for other, owner in enumerate(owners[: len(chosen)])
            if {r.first, r.second} == {mine, owner} and mine != owner
        )
        if fits:
            yield from _fill(owners, groups, relations, [*chosen, cell])


def cells_of(wanted: Wanted, *, fine: bool = False) -> list[tuple[int, str]] | None:
    """For each object its group and its cell (`fine`: that cell's middle), held ones "inside it" after their ring.

    None when no arrangement on the grid keeps everything, as for contradictory wishes, more than nine objects, or a
    holder that is held itself.
    """
    holders = {r.first: r.second for r in wanted.relations if r.name == "inside"}
    if holders.keys() & set(holders.values()):
        return None
    placed = [g for g, group in enumerate(wanted.groups) if group.place]
    bound = [g for r in wanted.relations for g in (r.first, r.second)]
    ordered = dict.fromkeys(holders.get(g, g) for g in (*placed, *bound, *range(len(wanted.groups))))
    owners = [g for g in ordered for _ in range(wanted.groups[g].count)]
    if not owners or len(owners) > len(WHERE) or any(wanted.groups[g].count != 1 for g in holders):
        return None
    outer = [
        Relation(first=holders.get(r.first, r.first), name=r.name, second=holders.get(r.second, r.second))
        for r in wanted.relations
        if r.name != "inside"
    ]
    if any(r.first == r.second for r in outer):
        return None
    found = next(_fill(owners, wanted.groups, outer, []), None)
    if found is None:
        return None
    spots: list[tuple[int, str]] = []
    for owner, cell in zip(owners, found, strict=True):
        spots.append((owner, f"at {middle_of(cell)}" if fine else cell))
        spots += [(inner, "inside it") for inner, ring in holders.items() if ring == owner]
    return spots


def complete(group: Group, wanted: Wanted) -> Group:
    """The group with a shape and a colour that no other has, where the person named none."""
    taken = {other.colour for other in wanted.groups}
    free = next((colour for colour in COLOURS if colour not in taken), None)
    return group.model_copy(update={"colour": group.colour or free, "shape": group.shape or OBJECT_SHAPE})


def layout_instruction(wanted: Wanted) -> str | None:
    """The generator's instruction for the whole wanted picture, or None when it cannot be laid out."""
    spots = cells_of(wanted, fine=True)
    if spots is None:
        return None
    named = [(words(complete(wanted.groups[group], wanted)), cell) for group, cell in spots]
    return print_layout(wanted.background or CANVAS_COLOUR, named)


def free_spot(items: Sequence[Item]) -> str:
    """The cell for one more object when no place was asked for: the best that is free, the centre when none is."""
    taken = {grid_word(item) for item in items}
    return next((cell for cell in preferred(len(items) + 1) if cell not in taken), "centre")
