"""Tokenizer and picture processor of a checkpoint's ``processor`` folder, without torchvision.

The full ``Qwen2_5_VLProcessor`` also brings a video processor that needs torchvision; nothing here looks at videos.
"""

from __future__ import annotations

from pathlib import Path

from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerBase
from transformers.image_processing_utils import BaseImageProcessor

from .errors import BadCheckpoint


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
        """Read a ``processor`` folder.

        Raises:
            BadCheckpoint: A file is missing or broken.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            images = AutoImageProcessor.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, backend="pil"
            )
        except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
            raise BadCheckpoint(
                f"{folder} holds no usable processor ({error}); "
                "it needs tokenizer.json (or vocab.json, merges.txt), tokenizer_config.json, preprocessor_config.json"
            ) from error
        return cls(tokenizer, images)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write both halves in the published layout."""
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)
