"""Noun phrases, canonical instructions, questions and descriptions: the one wording the agent itself uses."""

from collections.abc import Iterable, Sequence

from omniagent.shapes.scene.world import CANVAS, Item, Scene, cell_of, concentric, spot_of
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.tools.dialects.drafts import PlanDraft, RequirementDraft
from omniagent.tools.dialects.listed.notation import (
    plural,
    print_background,
    print_count,
    print_description,
    print_layout,
    print_name,
    print_place,
    print_relation,
    print_total,
)

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")


def words(group: Group) -> str:
    """The group as the agent says it, singular: ``small striped blue star``; a solid fill stays unsaid."""
    fill = None if group.fill == "solid" else group.fill
    return " ".join(w for w in (group.size, fill, group.colour, group.shape or "object") if w)


def named(group: Group) -> str:
    """The group with a definite article: ``the small blue stars``."""
    return f"the {plural(words(group), group.count)}"


def counted(group: Group) -> str:
    """The group with its number in digits: ``2 small blue stars``."""
    place = f" at the {group.place}" if group.place else ""
    return f"{group.count} {plural(words(group), group.count)}{place}"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def related(relation: Relation, groups: Sequence[Group]) -> str:
    """``the red circle left of the blue stars``."""
    return f"{named(groups[relation.first])} {relation.name} {named(groups[relation.second])}"


def draw_instruction(wanted: Wanted) -> str:
    """The canonical instruction to the generator for a whole picture."""
    text = f"draw {listed([counted(g) for g in wanted.groups])}"
    if wanted.background:
        text += f" on a {wanted.background} background"
    return "; ".join([text, *(related(r, wanted.groups) for r in wanted.relations)])


def group_question(group: Group) -> RequirementDraft:
    """The count question of a group."""
    return RequirementDraft(kind="count", question=print_count(group.count, words(group)))


def place_question(group: Group) -> RequirementDraft:
    """The question for a group's place."""
    return RequirementDraft(kind="relation", question=print_place(named(group), str(group.place), group.count))


def relation_question(relation: Relation, groups: Sequence[Group]) -> RequirementDraft:
    """The question for a relation of two groups."""
    first, second = groups[relation.first], groups[relation.second]
    question = print_relation(named(first), relation.name, named(second), first.count)
    return RequirementDraft(kind="relation", question=question)


def background_question(background: str) -> RequirementDraft:
    """The question for the background."""
    return RequirementDraft(kind="attribute", question=print_background(background))


def total_question(total: int) -> RequirementDraft:
    """The question for the number of all objects."""
    return RequirementDraft(kind="count", question=print_total(total))


def checklist(wanted: Wanted, objects: Sequence[RequirementDraft] = ()) -> tuple[RequirementDraft, ...]:
    """Every requirement as a question, in a fixed order: groups, places, relations, background, total.

    Questions for single `objects` stand in the place of those for groups and places.
    """
    drafts = list(objects) or [group_question(g) for g in wanted.groups if g.count > 0]
    if not objects:
        drafts += [place_question(g) for g in wanted.groups if g.place]
    drafts += [relation_question(r, wanted.groups) for r in wanted.relations]
    if wanted.background:
        drafts.append(background_question(wanted.background))
    if wanted.total is not None:
        drafts.append(total_question(wanted.total))
    return tuple(drafts)


def grid_word(item: Item) -> str:
    """One of nine place words by thirds of the canvas."""
    return cell_of(item.x, item.y)


def item_words(item: Item, *, size: bool = True) -> str:
    """One object in words: ``small striped blue star``."""
    fill = None if item.fill == "solid" else item.fill
    return " ".join(w for w in (item.size if size else None, fill, item.colour, item.shape) if w)


def told(shape: str, colour: str, fill: str, size: str | None = None, place: str | None = None) -> str:
    """One object as a description names it, the noun first: ``star (blue striped small, top left)``."""
    details = " ".join(word for word in (colour, "" if fill == "solid" else fill, size) if word)
    return print_name(shape, details, place)


def located(item: Item) -> str:
    """The object with its size and its place: ``star (blue striped small, top left)``."""
    return told(item.shape, item.colour, item.fill, item.size, grid_word(item))


def reading_order(items: Iterable[Item]) -> list[Item]:
    """Objects row by row of the nine places, then left to right."""
    return sorted(items, key=lambda i: (min(int(i.y * 3 / CANVAS), 2), min(int(i.x * 3 / CANVAS), 2), i.y, i.x))


def held_by(item: Item, items: Iterable[Item]) -> Item | None:
    """The ring in whose hole the object lies, if there is one."""
    rings = (o for o in items if o is not item and o.shape == "ring" and concentric(item, o))
    return next((ring for ring in rings if item.radius < ring.radius), None)


def layout_of(scene: Scene, order: Sequence[int], *, exact: bool = True) -> str:
    """The generator's instruction that this scene fulfils, objects in the order given, held ones after their ring.

    `exact` says where by the fine grid, else by one of nine words.
    """
    items = [scene.items[i] for i in order]
    spots: list[tuple[str, str]] = []
    for item in items:
        if held_by(item, items) is not None:
            continue
        spots.append((item_words(item), f"at {spot_of(item.x, item.y)}" if exact else grid_word(item)))
        spots += [(item_words(inner), "inside it") for inner in items if held_by(inner, items) is item]
    return print_layout(scene.background, spots)


def describe(scene: Scene) -> str:
    """The whole scene: background, then each object with its place, in reading order."""
    return print_description(scene.background, [located(item) for item in reading_order(scene.items)])


def new_in(plan: PlanDraft) -> tuple[str, ...]:
    """What decides whether a plan comes out right: the part of it that is not said word for word in another part.

    These are the change, the questions that ask for no object just as it is described, and the layout.
    """
    names = [name for description in plan.seen for name in description.split("; ")[1:]]
    new = [one.question for one in plan.checklist if not any(name in one.question for name in names)]
    return tuple(text for text in (plan.change, *(new if plan.seen else ()), plan.instruction) if text)
