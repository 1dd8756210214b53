"""Brings people's words to those that the bundled model knows; the words are data, one file a category."""

from omniagent.tools.dialects.listed.lexicon.lexicon import Lexicon, load

__all__ = ["Lexicon", "load"]
