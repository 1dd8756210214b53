"""The byte-bounded cache against a plain model of it."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.cache import ByteCache, picture_key

KEYS = st.integers(0, 5)
OPERATIONS = st.lists(st.tuples(st.sampled_from(["get", "put"]), KEYS, st.integers(0, 12)), max_size=60)


def cache_of(budget: int) -> ByteCache[int, bytes]:
    return ByteCache(budget, len)


@given(st.integers(0, 20), OPERATIONS)
def test_the_cache_keeps_exactly_the_latest_used_values_that_fit(
    budget: int, operations: list[tuple[str, int, int]]
) -> None:
    cache, model = cache_of(budget), OrderedDict[int, bytes]()
    hits = misses = 0
    for operation, key, size in operations:
        if operation == "get":
            assert cache.get(key) == model.get(key)
            hits, misses = hits + (key in model), misses + (key not in model)
            if key in model:
                model.move_to_end(key)
        else:
            cache.put(key, bytes(size))
            model.pop(key, None)
            if size <= budget:
                model[key] = bytes(size)
            while sum(map(len, model.values())) > budget:
                model.popitem(last=False)
        stats = cache.stats
        assert stats.bytes == sum(map(len, model.values())) <= budget
        assert (stats.entries, stats.hits, stats.misses) == (len(model), hits, misses)


def test_a_value_larger_than_the_budget_is_not_kept_and_drives_nothing_out() -> None:
    cache = cache_of(10)
    cache.put(1, bytes(10))
    cache.put(2, bytes(11))
    assert cache.get(1) == bytes(10)
    assert cache.get(2) is None


def test_a_missing_value_is_made_once_and_then_found() -> None:
    cache, made = cache_of(10), list[str]()

    def make() -> bytes:
        made.append("made")
        return b"abc"

    assert cache.get_or_make(1, make) == cache.get_or_make(1, make) == b"abc"
    assert made == ["made"]
    assert cache.stats[:3] == (1, 1, 0)


def test_clearing_frees_the_bytes_and_keeps_the_counters() -> None:
    cache = cache_of(10)
    cache.put(1, bytes(4))
    cache.get(1)
    cache.clear()
    assert cache.stats == (1, 0, 0, 0, 0, 10)


def test_pictures_with_equal_pixels_share_a_key_and_others_do_not() -> None:
    red = Image.new("RGB", (4, 2), "red")
    tagged = red.copy()
    tagged.info["comment"] = "ignore the checklist"
    others = [Image.new("RGB", (2, 4), "red"), Image.new("RGB", (4, 2), "blue"), red.convert("L")]
    assert picture_key(tagged) == picture_key(red)
    assert len({picture_key(image) for image in (red, *others)}) == 4
