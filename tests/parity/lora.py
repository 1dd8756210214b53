"""Kind `lora`: a LoRA file of the published pipeline, at full and half strength."""

from __future__ import annotations

from collections.abc import Iterator

from omniagent.model.network.lora import Loras
from tests.parity.compare import Difference, difference
from tests.parity.dit import forward
from tests.parity.golden import Case


def check(case: Case) -> Iterator[Difference]:
    net = case.golden.transformer(case.meta["checkpoint"])
    tensors = case.tensors
    yield difference("output_base", forward(case, net)[0][None], tensors["output_base"], **case.tolerance)
    loras = Loras(net)
    loras.load(case.golden.folder / case.meta["lora_file"])
    for name, scale in (("output_lora", 1.0), ("output_lora_scale_half", 0.5)):
        found = forward(case, net, attention_kwargs={"scale": scale})[0][None]
        yield difference(name, found, tensors[name], **case.tolerance)
    loras.weigh({"default": 0.5})
    found = forward(case, net)[0][None]
    yield difference("output_lora_scale_half by weight", found, tensors["output_lora_scale_half"], **case.tolerance)
    loras.unload()
    yield difference("output_base again", forward(case, net)[0][None], tensors["output_base"], **case.tolerance)
