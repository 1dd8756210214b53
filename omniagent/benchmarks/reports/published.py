"""Published rows: data files beside the code, a row a model and a version of a paper."""

from importlib import resources
from typing import Any

import yaml
from pydantic import Field, ValidationError

from omniagent.benchmarks.base import Benchmark
from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault
from omniagent.tools.types import Word


class Row(Word):
    """What a paper says of a model.

    Attributes:
        model: Its name there.
        source: The paper and its version, or where else it stands.
        values: By the label of the column; those that it does not give are left out.
        note: What a reader must know of it.
    """

    model: str
    source: str
    values: dict[str, float] = Field(min_length=1)
    note: str = ""


class _Rows(Word):
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


def published(benchmark: Benchmark) -> tuple[Row, ...]:
    """The published rows of a benchmark, in the order of their file; none where there is no file.

    In the file a row's `values` are a list in the order of `columns`, with null for what the paper does not give.

    Raises:
        BadSetting: the file names a column that the benchmark does not have, or is damaged.
    """
    file = resources.files("omniagent.benchmarks").joinpath("published", f"{benchmark.rows_of or benchmark.name}.yaml")
    if not file.is_file():
        return ()
    try:
        found = _Rows.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        rows = tuple(
            Row.model_validate(
                row
                | {
                    "values": {
                        label: value
                        for label, value in zip(found.columns, row["values"], strict=True)
                        if value is not None
                    }
                }
            )
            for row in found.rows
        )
    except (ValidationError, ValueError, KeyError) as error:
        said = fault(error) if isinstance(error, ValidationError) else str(error)
        raise BadSetting(f"the published rows of {benchmark.name} are damaged: {said}") from error
    labels = {column.label for column in benchmark.columns}
    if unknown := [label for label in found.columns if label not in labels]:
        raise BadSetting(f"the published rows of {benchmark.name} name the column {unknown[0]}, which it does not have")
    return rows
