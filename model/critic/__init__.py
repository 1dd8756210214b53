"""The role that judges: in this process, behind a URL, or stood in for."""
