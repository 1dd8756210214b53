"""Weights of perception models: found in folders or at the hub, with their licence told before a download begins."""

from __future__ import annotations

import logging
from pathlib import Path
from types import MappingProxyType
from typing import Final

from omniagent.model.errors import HubUnreachable, UnknownModel
from omniagent.model.files.hub import find_model

log = logging.getLogger("omniagent.perception")

LICENCES: Final = MappingProxyType(
    {
        "IDEA-Research/grounding-dino": "Apache-2.0",
        "facebook/sam2": "Apache-2.0",
        "facebook/dinov2": "Apache-2.0",
        "facebook/dinov3": "DINOv3 licence, gated",
        "openai/clip": "MIT",
        "Qwen/Qwen-Image": "Apache-2.0",
        "Qwen/Qwen2.5-VL-7B": "Apache-2.0",
        "Qwen/Qwen2.5-VL-3B": "Qwen research licence, not for commercial use",
        "Qwen/Qwen2.5-VL-72B": "Qwen licence",
        "black-forest-labs/FLUX.1-Fill-dev": "FLUX.1-dev licence, gated, not for commercial use",
        "black-forest-labs/FLUX.2-klein-4B": "Apache-2.0",
    }
)
"""By the beginning of a hub name: as far as this project knows them. The card of a model has the last word."""


def known_licence(name: str) -> str:
    """What is known of a model's licence without asking the hub; `unknown` for others and for folders."""
    found = [licence for start, licence in LICENCES.items() if name.lower().startswith(start.lower())]
    return found[-1] if found else "unknown"


def fetch(name: str | Path, *, revision: str | None = None) -> Path:
    """The folder of a model, downloaded if it must be; its licence is logged as a warning before that.

    Raises:
        UnknownModel: no such folder, repository or revision.
        HubUnreachable: the hub does not answer and there is no finished download.
    """
    try:
        return find_model(name, revision=revision, local_files_only=True)
    except (HubUnreachable, UnknownModel) as error:
        if isinstance(error, UnknownModel) and "hub name" in str(error):
            raise
    log.warning("downloading %s; its licence: %s", name, _licence_of(str(name), revision))
    return find_model(name, revision=revision)


def _licence_of(name: str, revision: str | None) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    known = known_licence(name)
    try:
        card = HfApi().model_info(name, revision=revision, timeout=10).card_data
    except (HfHubHTTPError, OSError, ValueError):
        return f"{known} (its card could not be read)"
    told = getattr(card, "license_name", None) or getattr(card, "license", None)
    return f"{told} by its card" if told else f"{known}, its card names none"
