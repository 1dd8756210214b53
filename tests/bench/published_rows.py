"""What `tests.bench.published` times, by worth, and the table of what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import PRESETS
from omniagent.model.pipeline.memory import EightBits

TASKS = ("t2i", "edit")
PLAIN, COMPILED = Computation.named("exact-graphed"), Computation.named("compiled")


@dataclass(frozen=True)
class Row:
    """One way of computing, the tasks it is timed on, and about how many seconds it takes at the published size.

    Attributes:
        part: Side of the picture, as a part of the whole one.
        parts: Not pictures but parts of a run are timed: `critic`, `stages`, `products` or `attention`.
    """

    name: str
    about: float
    computation: Computation = field(default_factory=Computation)
    preset: str = "quality"
    memory: str = "whole"
    eight_bits: EightBits = "none"
    tasks: tuple[str, ...] = TASKS
    warm: int = 2
    steps: int = 6
    part: float = 1.0
    parts: str = ""

    @property
    def held(self) -> tuple[str, EightBits]:
        """What rows must share to use the same pipeline."""
        return self.memory, self.eight_bits

    @property
    def computes(self) -> Computation | None:
        """None: the pipeline knows which remedies do not apply to how it is held."""
        return None if self.computation == Computation() else self.computation


def _small(name: str, computation: Computation, about: float, eight_bits: EightBits = "none") -> tuple[Row, Row]:
    # The warm-up records what is then replayed.
    each = {"about": about, "computation": computation, "eight_bits": eight_bits, "warm": 4, "steps": 8}
    return Row(f"{name}, a quarter of the side", part=0.25, **each), Row(f"{name}, half of the side", part=0.5, **each)  # pyright: ignore[reportArgumentType]


# Presets of fewer steps and another sampler; `edit` has its own row.
SAMPLED = tuple(name for name, preset in PRESETS.items() if name != "quality" and preset.reuse is None)
ROWS = (
    Row("exact", 12, PLAIN),
    Row("products", 2, parts="products"),
    *_small("exact", PLAIN, 3),
    *_small("graphed", Computation(), 4),
    # With random weights everything changes, so the region is given; steps are full as where it is found.
    Row("edit, a quarter changes", 4, preset="edit", tasks=("edit",)),
    Row("compiled", 40, COMPILED, warm=4),
    *_small("compiled and graphed", COMPILED, 6),
    Row("edit, a quarter changes, compiled", 12, COMPILED, preset="edit", tasks=("edit",)),
    Row("stages", 2, parts="stages"),
    Row("critic", 4, parts="critic"),
    Row("attention", 4, parts="attention"),
    *(Row(name, 4, preset=name) for name in SAMPLED),
    Row("reference", 8, Computation.reference()),
    Row("compiled, products in eight bits", 45, COMPILED, eight_bits="multiplied", warm=4),
    *_small("compiled and graphed, products in eight bits", COMPILED, 6, "multiplied"),
    *_small("compiled, products in eight bits", replace(COMPILED, graphed=False), 6, "multiplied"),
    Row("products in eight bits", 6, PLAIN, eight_bits="multiplied"),
    Row("sequential offload", 20, memory="sequential", tasks=("t2i",), warm=0, steps=3),
    Row("model offload", 40, memory="model", tasks=("t2i",), warm=0, steps=3),
    Row("group offload", 35, memory="group", tasks=("t2i",), warm=0, steps=3),
    Row("weights stored in eight bits", 15, eight_bits="stored"),
)


@dataclass
class Found:
    """What a row came to; seconds, and GiB at the highest point. `picture` is reckoned for the preset's own steps.

    Attributes:
        peak: Of tensors; what recorded steps hold between pictures is not among them.
        reserved: Of all that torch took of the device, recorded steps too.
        error: Of the latents at the end, against those of `exact` after as many steps: ‖a - b‖ / ‖b‖.
        psnr: Of the picture, likewise, in dB; 100 for equal ones.
    """

    row: str
    task: str
    step: float | None = None
    least: float | None = None
    most: float | None = None
    around: float | None = None
    picture: float | None = None
    steps: int | None = None
    peak: float | None = None
    reserved: float | None = None
    error: float | None = None
    psnr: float | None = None
    note: str = ""


def table(found: Sequence[Found], title: str) -> str:
    """The figures as Markdown."""
    lines = [
        title,
        "",
        "| way | task | a step (least–most) | beside the steps | a picture | peak, reserved | against exact | |",
    ]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for one in found:
        spread = "" if one.least is None else f" ({one.least:.4f}–{one.most:.4f})"
        step = "" if one.step is None else f"{_shown(one.step)}{spread}"
        around = "" if one.around is None else f"{one.around:.2f} s"
        picture = "" if one.picture is None else f"{one.picture:.2f} s ({one.steps} steps)"
        peak = "" if one.peak is None else f"{one.peak:.1f} GiB"
        peak += "" if one.reserved is None else f", {one.reserved:.1f} GiB"
        against = "" if one.psnr is None else f"{one.psnr:.1f} dB, latents {one.error:.1e}"
        lines.append(f"| {one.row} | {one.task} | {step} | {around} | {picture} | {peak} | {against} | {one.note} |")
    return "\n".join(lines) + "\n"


def _shown(seconds: float) -> str:
    """Seconds to a tenth of a millisecond; short times, as of one product, in milliseconds."""
    return f"{seconds:.4f} s" if seconds >= 0.005 else f"{1000 * seconds:.3f} ms"
