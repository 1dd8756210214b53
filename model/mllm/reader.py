"""Reads a chat with pictures by a Qwen2.5-VL: the states that a picture is drawn from, and the answer in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.device import wake
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.mllm.prompts import DRAW_SYSTEM_PROMPT, PromptEmbeds
from omniagent.model.requests import Prompt

DRAW_MARK = "<|img|>"
STOP_MARKS = ("<|im_end|>", DRAW_MARK, "<|endoftext|>")
ANSWER_TOKENS = 256


class ChatBatch(NamedTuple):
    """One chat as the model takes it.

    Attributes:
        ids: (1, L) token ids; a picture's placeholder is repeated for each of its merged tokens.
        is_picture: (1, L), true at placeholders.
        pixels: (patches, values) of all pictures, or None.
        grids: (pictures, 3) time, rows and columns in patches, or None.
    """

    ids: torch.Tensor
    is_picture: torch.Tensor
    pixels: torch.Tensor | None
    grids: torch.Tensor | None

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the network's `forward` and `generate`."""
        return {
            "input_ids": self.ids,
            "attention_mask": torch.ones_like(self.ids),
            "mm_token_type_ids": self.is_picture.int(),
            "pixel_values": self.pixels,
            "image_grid_thw": self.grids,
        }


class ChatReader:
    """A Qwen2.5-VL with its tokenizer and picture processor, for chats of one user turn.

    Args:
        network: The model, on its device.
        encoder: Its tokenizer and picture processor.
    """

    def __init__(self, network: Qwen2_5_VLForConditionalGeneration, encoder: ChatEncoder) -> None:
        self._network, self._encoder = network, encoder

    def read(self, text: str, pictures: Sequence[Image.Image] = (), system: str = DRAW_SYSTEM_PROMPT) -> ChatBatch:
        """A user turn, pictures first and numbered from 1, up to the start of the answer.

        Raises:
            BadTask: the text holds the mark that stands for a picture.
        """
        numbered = [part for number, each in enumerate(pictures, start=1) for part in (f"<img{number}>: ", each)]
        chat = self._encoder.encode(Prompt(system=system, parts=(*numbered, text)))
        device = self._network.device
        ids = torch.tensor([chat.ids], device=device)
        patches = [self._encoder.patches(each) for each in chat.pictures]
        return ChatBatch(
            ids,
            ids == self._encoder.pad_id,
            torch.cat([each.values for each in patches]).to(device, self._network.dtype) if patches else None,
            torch.cat([each.grid for each in patches]).to(device) if patches else None,
        )

    @torch.no_grad()
    def hidden(self, chat: ChatBatch) -> torch.Tensor:
        """Last hidden states (1, L, text_feat_dim) after the final norm."""
        wake(self._network)
        body: Any = self._network.model
        return body(**chat.arguments, use_cache=False).last_hidden_state

    def states(self, chat: ChatBatch) -> PromptEmbeds:
        """What a picture is drawn from: the hidden states without those at the placeholders of pictures."""
        hidden = self.hidden(chat)[~chat.is_picture].unsqueeze(0)
        return PromptEmbeds(hidden, torch.ones(hidden.shape[:2], dtype=torch.int64, device=hidden.device))

    @torch.no_grad()
    def answer(
        self, chat: ChatBatch, max_new_tokens: int = ANSWER_TOKENS, stop: Callable[[], bool] | None = None
    ) -> list[int]:
        """Token ids of the most likely answer, under the checkpoint's own repetition penalty.

        Args:
            chat: What is answered.
            max_new_tokens: The answer is cut after so many.
            stop: Asked after each token; true ends the answer there.
        """
        stopping: list[Any] = []
        if stop is not None:

            def ends(ids: torch.Tensor, _scores: torch.Tensor) -> torch.Tensor:
                return torch.full(ids.shape[:1], stop(), device=ids.device)

            stopping.append(ends)
        network: Any = self._network
        ids: torch.Tensor = network.generate(
            **{name: value for name, value in chat.arguments.items() if value is not None},
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=[self._encoder.id_of(mark) for mark in STOP_MARKS],
            pad_token_id=self._encoder.id_of("<|endoftext|>"),
            stopping_criteria=stopping,
        )
        return ids[0, chat.ids.size(1) :].tolist()

    def spell(self, ids: Sequence[int]) -> str:
        """An answer in words, with its marks."""
        return str(
            self._encoder.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )
