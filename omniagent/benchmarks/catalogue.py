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
        "geneval2": "geneval2:GenEval2",
        "dpg": "dpg:Dpg",
        "imgedit": "imgedit:ImgEdit",
        "gedit": "gedit:GEdit",
        "gedit-en": "gedit:GEditEnglish",
        "gedit-cn": "gedit:GEditChinese",
        "emu-edit": "emu_edit:EmuEdit",
        "dreambench": "dreambench:DreamBench",
        "shapes": "shapes:Shapes",
        "conditions": "conditions:Conditions",
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
