"""The commands of `omniagent runs`."""

from omniagent.cli.stored.runs import RUNS_COMMANDS

__all__ = ["RUNS_COMMANDS"]
