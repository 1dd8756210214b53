"""One self-contained HTML page of a run, or of runs beside each other. Its one script is named by its hash."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from omniagent.benchmarks.reports.gallery import Card, groups_of
from omniagent.benchmarks.reports.tables import Table
from omniagent.runs.pages import data_uri, rendered

SCRIPT: Final = """
const sheet = document.getElementById("sheet");
const cards = Array.from(sheet.children);
const number = card => card.dataset.score === "" ? Infinity : Number(card.dataset.score);
const place = card => Number(card.dataset.place);
const text = name => (a, b) => a.dataset[name].localeCompare(b.dataset[name]) || place(a) - place(b);
const orders = {
  shown: (a, b) => place(a) - place(b),
  up: (a, b) => number(a) - number(b) || place(a) - place(b),
  down: (a, b) => (number(b) === Infinity ? -1 : number(b)) - (number(a) === Infinity ? -1 : number(a)) ||
    place(a) - place(b),
  group: text("group"),
  key: text("key"),
};
const order = document.getElementById("order");
const kind = document.getElementById("kind");
const group = document.getElementById("group");
function show() {
  cards.sort(orders[order.value]);
  for (const card of cards) {
    card.hidden = (kind.value !== "" && card.dataset.kind !== kind.value) ||
      (group.value !== "" && card.dataset.group !== group.value);
    sheet.append(card);
  }
}
for (const one of [order, kind, group]) one.addEventListener("change", show);
"""


def page_of(
    title: str,
    about: Sequence[str],
    warnings: Sequence[str],
    tables: Sequence[Table],
    cards: Sequence[Card] = (),
    plot: str | None = None,
) -> str:
    """The page. All that comes from data and judges is escaped; the content policy allows this script alone.

    Args:
        title: Of the page.
        about: Paragraphs.
        warnings: A sentence each.
        tables: In their order; empty ones are left out.
        cards: The gallery.
        plot: An SVG file's text.
    """
    return rendered(
        "benchmark.html.j2",
        title=title,
        about=about,
        warnings=warnings,
        tables=tables,
        cards=cards,
        kinds=list(dict.fromkeys(card.kind for card in cards)),
        groups=groups_of(cards),
        plot=None if plot is None else data_uri(plot.encode(), "svg+xml"),
        script=Markup(SCRIPT),
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
    )
