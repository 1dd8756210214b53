"""The commands of `omniagent data`."""

from omniagent.cli.training_data.build import DATA_COMMANDS

__all__ = ["DATA_COMMANDS"]
