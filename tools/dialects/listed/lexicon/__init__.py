"""Brings people's words to those that the bundled model knows; the words are data, one file a category."""

from omniagent.tools.dialects.listed.lexicon.lexicon import Lexicon, Understood, load, with_held_out, without_held_out
from omniagent.tools.dialects.listed.lexicon.reading import Replaced

__all__ = ["Lexicon", "Replaced", "Understood", "load", "with_held_out", "without_held_out"]
