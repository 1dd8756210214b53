"""The `omniagent` command: a thin face that parses words, shows events on stderr and maps outcomes to exit codes."""

from omniagent.cli.app import build_app, main

__all__ = ["build_app", "main"]
