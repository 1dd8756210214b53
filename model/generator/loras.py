"""LoRAs of single requests: loaded when one first asks for them, and in force only while its pictures are drawn."""

from __future__ import annotations

import hashlib
from typing import Final

from omniagent.model.files.lora_files import find_lora
from omniagent.model.network.lora import Loras
from omniagent.model.requests import LoraChoice

KEPT: Final = 4
"""Adapters that stay loaded after their requests; the one that was not used for longest goes first."""


class RequestLoras:
    """Puts the LoRAs of a request beside those that were loaded for every request. One thread at a time.

    Args:
        loras: The transformer's adapters.
    """

    def __init__(self, loras: Loras) -> None:
        self._loras = loras
        self._mine: list[str] = []
        self._on: dict[str, float] = {}

    def put_on(self, choices: tuple[LoraChoice, ...]) -> str:
        """Bring these into force and no others of earlier requests; returns a name for the network as it is then.

        Raises:
            BadCheckpoint: a file is missing, broken, or made for another model.
            BadSetting: the transformer's weights lie elsewhere between its layers.
        """
        wanted: dict[str, float] = {}
        for choice in choices:
            name = _name(choice)
            wanted[name] = wanted.get(name, 0.0) + choice.scale
            if name not in self._loras.scales:
                self._loras.load(choice.path, name, 0.0)
                self._mine.append(name)
        if wanted != self._on:
            lasting = {name: scale for name, scale in self._loras.scales.items() if name not in self._mine}
            self._loras.weigh(lasting | wanted)
            self._on = wanted
            # Asked for last is kept longest.
            self._mine = [name for name in self._mine if name not in wanted] + list(wanted)
            while len(self._mine) > max(KEPT, len(wanted)):
                self._loras.unload(self._mine.pop(0))
        return " ".join(f"{name}={scale}" for name, scale in wanted.items())


def _name(choice: LoraChoice) -> str:
    """One name for the file as it is now: a file that was written anew is another adapter."""
    path = find_lora(choice.path).resolve()
    about = path.stat()
    return "request-" + hashlib.sha256(f"{path}\n{about.st_mtime_ns}\n{about.st_size}".encode()).hexdigest()[:24]
