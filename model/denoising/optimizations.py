"""How the numbers of a denoising step are computed: switches that change the time it takes, never the result.

Each remedy answers one waste of the published order of computation; all keep its numbers within float32 rounding. Any
of them can be turned off alone, and `Computation.reference` turns all off, so that ratios are measured in one process.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown


@dataclass(frozen=True, slots=True)
class Computation:
    """Which remedies are on.

    Attributes:
        packed: The passes of guidance run as one row of sequences without padding, on a CPU only while that row is
            short; off: one pass after the other.
        shared_refiners: Noise and references are embedded and refined once a step for all passes.
        cached_text: The caption embedding and context refiner, which don't know the time, run once a prompt.
        tabled_modulation: Scales and gates of all steps come from one product a block, folded into the norms' weights.
        tabled_rotation: Rotations are real float32 tables built once a layout; off: complex128, looked up each pass.
        unmasked: No mask where nothing is padded.
        grouped_heads: Query heads share key/value heads inside the attention kernel; off: keys and values are repeated.
        trimmed: The last joint layer computes only the noise tokens, as nothing reads the others.
        laid_out: On a CPU in float32, weights are multiplied in the layout of the faster library, those of networks
            above 64 MiB only where a trial shows that it pays; off: as they lie.
        in_place: The feed-forward's activation is written over its first product.
        graphed: On a CUDA device the steps of small pictures are recorded once and replayed; off, and wherever that
            cannot be: kernel by kernel.
        compiled: Blocks go through `torch.compile`; off by default, as the first steps then wait for the compiler.
    """

    packed: bool = True
    shared_refiners: bool = True
    cached_text: bool = True
    tabled_modulation: bool = True
    tabled_rotation: bool = True
    unmasked: bool = True
    grouped_heads: bool = True
    trimmed: bool = True
    laid_out: bool = True
    in_place: bool = True
    graphed: bool = True
    compiled: bool = False

    @classmethod
    def reference(cls) -> Computation:
        """The published order of computation: every remedy off."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), False))

    @classmethod
    def named(cls, name: str) -> Computation:
        """`exact` (the default), `reference`, `compiled`, or `exact-NAME` for one remedy turned off.

        Raises:
            BadSetting: no such name.
        """
        remedies = [field.name for field in fields(cls)]
        known = {"exact": cls(), "reference": cls.reference(), "compiled": cls(compiled=True)}
        known |= {f"exact-{remedy}": cls(**{remedy: False}) for remedy in remedies if remedy != "compiled"}
        if name not in known:
            raise BadSetting(f"computation={shown(name)} is not allowed; give {', '.join(known)}")
        return known[name]
