"""The notation of the bundled checkpoint: lists of things, printed and read in one place."""

from omniagent.tools.dialects.listed.dialect import Listed

__all__ = ["Listed"]
