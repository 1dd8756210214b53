"""Lets torchvision be imported beside a torch it was not built for; installed into the vLLM environment as a .pth hook.

Its compiled part then stays out, and its Python part asks for two operators by name. Declaring their schemas is enough:
the picture processors that vLLM uses call neither. Nothing happens until somebody imports torchvision.
"""

import sys

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class Declaring:
    """An import hook that finds no module: it declares the operators when torchvision is first asked for."""

    def find_spec(self, name, path=None, target=None):
        """None, always; the next finder takes over."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "FRAGMENT")
            for schema in SCHEMAS:
                self.library.define(schema)
            # The library undeclares its operators when it is collected.
            sys.modules[__name__].kept = self.library


if Declaring not in map(type, sys.meta_path):
    sys.meta_path.insert(0, Declaring())
