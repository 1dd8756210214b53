"""The lexicon as a whole: what people say for each thing that the model knows."""

from functools import cache

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.tools.dialects.listed.lexicon.entries import CATEGORIES, Entry, category


class Lexicon:
    """Ways of saying what the model knows. Without `held_out`, the synonyms kept for tests are left out."""

    def __init__(self, *, held_out: bool = True) -> None:
        self._held_out = held_out

    @property
    def categories(self) -> tuple[str, ...]:
        """The names of all categories."""
        return CATEGORIES

    def canonicals(self, category: str) -> tuple[str, ...]:
        """The canonical words of a category. Raises `BadSetting` where there is none of that name."""
        return tuple(_entries(category))

    def ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """Exact English synonyms that the model itself does not know. Raises `BadSetting` for unknown names."""
        entry = _entry(category, canonical)
        return (*entry.ways, *entry.test) if self._held_out else entry.ways

    def held_out_ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """The synonyms that are kept for tests. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).test

    def near_ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """Words whose reading is an assumption, as crimson for red. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).near

    def known(self, category: str, canonical: str) -> tuple[str, ...]:
        """The model's own words. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).known


@cache
def load(*, held_out: bool = True) -> Lexicon:
    """The shipped lexicon; without `held_out`, what suites and lessons may draw from."""
    return Lexicon(held_out=held_out)


def _entries(name: str) -> dict[str, Entry]:
    return dict(category(name))


def _entry(name: str, canonical: str) -> Entry:
    found = category(name).get(canonical)
    if found is None:
        raise BadSetting(f"canonical={shown(canonical)} is not in {name}; give one of {', '.join(category(name))}")
    return found
