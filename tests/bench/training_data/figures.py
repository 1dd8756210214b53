"""The figures of training data by the names of their benchmarks."""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from tests.bench.training_data import cluster, kills, planted, speed, truth
from tests.bench.training_data.truth import Figure

DATA_FIGURES: Final = MappingProxyType[str, Callable[[], Iterator[Figure]]](
    {
        "data": truth.compare,
        "data_faults": planted.compare,
        "data_kills": kills.compare,
        "data_ray": cluster.compare,
        "data_speed": speed.compare,
    }
)
