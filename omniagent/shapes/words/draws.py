"""Draw tasks: what a random scene's words ask for, and nothing that the scene does not show."""

from collections import Counter

import numpy as np

from omniagent.shapes.scene.world import RELATIONS, Item, Scene, holds, place_of
from omniagent.shapes.words.requirements import Group, Relation, Wanted


def groups_of(scene: Scene) -> list[tuple[Group, list[Item]]]:
    """Objects grouped by (fill, colour, shape), in drawing order, with a size word where all members share it."""
    kinds = Counter(item.kind for item in scene.items)
    found: list[tuple[Group, list[Item]]] = []
    for (fill, colour, shape), count in kinds.items():
        members = [item for item in scene.items if item.kind == (fill, colour, shape)]
        sizes = {item.size if _clear_size(item) > 0 else None for item in members}
        size = sizes.pop() if len(sizes) == 1 else None
        found.append((Group(count=count, fill=fill, colour=colour, shape=shape, size=size), members))
    return found


def _clear_size(item: Item) -> int:
    return int(item.radius <= 12 or item.radius >= 17)


def relations_of(grouped: list[tuple[Group, list[Item]]]) -> list[Relation]:
    """Every relation that holds between all members of two groups, with the full margin."""
    found: list[Relation] = []
    for first, (_, some) in enumerate(grouped):
        for second, (_, others) in enumerate(grouped):
            if first == second:
                continue
            for name in RELATIONS:
                if name == "inside" and (len(some) > 1 or len(others) > 1):
                    continue
                if all(holds(name, a, b) for a in some for b in others):
                    found.append(Relation(first=first, name=name, second=second))
    return found


def wanted_of(rng: np.random.Generator, scene: Scene) -> Wanted:
    """A request that the scene fulfils: its groups, at most two of its relations, some sizes and places."""
    grouped = groups_of(scene)
    relations = relations_of(grouped)
    inside = [r for r in relations if r.name == "inside"]
    chosen: list[Relation] = inside[:1]
    others = [r for r in relations if r.name != "inside" and not _same_pair(r, chosen)]
    amount = int(rng.choice(3, p=[0.45, 0.4, 0.15]))
    while others and len(chosen) < amount:
        pick = others[int(rng.integers(len(others)))]
        chosen.append(pick)
        others = [r for r in others if not _same_pair(r, chosen)]
    groups: list[Group] = []
    for group, members in grouped:
        place = place_of(members[0].x, members[0].y) if len(members) == 1 else None
        groups.append(
            group.model_copy(
                update={
                    "size": group.size if rng.random() < 0.6 else None,
                    "colour": group.colour if rng.random() < 0.92 or _hidden_by_colour(group, grouped) else None,
                    "place": place if place and not chosen and rng.random() < 0.35 else None,
                }
            )
        )
    background = scene.background if rng.random() < 0.92 else None
    return Wanted(groups=tuple(groups), relations=tuple(chosen), background=background, total=len(scene.items))


def _hidden_by_colour(group: Group, grouped: list[tuple[Group, list[Item]]]) -> bool:
    """Whether the group without its colour would also name others."""
    return sum((o.fill, o.shape) == (group.fill, group.shape) for o, _ in grouped) > 1


def _same_pair(relation: Relation, others: list[Relation]) -> bool:
    pair = {relation.first, relation.second}
    return any({o.first, o.second} == pair for o in others)
