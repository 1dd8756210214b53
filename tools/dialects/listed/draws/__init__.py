"""Reads requests for pictures, in anybody's words, into what the bundled model can be asked for."""

from omniagent.tools.dialects.listed.draws.wording import Heard, heard

__all__ = ["Heard", "heard"]
