"""`python -m omniagent.evals SUITE…`: run suites of the test split and print their figures as a Markdown table."""

import argparse
import sys
from pathlib import Path

from omniagent.agent import Agent
from omniagent.evals.figures import table
from omniagent.evals.records import Record
from omniagent.evals.runner import run_suite
from omniagent.evals.suites import SUITES, tasks_of
from omniagent.model.errors import CallerError, OmniAgentError


def main(arguments: list[str] | None = None) -> int:
    """Run the named suites; exit code 0 when they ran, 2 for a wrong call, 3 when they could not run."""
    parser = argparse.ArgumentParser(prog="python -m omniagent.evals", description=__doc__)
    parser.add_argument(
        "suites", nargs="+", choices=[*SUITES, "all"], metavar="SUITE", help=", ".join([*SUITES, "all"])
    )
    parser.add_argument("--limit", type=int, help="only the first tasks of each suite")
    parser.add_argument("--out", type=Path, default=Path("evals"), help="results.jsonl and runs, a folder a suite")
    parser.add_argument("--model", help="checkpoint folder or hub name; the bundled shapes model by default")
    parser.add_argument("--critic", help="local, or the URL of an OpenAI-compatible server")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    chosen = list(SUITES) if "all" in given.suites else list(dict.fromkeys(given.suites))
    try:
        agent = Agent(given.model, critic=given.critic)
        figures = [
            run_suite(
                agent,
                tasks_of(suite, limit=given.limit, seed=given.seed),
                given.out / suite,
                seed=given.seed,
                on_record=lambda record, suite=suite: print(_line(suite, record), file=sys.stderr),
            )
            for suite in chosen
        ]
    except OmniAgentError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2 if isinstance(error, CallerError) else 3
    print(table(figures))
    return 0


def _line(suite: str, record: Record) -> str:
    word = "error" if record.error else "right" if record.right else "wrong"
    return f"{suite} {record.index + 1}: {word} ({record.stop_reason}, {record.seconds:.1f} s): {record.instruction}"


if __name__ == "__main__":
    sys.exit(main())
