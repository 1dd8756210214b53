"""The most memory that this process has taken, and its accelerator."""

import resource
import sys

_GIB = 2**30


class PeakMemory:
    """Reads the peaks; the accelerator's counts from when this is made."""

    def __init__(self) -> None:
        if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._host = self._card = 0
        self.look()

    def look(self) -> None:
        """Take in the peaks so far."""
        unit = 1 if sys.platform == "darwin" else 1024
        self._host = max(self._host, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
        if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
            self._card = max(self._card, int(torch.cuda.max_memory_allocated()))

    @property
    def told(self) -> str:
        """In words."""
        host = f"{self._host / _GIB:.1f} GiB of main memory"
        return host if not self._card else f"{host}, {self._card / _GIB:.1f} GiB of the card"
