"""What the hub tells of a model that is not here: shapes from the headers of its weight files, and small configs.

Headers are read by HTTP ranges (huggingface_hub); no weights travel, and nothing is left in the cache.
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

from omniagent.model.checkpoint.settings import SETTINGS_FILE, read_profiles
from omniagent.model.errors import BadCheckpoint
from omniagent.model.files.downloads import hub_errors
from omniagent.model.files.folders import INDEX_FILE
from omniagent.model.pipeline.memory import Need, need_from
from omniagent.model.profile import GeneratorProfile
from omniagent.model.wording import shown

_PARTS = ("transformer", "mllm", "vae")
_AT_ONCE = 8


class Headers(NamedTuple):
    """A checkpoint at the hub.

    Attributes:
        parts: How many numbers each network has.
        config: Of the transformer.
        profile: Of the generator.
        download: Bytes of all its safetensors.
    """

    parts: dict[str, int]
    config: dict[str, Any]
    profile: GeneratorProfile
    download: int

    def need(self, bytes_per_weight: int, *, reuse: bool = False, eight_bits: bool = False) -> Need:
        """What it needs to draw at its default size; `reuse` and `eight_bits` as in `need_from`."""
        width = max(self.profile.width, self.profile.height)
        return need_from(self.parts, self.config, width, bytes_per_weight, reuse=reuse, eight_bits=eight_bits)


def read_headers(name: str, *, revision: str | None = None) -> Headers:
    """Shapes and sizes of a checkpoint at the hub, by its name there.

    Raises:
        UnknownModel: no such repository or revision.
        BadCheckpoint: it is no checkpoint in the published layout, or its files cannot be read.
        HubUnreachable: the hub does not answer.
    """
    api = HfApi()
    with hub_errors(name, revision):
        info = api.model_info(name, revision=revision, files_metadata=True, timeout=10)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        weights = [path for path in sizes if path.endswith(".safetensors") and path.split("/")[0] in _PARTS]
        if INDEX_FILE not in sizes or {path.split("/")[0] for path in weights} != set(_PARTS):
            raise BadCheckpoint(
                f"model {shown(name)} has no {INDEX_FILE}, or no safetensors for {', '.join(_PARTS)}, at the hub; "
                "name another one"
            )

        def numbers(path: str) -> int:
            header = api.parse_safetensors_file_metadata(name, path, revision=info.sha)
            return sum(math.prod(tensor.shape) for tensor in header.tensors.values())

        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                counts = dict(zip(weights, pool.map(numbers, weights), strict=True))
        except (SafetensorsParsingError, NotASafetensorsRepoError) as error:
            raise BadCheckpoint(f"model {shown(name)}: a weight file at the hub cannot be read ({error})") from error
        with TemporaryDirectory() as scratch:
            for path in ("transformer/config.json", *(each for each in (SETTINGS_FILE,) if each in sizes)):
                hf_hub_download(name, path, revision=info.sha, local_dir=scratch)
            config = json.loads((Path(scratch) / "transformer" / "config.json").read_bytes())
            profile = read_profiles(Path(scratch)).generator
    parts = {part: sum(count for path, count in counts.items() if path.startswith(f"{part}/")) for part in _PARTS}
    return Headers(parts, config, profile, sum(size for path, size in sizes.items() if path.endswith(".safetensors")))
