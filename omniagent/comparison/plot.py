"""Success against pictures as one SVG file: a line a policy, with its intervals."""

from typing import Final, NamedTuple

from omniagent.comparison.outcomes import Comparison
from omniagent.model.wording import cut
from omniagent.runs.pages import rendered

WIDTH: Final = 700
HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 240, 56, 46
_COLOURS: Final = ("#1f6feb", "#c4432b", "#2c8a4b", "#8250df", "#9a6700", "#57606a")


class _Point(NamedTuple):
    x: float
    y: float
    low: float
    high: float
    told: str


def svg_of(comparison: Comparison) -> str:
    """The plot, drawn within 700x400: budget along the bottom, the share of right ones up, 95 % intervals as bars."""
    rows = comparison.rows
    last = max((row.budget for row in rows), default=1)
    bottom = min((row.right.interval[0] for row in rows), default=0.0)
    floor = int(bottom * 10) / 10
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def along(budget: float) -> float:
        return round(_LEFT + width * budget / last, 1)

    def up(share: float) -> float:
        return round(_TOP + height * (1 - (share - floor) / (1 - floor)), 1)

    labels = list(dict.fromkeys(row.policy for row in rows))
    lines = [
        {
            "label": cut(label, 32),
            "colour": _COLOURS[number % len(_COLOURS)],
            "at": _TOP + 14 + 18 * number,
            "points": [
                _Point(
                    along(row.budget),
                    up(row.right.value),
                    up(row.right.interval[0]),
                    up(row.right.interval[1]),
                    f"{label}, {row.budget}: {row.right}",
                )
                for row in sorted(rows, key=lambda row: row.budget)
                if row.policy == label
            ],
        }
        for number, label in enumerate(labels)
    ]
    return rendered(
        "comparison.svg.j2",
        title=comparison.title,
        about=comparison.about,
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        top=_TOP,
        bottom=HEIGHT - _BOTTOM,
        across=[{"at": along(budget), "told": budget} for budget in sorted({row.budget for row in rows})],
        up=[{"at": up(tenth / 10), "told": f"{tenth * 10} %"} for tenth in range(round(floor * 10), 11)],
        lines=lines,
    )
