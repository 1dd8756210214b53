"""Options and output that `eval` and `simulate` share: policies, budgets, rules, tables, plots and a bar."""

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from omniagent.model.wording import shown

if TYPE_CHECKING:
    from omniagent.comparison import Comparison

Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar="single|best-of-n|agent,…", help="Ways to spend the pictures; may be repeated."),
]
Budgets = Annotated[
    str | None, typer.Option("--budget", metavar="N,…", help="Pictures of a task at most; several give a curve.")
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A rule of the loop, tried beside the agent as it is; of several one agent has all.",
    ),
]
Count = Callable[[str], None]

MOST_PICTURES: Final = 1000


def listed(given: Iterable[str] | None) -> list[str]:
    """The names of options that are repeated or hold commas, each once."""
    names = [name.strip() for text in given or () for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name))


def budgets_of(text: str) -> list[int]:
    """The numbers of `--budget`, rising.

    Raises:
        typer.BadParameter: one is no number of pictures.
    """
    found = listed([text])
    if not found or not all(re.fullmatch(r"\d{1,4}", one) and 1 <= int(one) <= MOST_PICTURES for one in found):
        raise typer.BadParameter(
            f"{shown(text)} is no number of pictures; give one from 1 to {MOST_PICTURES}, or several with commas",
            param_hint="--budget",
        )
    return sorted({int(one) for one in found})


def tell_table(about: str, table: str) -> None:
    """A Markdown table under what it is about, on stdout."""
    typer.echo(f"{about}\n\n{table}\n")


def keep(folder: Path | None, name: str, text: str) -> None:
    """Write a file into the folder, if there is one.

    Raises:
        OutputUnwritable, StorageFull: it cannot be written.
    """
    if folder is not None:
        from omniagent.tools.record.files import write_whole

        write_whole(folder / name, text.encode())


def keep_comparison(folder: Path | None, name: str, found: "Comparison") -> None:
    """Write a comparison as `NAME.json` and its plot as `NAME.svg`. Raises: as `keep`."""
    from omniagent.comparison.plot import svg_of

    keep(folder, f"{name}.json", found.model_dump_json(indent=1))
    keep(folder, f"{name}.svg", svg_of(found))


@contextmanager
def counting(what: str) -> Generator[Count]:
    """Counts on stderr while its body runs, where that is a terminal: call what it gives with what is at hand."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what)
        counts: dict[str, int] = {}

        def count(at: str) -> None:
            counts[at] = counts.get(at, 0) + 1
            bar.update(task, description=f"{what}: {at}, {counts[at]}")

        yield count
