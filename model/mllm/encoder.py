"""A `Prompt` as a Qwen2.5-VL takes it: token ids with one placeholder for each picture token, and picture patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from transformers import PreTrainedTokenizerBase
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

from omniagent.model.cache import picture_key
from omniagent.model.errors import BadCheckpoint, BadTask
from omniagent.model.mllm.chat_template import chat_text
from omniagent.model.mllm.processor import IMAGE_PAD, LightProcessor
from omniagent.model.mllm.proportions import widened
from omniagent.model.mllm.yes_no import SPELLINGS
from omniagent.model.pictures import Size, resize
from omniagent.model.requests import Prompt


class Patches(NamedTuple):
    """One picture for the vision tower: values (patches, channels·time·patch²), grid (1, 3) = time, rows, columns."""

    values: torch.Tensor
    grid: torch.Tensor


@dataclass(frozen=True, slots=True)
class ChatInputs:
    """Token ids of a whole chat, and its pictures in order with their content keys and patch grids."""

    ids: tuple[int, ...]
    pictures: tuple[Image.Image, ...]
    keys: tuple[str, ...]
    grids: tuple[tuple[int, int, int], ...]


class ChatEncoder:
    """Tokenizer and picture processor of one checkpoint.

    The full `Qwen2_5_VLProcessor` wants torchvision for videos; tokenizer and PIL picture processor do without.

    Args:
        tokenizer: Of the checkpoint.
        pictures: Its picture processor.
        size: (width, height) in pixels that every picture is taken to have; None: its own.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        pictures: Qwen2VLImageProcessorPil,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self._pictures = pictures
        self._size = size
        self.pad_id = self.id_of(IMAGE_PAD)

    @classmethod
    def load(cls, folder: Path, size: tuple[int, int] | None = None) -> ChatEncoder:
        """Read the `processor/` folder of a checkpoint.

        Raises:
            BadCheckpoint: a file of it is missing or broken.
        """
        return cls.of(LightProcessor.from_pretrained(folder), size)

    @classmethod
    def of(cls, processor: LightProcessor, size: tuple[int, int] | None = None) -> ChatEncoder:
        """The encoder over a processor that is loaded already.

        Raises:
            BadCheckpoint: it has no Qwen2-VL picture processor.
        """
        pictures = processor.image_processor
        if not isinstance(pictures, Qwen2VLImageProcessorPil):
            raise BadCheckpoint(
                f"the picture processor is {type(pictures).__name__}; the critic needs Qwen2VLImageProcessor"
            )
        return cls(processor.tokenizer, pictures, size)

    def encode(self, prompt: Prompt) -> ChatInputs:
        """Token ids of `chat_text(prompt)`, each picture's placeholder repeated once for each of its merged tokens.

        Raises:
            BadTask: a text of the prompt holds the picture placeholder.
        """
        pictures = tuple(part for part in prompt.parts if isinstance(part, Image.Image))
        grids = tuple(self.grid_of(*picture.size) for picture in pictures)
        merged = self._pictures.merge_size**2
        short = self.tokenizer.encode(chat_text(prompt), add_special_tokens=False)
        if short.count(self.pad_id) != len(pictures):
            raise BadTask(
                f"a text holds the chat mark {IMAGE_PAD}, which stands for a picture; take it out of the text"
            )
        slots = iter(grid[1] * grid[2] // merged for grid in grids)
        ids = [token for token in short for _ in range(next(slots) if token == self.pad_id else 1)]
        return ChatInputs(tuple(ids), pictures, tuple(map(picture_key, pictures)), grids)

    def patches(self, picture: Image.Image) -> Patches:
        """A picture's patches, resized and normalised as the checkpoint's processor config says."""
        _, rows, columns = self.grid_of(*picture.size)
        side, filter = self._pictures.patch_size, Image.Resampling(self._pictures.resample)
        rgb = resize(picture.convert("RGB"), Size(rows * side, columns * side), filter)
        # The size rule need not leave alone what it made: with equal bounds a second pass gives another grid.
        made = self._pictures(images=[rgb], do_resize=False, return_tensors="pt")
        return Patches(made["pixel_values"], made["image_grid_thw"])

    def grid_of(self, width: int, height: int) -> tuple[int, int, int]:
        """Time, rows and columns of the patches of a picture of so many pixels, each side at least 1.

        By the processor's own rule; where its config says not to resize, the nearest whole number of merged patches,
        since nothing else fits the vision tower. Beyond 200 to 1 as a picture of 200 to 1 (`proportions`).
        """
        patch, merged = self._pictures.patch_size, self._pictures.patch_size * self._pictures.merge_size
        width, height = widened(*(self._size or (width, height)))
        if self._pictures.do_resize:
            size = self._pictures.size
            height, width = smart_resize(height, width, merged, size["shortest_edge"], size["longest_edge"])
        else:
            height, width = (max(1, round(side / merged)) * merged for side in (height, width))
        return 1, height // patch, width // patch

    def id_of(self, mark: str) -> int:
        """The single token id of a chat mark such as `<|im_end|>`.

        Raises:
            BadCheckpoint: the tokenizer splits the mark.
        """
        ids = self.tokenizer.encode(mark, add_special_tokens=False)
        if len(ids) != 1:
            raise BadCheckpoint(f"the tokenizer has no token {mark}; it is not one of a Qwen2.5-VL")
        return ids[0]

    def answer_ids(self) -> tuple[list[int], list[int]]:
        """First-token ids of yes and of no, over all spellings that are one token.

        A tokenizer that splits both words is asked for the first pieces of "yes" and "no" instead.

        Raises:
            BadCheckpoint: the two words cannot be told apart by their first token.
        """
        words = [
            [ids[0] for ids in map(self._plain_ids, SPELLINGS[answer]) if len(ids) == 1] or [self._plain_ids(answer)[0]]
            for answer in ("yes", "no")
        ]
        yes, no = (sorted(set(ids)) for ids in words)
        if set(yes) & set(no):
            raise BadCheckpoint(
                "the tokenizer begins 'yes' and 'no' with the same token; no verdict can be read off it"
            )
        return yes, no

    def _plain_ids(self, text: str) -> Sequence[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)
