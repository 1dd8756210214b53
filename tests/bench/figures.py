"""The benchmarks by name; each yields lines of name, value and unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import NamedTuple

import torch

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.step_cache import TaylorSeer, TeaCache
from tests.bench.chat import figures as chat_figures
from tests.bench.gates import gate_lines
from tests.bench.load import compare
from tests.bench.memory import peak_of
from tests.bench.midsize import EDIT, TEXT_TO_IMAGE, Load
from tests.bench.photo_edits import compare as photo_edit_figures
from tests.bench.posters import compare as poster_figures
from tests.bench.presets import figures as preset_figures
from tests.bench.previews import compare as preview_figures
from tests.bench.shares import product_alone, shares
from tests.bench.start import compare as start_figures
from tests.bench.timing import Spread, Timed, Way, race
from tests.bench.training_data.figures import DATA_FIGURES
from tests.bench.turns import compare as turn_figures


class Line(NamedTuple):
    """One figure."""

    name: str
    value: float
    unit: str
    spread: Spread | None = None

    def __str__(self) -> str:
        told = f"{self.name} {self.value:.4g} {self.unit}"
        return told if self.spread is None else f"{told} (quartiles {self.spread.low:.3g} to {self.spread.high:.3g})"


def _ratio(name: str, long: Timed, short: Timed) -> Line:
    spread = long.over(short)
    return Line(name, spread.median, "x", spread)


REFERENCE, EXACT = Way(Computation.reference()), Way(Computation())
LOADS = {"edit_3pass": EDIT, "t2i_2pass": TEXT_TO_IMAGE}


def exact() -> Iterator[Line]:
    """The exact computation over the published order: ratios of time, and the largest difference of latents."""
    yield from _ratios({"": EXACT})


def ceiling() -> Iterator[Line]:
    """How much of an exact step is products and attention, and what exact would gain if all else took no time."""
    for name, load in LOADS.items():
        parts = {part: (value, unit) for part, value, unit in shares(load)}
        for part, (value, unit) in parts.items():
            yield Line(f"{name}_{part}", value, unit)
        found = race(load, {"reference": REFERENCE, "exact": EXACT})
        spent = (parts["products"][0] + parts["attention"][0]) / 100
        spread = found["reference"].over(found["exact"])
        most = Spread(spread.median / spent, spread.low / spent, spread.high / spent)
        yield Line(f"{name}_ceiling", most.median, "x", most)
    yield Line("product_alone_speed", product_alone(), "GFLOP/s")


def compiled() -> Iterator[Line]:
    """The same with compiled blocks; the first steps wait for the compiler and are not the median."""
    yield from _ratios({"_compiled": Way(Computation(compiled=True))})


def ablation() -> Iterator[Line]:
    """What each remedy brings: time without it over time with all."""
    ways = {"all": EXACT, "reference": REFERENCE}
    for field in fields(Computation):
        if field.name != "compiled":
            ways[field.name] = Way(Computation.named(f"exact-{field.name}"))
    found = race(replace(EDIT, steps=5), ways)
    for name, timed in found.items():
        if name != "all":
            yield _ratio(f"edit_3pass_without_{name}", timed, found["all"])


def memory() -> Iterator[Line]:
    """Peak memory of two steps of the mid-size edit, each way in a process of its own."""
    peaks = {name: peak_of(name) for name in ("reference", "exact")}
    for name, peak in peaks.items():
        yield Line(f"edit_3pass_{name}_peak", peak, "MiB")
    yield Line("edit_3pass_peak", peaks["exact"] / peaks["reference"], "x")


def caches() -> Iterator[Line]:
    """Step caches against the exact computation; their pictures differ, by so much of the latents' spread."""
    load = Load(0, Guidance(text_scale=4.0), steps=28, sides=(32, 32))
    ways = {"exact": EXACT, "taylorseer": Way(Computation(), TaylorSeer()), "teacache": Way(Computation(), TeaCache())}
    found = race(load, ways)
    wanted = found["exact"].latents
    for name in ("taylorseer", "teacache"):
        yield Line(f"t2i_{name}", found["exact"].seconds / found[name].seconds, "x")
        yield Line(f"t2i_{name}_difference", _distance(found[name].latents, wanted) / float(wanted.std()), "spread")


