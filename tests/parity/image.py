"""Kind `image`: size rules and resizing."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from omniagent.model.pictures import Size, fit, preprocess
from tests.parity.compare import Difference, difference, same
from tests.parity.golden import Case, NotCovered


def check(case: Case) -> Iterator[Difference]:
    if "cases" in case.meta:
        yield from _pictures(case)
    elif "reference_image_rule" in case.meta:
        yield from _sizes(case)
    else:
        raise NotCovered("neither pictures nor size tables")


def _pictures(case: Case) -> Iterator[Difference]:
    for row in case.meta["cases"]:
        prefix = f"{row['index']}."
        names = [name for name in case.tensors if name.startswith(prefix)]
        (given,) = [name for name in names if not case.tensors[name].is_floating_point()]
        (wanted,) = [name for name in names if case.tensors[name].is_floating_point()]
        picture = Image.fromarray(case.tensors[given].numpy())
        size = fit(Size(picture.height, picture.width), row["max_pixels"], row["max_side_length"])
        yield same(f"{prefix}size", size, (row["out_h"], row["out_w"]))
        yield difference(wanted, preprocess(picture, size), case.tensors[wanted], **case.tolerance)


def _sizes(case: Case) -> Iterator[Difference]:
    for row in case.meta["reference_image_rule"]:
        found = fit(Size(row["in_h"], row["in_w"]), row["max_pixels"], row["max_side_length"])
        yield same(str(row), found, (row["out_h"], row["out_w"]))
    for row in case.meta["output_rule"]:
        found = fit(Size(row["height"], row["width"]), row["max_pixels"])
        yield same(str(row), found, (row["generated_h"], row["generated_w"]))
