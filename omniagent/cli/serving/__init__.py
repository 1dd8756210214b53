"""The command that serves other programs over HTTP."""
