"""Prompts: the chat wording the transformer was trained on, its tokens, and the text model's states of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch

from omniagent.model.device import wake
from omniagent.model.errors import setting_out_of_range

if TYPE_CHECKING:
    from transformers import Qwen2_5_VLForConditionalGeneration

DRAW_SYSTEM_PROMPT = "You are a helpful assistant that generates high-quality images based on user instructions."
UNCONDITIONAL_SYSTEM_PROMPT = "You are a helpful assistant that generates images."
MAX_TEXT_TOKENS = 1024


class Tokenizer(Protocol):
    """What prompts need of a tokenizer."""

    def __call__(self, text: list[str], **settings: Any) -> Any: ...


class PromptEmbeds(NamedTuple):
    """States of the text model (B, L, text_feat_dim) and their mask (B, L), int64, padded on the right.

    No mask means no padding.
    """

    embeds: torch.Tensor
    mask: torch.Tensor | None


def chat_prompt(instruction: str, system: str = DRAW_SYSTEM_PROMPT) -> str:
    """Wrap an instruction as the system and user turns of a chat, without the start of an answer."""
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{instruction}<|im_end|>\n"


def tokenize(
    tokenizer: Tokenizer, prompts: Sequence[str], max_sequence_length: int = MAX_TEXT_TOKENS
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, int64, (B, L), padded and cut on the right, which costs a long prompt its closing tokens.

    Args:
        tokenizer: The checkpoint's tokenizer.
        prompts: Whole chat strings, see `chat_prompt`.
        max_sequence_length: 1 to 1024 tokens.

    Raises:
        BadSetting: `max_sequence_length` lies outside its range.
    """
    if isinstance(max_sequence_length, bool) or not 1 <= max_sequence_length <= MAX_TEXT_TOKENS:
        raise setting_out_of_range(
            "max_sequence_length", max_sequence_length, f"a whole number of tokens from 1 to {MAX_TEXT_TOKENS}"
        )
    rows: list[list[int]] = tokenizer(
        list(prompts), padding=False, truncation=True, max_length=max_sequence_length
    ).input_ids
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), getattr(tokenizer, "pad_token_id", None) or 0)
    mask = torch.zeros_like(ids)
    for row, (tokens, ones) in zip(rows, zip(ids, mask, strict=True), strict=True):
        tokens[: len(row)] = torch.tensor(row)
        ones[: len(row)] = 1
    return ids, mask


def token_count(tokenizer: Tokenizer, instruction: str) -> int:
    """Tokens of an instruction in its chat wording, however many the network reads of them; of short ones at most."""
    text = chat_prompt(instruction)
    # A token is a byte at least, so that short texts need no counting.
    if (most := len(text.encode())) <= MAX_TEXT_TOKENS:
        return most
    return len(tokenizer([text], padding=False, truncation=False).input_ids[0])


@torch.no_grad()
def embed_prompts(
    mllm: Qwen2_5_VLForConditionalGeneration,
    tokenizer: Tokenizer,
    instructions: Sequence[str],
    *,
    system: str = DRAW_SYSTEM_PROMPT,
    max_sequence_length: int = MAX_TEXT_TOKENS,
) -> PromptEmbeds:
    """Last hidden states, after the final norm, of instructions in their chat wording.

    Only the text half of the model runs: pictures don't enter here, and no word is predicted. Attention is causal, so
    padding on the right needs no mask; states there are meaningless.
    """
    ids, mask = tokenize(tokenizer, [chat_prompt(each, system) for each in instructions], max_sequence_length)
    wake(mllm)
    text_model = mllm.model.language_model
    device = text_model.embed_tokens.weight.device
    states = text_model(input_ids=ids.to(device), use_cache=False).last_hidden_state
    return PromptEmbeds(states, mask.to(device))
