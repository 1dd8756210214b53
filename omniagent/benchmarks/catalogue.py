"""Every benchmark by its name; a class is imported when it is asked for."""

import importlib
from types import MappingProxyType
from typing import Final

from omniagent.benchmarks.base import Benchmark
from omniagent.model.errors import BadSetting
from omniagent.model.wording import unknown

BENCHMARKS: Final = MappingProxyType[str, str](
    {
        "omnicontext": "omnicontext:OmniContext",
        "geneval": "geneval:GenEval",
        "shapes": "shapes:Shapes",
    }
)
"""Module and class below `omniagent.benchmarks.suites`."""


def benchmark_named(name: str) -> Benchmark:
    """A benchmark.

    Raises:
        BadSetting: there is none of that name; the message has the nearest one.
    """
    if name not in BENCHMARKS:
        raise BadSetting(unknown(name, BENCHMARKS))
    module, _, kind = BENCHMARKS[name].partition(":")
    return getattr(importlib.import_module(f"omniagent.benchmarks.suites.{module}"), kind)()
