"""How strong a LoRA file means its layers to be: the alphas that it, its header or the file beside it names.

A layer's change is weighed with alpha / rank, or alpha / sqrt(rank) where rsLoRA (arXiv 2312.03732) is asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from omniagent.model.errors import BadCheckpoint
from omniagent.model.files.weights import joined, read_json

CONFIG_FILE = "adapter_config.json"
_HEADER_CONFIG = "lora_adapter_metadata"
_HEADER_ALPHAS = ("ss_network_alpha", "network_alpha", "lora_alpha", "alpha")
# They change the network's own weights, too, of which the file knows nothing.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


class Strengths(NamedTuple):
    """Rank and alpha of each layer, and whether the root of the rank counts."""

    ranks: dict[str, int]
    alphas: dict[str, float]
    root: bool


class _Said(NamedTuple):
    """What one place says, and where that is."""

    where: str
    alphas: dict[str, float]
    root: bool


def strengths_of(
    path: Path, header: Mapping[str, str], ranks: Mapping[str, int], alphas: Mapping[str, float]
) -> Strengths:
    """Alphas from the file's own weights, else from its header or the config beside it, else the ranks.

    Args:
        path: The LoRA file, whose folder may hold peft's config.
        header: The file's metadata.
        ranks: Of each layer.
        alphas: Those that stand among the file's weights.

    Raises:
        BadCheckpoint: an alpha is no positive number, a rank is not the one said, or two places say different things.
    """
    said = [one for one in (_of_config(path, header, ranks), _of_header(path, header, ranks)) if one is not None]
    beside = path.parent / CONFIG_FILE
    if beside.is_file():
        said.append(_config_says(path, f"the {CONFIG_FILE} beside it", read_json(beside), ranks))
    wrong = [f"{alpha:g} of {layer}" for layer, alpha in alphas.items() if not (math.isfinite(alpha) and alpha > 0)]
    if wrong:
        raise BadCheckpoint(f"{path} has alphas that are not positive: {joined(wrong)}")
    first = said[0] if said else None
    for other in said[1:]:
        if first is not None and not alphas and _differ(first, other):
            raise BadCheckpoint(
                f"{path} is said to have alpha {_told(first)} by {first.where}, and {_told(other)} by {other.where}; "
                "take out the wrong one"
            )
    basis = dict(first.alphas) if first is not None else {layer: float(rank) for layer, rank in ranks.items()}
    if alphas:
        return Strengths(dict(ranks), {layer: alphas.get(layer, basis[layer]) for layer in ranks}, root=False)
    return Strengths(dict(ranks), basis, root=first is not None and first.root)


def _of_config(path: Path, header: Mapping[str, str], ranks: Mapping[str, int]) -> _Said | None:
    """The peft config that diffusers keeps in the header, its keys with or without the network's name before them."""
    text = header.get(_HEADER_CONFIG)
    if text is None:
        return None
    try:
        values: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path} has a header whose {_HEADER_CONFIG} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise BadCheckpoint(f"{path} has a header whose {_HEADER_CONFIG} is no JSON object")
    plain = {re.sub(r"^transformer\.", "", str(key)): value for key, value in cast("dict[Any, Any]", values).items()}
    return _config_says(path, f"its header's {_HEADER_CONFIG}", plain, ranks)


def _of_header(path: Path, header: Mapping[str, str], ranks: Mapping[str, int]) -> _Said | None:
    """The one number that trainers keep in the header."""
    name = next((name for name in _HEADER_ALPHAS if name in header), None)
    if name is None or header[name] in ("None", ""):
        return None
    alpha = _positive(path, f"header's {name}", header[name])
    return _Said(f"its header's {name}", dict.fromkeys(ranks, alpha), root=False)


def _config_says(path: Path, where: str, config: Mapping[str, Any], ranks: Mapping[str, int]) -> _Said:
    kind, start = config.get("peft_type"), config.get("init_lora_weights")
    if kind not in (None, "LORA"):
        raise BadCheckpoint(f"{path} is a {kind} adapter by {where}; only LoRA and DoRA can be loaded")
    if isinstance(start, str) and start.lower().startswith(_CHANGES_BASE):
        raise BadCheckpoint(
            f"{path} was begun by {start}, which changes the model's own weights; "
            "convert it to a plain LoRA when saving it (path_initial_model_for_weight_conversion in peft)"
        )
    rank = config.get("r")
    wrong: list[str] = []
    for layer, found in ranks.items():
        wanted = _of_pattern(config.get("rank_pattern"), layer, rank)
        if wanted is not None and wanted != found:
            wrong.append(f"{layer} has rank {found} and not {wanted}")
    if wrong:
        raise BadCheckpoint(f"{path} does not fit the ranks that {where} names: {joined(wrong)}")
    # Where a config names no alpha, peft's own standard would be a number that nobody meant.
    alpha = config.get("lora_alpha")
    alphas = {
        layer: _positive(path, f"lora_alpha by {where}", _of_pattern(config.get("alpha_pattern"), layer, alpha), found)
        for layer, found in ranks.items()
    }
    return _Said(where, alphas, root=bool(config.get("use_rslora")))


def _of_pattern(patterns: object, layer: str, otherwise: object) -> Any:
    """A layer's value: that of the first pattern which its name ends with, as peft matches them."""
    if isinstance(patterns, dict):
        for pattern, value in cast("dict[Any, Any]", patterns).items():
            bare = re.sub(r"^(\^?)(?:base_model\.model\.|transformer\.)+", r"\1", str(pattern))
            try:
                if re.match(rf"(.*\.)?({bare})$", layer):
                    return value
            except re.error:
                continue
    return otherwise


def _positive(path: Path, what: str, value: object, otherwise: float | None = None) -> float:
    if value is None and otherwise is not None:
        return float(otherwise)
    try:
        number = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise BadCheckpoint(f"{path} has {what}={value!r}; it must be a positive number")
    return number


def _differ(one: _Said, other: _Said) -> bool:
    return one.root != other.root or any(not math.isclose(one.alphas[k], other.alphas[k]) for k in one.alphas)


def _told(said: _Said) -> str:
    values = sorted(set(said.alphas.values()))
    return f"{joined((f'{value:g}' for value in values), 3)}{' by the root of the rank' if said.root else ''}"
