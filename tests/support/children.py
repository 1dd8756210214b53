"""The processes that this one started."""

import psutil


def children_named(word: str) -> list[psutil.Process]:
    """Those whose command line holds a word; one that ends while they are listed is left out."""
    return [child for child in psutil.Process().children(recursive=True) if _is_named(child, word)]


def _is_named(child: psutil.Process, word: str) -> bool:
    try:
        return word in " ".join(child.cmdline())
    except psutil.Error:
        return False
