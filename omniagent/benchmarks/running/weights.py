"""Which weights a run draws by, so that two checkpoints of one name never share a folder."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniagent.config import Config


def weights_of(config: "Config") -> str:
    """SHA-256 over the fingerprints of all weights in the checkpoint's folder; empty without any, as of a server's.

    It says nothing of where the folder lies, so that shards of several machines are of one run.
    """
    from omniagent.model.critic.calibration.identity import fingerprint

    home = Path(config.model)
    if config.generator != "local" or not home.is_dir():
        return ""
    folders = sorted({path.parent for path in home.rglob("*.safetensors") if path.is_file()})
    told = [f"{folder.relative_to(home).as_posix()}\0{fingerprint(folder)}\n" for folder in folders]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:32] if told else ""
