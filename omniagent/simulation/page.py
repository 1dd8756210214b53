"""Makes the tables of a page again: `python -m omniagent.simulation.page docs/policies.md`.

Between `<!-- omniagent simulate … -->` and `<!-- end -->` stands what that command prints.
"""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from omniagent.tools.record.files import write_whole

_TABLE: Final = re.compile(r"<!-- (?P<command>omniagent simulate.*?) -->\n.*?<!-- end -->", re.DOTALL)


def printed(command: str) -> str:
    """What a command prints, run in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed; what it said stands on stderr.
    """
    words = [sys.executable, "-m", "omniagent.cli", *shlex.split(command)[1:]]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def made_again(page: str, run: Callable[[str], str] = printed) -> str:
    """The page with what its commands print now."""
    return _TABLE.sub(lambda found: f"<!-- {found['command']} -->\n{run(found['command'])}\n<!-- end -->", page)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the tables of a page again, in place."""
    parser = argparse.ArgumentParser(prog="python -m omniagent.simulation.page", description=main.__doc__)
    parser.add_argument("page", type=Path)
    page: Path = parser.parse_args(arguments).page
    write_whole(page, made_again(page.read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main()
