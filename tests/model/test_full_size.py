"""The full-size modules, on the meta device, have exactly the weights that the published checkpoint stores."""

from __future__ import annotations

import json
import math

import pytest
import torch

from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.parity.full_size import build
from tests.parity.golden import KEPT

PUBLISHED = json.loads((KEPT / "full_size_state_dict_shapes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["transformer", "vae", "mllm"])
def test_full_size_weights_have_the_published_names_and_shapes(name: str) -> None:
    config = json.loads((KEPT / "manifest.json").read_text(encoding="utf-8"))["published_transformer_config"]
    assert build(name, config) == PUBLISHED[name]["keys"]


def test_the_default_config_is_the_published_one_with_its_number_of_parameters() -> None:
    with torch.device("meta"):
        net = OmniGen2Transformer2DModel()
    shapes = [each.shape for each in net.state_dict().values()]
    assert len(shapes) == 582
    assert sum(map(math.prod, shapes)) == 3_967_161_400
