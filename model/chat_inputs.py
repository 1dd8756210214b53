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

from omniagent.model.answers import SPELLINGS
from omniagent.model.cache import picture_key
from omniagent.model.chat import chat_text
from omniagent.model.errors import BadCheckpoint, BadImage, BadTask
from omniagent.model.image_processor import Size, resize
from omniagent.model.processor import IMAGE_PAD, LightProcessor
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
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, pictures: Qwen2VLImageProcessorPil) -> None:
        self.tokenizer = tokenizer
        self._pictures = pictures
        self.pad_id = self.id_of(IMAGE_PAD)

    @classmethod
    def load(cls, folder: Path) -> ChatEncoder:
        """Read the `processor/` folder of a checkpoint.

        Raises:
            BadCheckpoint: a file of it is missing or broken.
        """
        return cls.of(LightProcessor.from_pretrained(folder))

    @classmethod
    def of(cls, processor: LightProcessor) -> ChatEncoder:
        """The encoder over a processor that is loaded already.

        Raises:
            BadCheckpoint: it has no Qwen2-VL picture processor.
        """
        pictures = processor.image_processor
        if not isinstance(pictures, Qwen2VLImageProcessorPil):
            raise BadCheckpoint(
                f"the picture processor is {type(pictures).__name__}; the critic needs Qwen2VLImageProcessor"
            )
        return cls(processor.tokenizer, pictures)

    def encode(self, prompt: Prompt) -> ChatInputs:
        """Token ids of `chat_text(prompt)`, each picture's placeholder repeated once for each of its merged tokens.

        Raises:
            BadTask: a text of the prompt holds the picture placeholder.
            BadImage: a picture is more than 200 times as long as wide.
        """
        pictures = tuple(part for part in prompt.parts if isinstance(part, Image.Image))
        grids = tuple(self._grid(picture) for picture in pictures)
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
        rgb = picture.convert("RGB")
        if self._pictures.do_resize:
            _, rows, columns = self._grid(picture)
            side = self._pictures.patch_size
            rgb = resize(rgb, Size(rows * side, columns * side), Image.Resampling(self._pictures.resample))
        made = self._pictures(images=[rgb], return_tensors="pt")
        return Patches(made["pixel_values"], made["image_grid_thw"])

    def id_of(self, mark: str) -> int:
        """The single token id of a chat mark such as ``<|im_end|>``.

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

    def _grid(self, picture: Image.Image) -> tuple[int, int, int]:
        if max(picture.size) > 200 * min(picture.size):
            raise BadImage(
                f"a picture of {picture.width}x{picture.height} pixels is too long for the critic; "
                "give one at most 200 times as long as wide"
            )
        rows, columns = picture.height, picture.width
        if self._pictures.do_resize:
            size = self._pictures.size
            side = self._pictures.patch_size * self._pictures.merge_size
            rows, columns = smart_resize(rows, columns, side, size["shortest_edge"], size["longest_edge"])
        return 1, rows // self._pictures.patch_size, columns // self._pictures.patch_size
