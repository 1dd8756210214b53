"""What a benchmark asks for: items, the pictures of each, and the files that make them."""

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, JsonValue

from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, shown
from omniagent.tools.types import Mode, Word


class Item(Word):
    """One thing to draw.

    Attributes:
        key: Its name, once in a benchmark.
        group: The task, tag or type that it is counted under; totals are resampled within it.
        prompt: The words for the generator.
        images: Paths of its input pictures, in order.
        mode: What to do with them, in place of the agent's own reading; None leaves it to the agent.
        cluster: What it shares with items whose scores are not independent of its own; its key where it is empty.
        source: Path of the picture that its judge holds the new one against, where that is none of `images`.
        facts: What else its judge must know.
    """

    key: str = Field(min_length=1)
    group: str = ""
    prompt: str = Field(min_length=1)
    images: tuple[Path, ...] = ()
    mode: Mode | None = None
    cluster: str = ""
    source: Path | None = None
    facts: dict[str, JsonValue] = Field(default={})

    @property
    def files(self) -> tuple[Path, ...]:
        """All its pictures."""
        return self.images if self.source is None else (*self.images, self.source)


class Sample(NamedTuple):
    """One picture of an item.

    Attributes:
        item: What is drawn.
        number: Which of the item's pictures, from 0.
        path: Its file, relative to the folder of pictures, in the benchmark's official layout.
    """

    item: Item
    number: int
    path: str

    @property
    def key(self) -> str:
        """The item's key, with the number of the picture behind `#`."""
        return f"{self.item.key}#{self.number}"


class Look(NamedTuple):
    """A picture as a judge is given it. `sample` says what it should be, `picture` is its file."""

    sample: Sample
    picture: Path


def check_keys(items: list[Item], where: str) -> list[Item]:
    """The items.

    Raises:
        BadSetting: there are none, or a key comes twice.
    """
    if not items:
        raise BadSetting(f"{cut(where)} holds no items; give the folder of the benchmark's data")
    seen: set[str] = set()
    for item in items:
        if item.key in seen:
            raise BadSetting(f"{cut(where)} holds the key {shown(item.key)} twice; give data in which keys are unique")
        seen.add(item.key)
    return items


def first_of_each(items: list[Item], limit: int | None) -> list[Item]:
    """At most `limit` items in their order, taken from the groups in turn, so that few items still have every group."""
    if limit is None or limit >= len(items):
        return items
    by_group: dict[str, list[int]] = {}
    for at, item in enumerate(items):
        by_group.setdefault(item.group, []).append(at)
    turns = sorted((turn, at) for group in by_group.values() for turn, at in enumerate(group))
    return [items[at] for at in sorted(at for _, at in turns[:limit])]