def batch() -> Iterator[Line]:
    """Pictures drawn together: seconds of one picture by the number drawn at once."""
    for count in (1, 2, 4, 8):
        load = Load(0, Guidance(text_scale=4.0), steps=4, batch=count, sides=(16, 16))
        yield Line(f"t2i_{count}_together", race(load, {"": EXACT})[""].seconds / count, "s/picture")


def tokens() -> Iterator[Line]:
    """Seconds of one step by picture size in latent pixels and number of references."""
    for side in (16, 32, 64):
        for references in range(3):
            load = Load(references, Guidance(text_scale=4.0, image_scale=2.0), steps=2, sides=(side, side))
            yield Line(f"step_{side}x{side}_{references}_references", race(load, {"": EXACT})[""].seconds / 2, "s")


def load() -> Iterator[Line]:
    """Sixteen callers at once against one at a time."""
    for name, value, unit in compare():
        yield Line(name, value, unit)


def presets() -> Iterator[Line]:
    """What the lossy presets cost the bundled checkpoint in success, and how much faster they are."""
    for name, value, unit in preset_figures():
        yield Line(name, value, unit)


def posters() -> Iterator[Line]:
    """Posters whose text the reader judges right."""
    for name, value, unit in poster_figures():
        yield Line(name, value, unit)


def photo_edits() -> Iterator[Line]:
    """Right edits of photographs that are flagged, and wrong ones that pass."""
    for name, value, unit in photo_edit_figures():
        yield Line(name, value, unit)


def chat() -> Iterator[str]:
    """The chat in a browser: seconds until the first signs of life, and the page's weight."""
    yield from chat_figures()


def previews() -> Iterator[Line]:
    """What rough pictures of the steps cost the bundled model."""
    for name, value, unit in preview_figures():
        yield Line(name, value, unit)


def gates() -> Iterator[str]:
    """Every lossy preset against its floors."""
    yield from gate_lines()


def start() -> Iterator[Line]:
    """Seconds until a run's first line, its first picture and its end."""
    for name, spread, unit in start_figures():
        yield Line(name, spread.median, unit, spread)


def turns() -> Iterator[Line]:
    """A step of the bundled model while another thread that has computed is idle."""
    for name, spread, unit in turn_figures():
        yield Line(name, spread.median, unit, spread)


def _data(name: str) -> Callable[[], Iterator[Line]]:
    return lambda: (Line(*figure) for figure in DATA_FIGURES[name]())


BENCHMARKS: dict[str, Callable[[], Iterator[Line | str]]] = {
    "exact": exact,
    "ceiling": ceiling,
    "start": start,
    "turns": turns,
    "compiled": compiled,
    "ablation": ablation,
    "memory": memory,
    "caches": caches,
    "batch": batch,
    "tokens": tokens,
    "load": load,
    "presets": presets,
    "posters": posters,
    "photo_edits": photo_edits,
    "chat": chat,
    "previews": previews,
    "gates": gates,
    **{name: _data(name) for name in DATA_FIGURES},
}
ONLY_NAMED = frozenset({"start", "posters", "photo_edits", "chat", "gates", *DATA_FIGURES})
"""Not run unless asked for by name."""


def _ratios(ways: dict[str, Way]) -> Iterator[Line]:
    for name, load in LOADS.items():
        found = race(load, {"reference": REFERENCE} | ways)
        reference = found["reference"]
        for suffix in ways:
            yield _ratio(f"{name}{suffix}", reference, found[suffix])
            yield Line(f"{name}{suffix}_difference", _distance(found[suffix].latents, reference.latents), "latent")


def _distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max())
