"""Imports of large libraries without those of their parts that a run doesn't use."""

from omniagent.model.imports.libraries import lean_imports

__all__ = ["lean_imports"]
