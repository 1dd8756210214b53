"""Policies of drawing compared at equal numbers of pictures: what they are, their outcomes as tables, JSON and a plot.

It knows neither models nor tasks: the shapes world's suites and the simulation both bring outcomes here.
"""

from omniagent.comparison.outcomes import Comparison, Outcome, Range, Row, compared
from omniagent.comparison.policies import (
    POLICIES,
    Caps,
    Variant,
    baseline_of,
    capped,
    caps_of,
    folder_of,
    rules_of,
    variants_of,
)
from omniagent.comparison.share import Share

__all__ = [
    "POLICIES",
    "Caps",
    "Comparison",
    "Outcome",
    "Range",
    "Row",
    "Share",
    "Variant",
    "baseline_of",
    "capped",
    "caps_of",
    "compared",
    "folder_of",
    "rules_of",
    "variants_of",
]
