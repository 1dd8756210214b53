"""Tokenizer and picture processor of a checkpoint's `processor` folder, without torchvision.

The full `Qwen2_5_VLProcessor` also brings a video processor that needs torchvision; nothing here looks at videos.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerBase
from transformers.image_processing_utils import BaseImageProcessor

from omniagent.model.errors import BadCheckpoint
from omniagent.model.files.file_kinds import refuse_stand_in
from omniagent.model.files.weights import building, joined, read_json

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
SETTINGS_FILES = ("tokenizer_config.json", "preprocessor_config.json")
IMAGE_PAD = "<|image_pad|>"
MARKS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", IMAGE_PAD, "<|vision_end|>")


class LightProcessor:
    """The two halves of a Qwen2.5-VL processor.

    Attributes:
        tokenizer: Pads on the right.
        image_processor: Cuts pictures into the patches of the vision tower.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_processor: BaseImageProcessor) -> None:
        self.tokenizer = tokenizer
        self.image_processor = image_processor

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> LightProcessor:
        """Read a `processor` folder.

        Raises:
            BadCheckpoint: a file is missing or broken, or the vocabulary lacks what a Qwen2.5-VL is asked with.
        """
        source, local = Path(folder), {"local_files_only": True, "trust_remote_code": False}
        words = _tokenizer_file(source)
        for name in SETTINGS_FILES:
            read_json(source / name)
        refuse_stand_in(words)
        tokenizer: Any = building(words, "tokenizer", partial(AutoTokenizer.from_pretrained, source, **local))
        _check_vocabulary(words, tokenizer)
        path = source / "preprocessor_config.json"
        read = partial(AutoImageProcessor.from_pretrained, source, backend="pil", **local)
        images: Any = building(path, "picture processor", read)
        building(path, "picture processor", lambda: _try_out(images))
        return cls(tokenizer, images)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write both halves in the published layout."""
        backend: Any = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            # How the last text was cut and filled up; every call says that anew.
            backend.no_truncation()
            backend.no_padding()
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)


def _tokenizer_file(folder: Path) -> Path:
    """Where the vocabulary lies. Without it transformers makes an empty one and says nothing."""
    held = [names for names in TOKENIZER_FILES if all((folder / name).is_file() for name in names)]
    missing = [name for name in SETTINGS_FILES if not (folder / name).is_file()]
    if not held or missing:
        missing = missing if held else ["tokenizer.json", *missing]
        raise BadCheckpoint(
            f"{folder} holds no usable processor, it lacks {joined(missing)}; "
            "it needs tokenizer.json (or vocab.json, merges.txt), tokenizer_config.json, preprocessor_config.json"
        )
    return folder / held[0][0]


def _check_vocabulary(path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    def ids(text: str) -> list[int]:
        return building(path, "tokenizer", lambda: tokenizer.encode(text, add_special_tokens=False))

    unknown = [mark for mark in MARKS if len(ids(mark)) != 1 or ids(mark) == [tokenizer.unk_token_id]]
    yes, no = ids("yes"), ids("no")
    if not yes or not no or yes[0] == no[0]:
        unknown += ["yes", "no"]
    if unknown:
        raise BadCheckpoint(f"{path} has no tokens for {joined(unknown)}; it is not the vocabulary of a Qwen2.5-VL")


def _try_out(images: Any) -> None:
    """Run once, since the sizes in its settings are looked at only then."""
    side = 2 * getattr(images, "patch_size", 14) * getattr(images, "merge_size", 2)
    images(images=[Image.new("RGB", (side, side))], return_tensors="pt")
