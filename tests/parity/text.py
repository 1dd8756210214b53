"""Kind `text`: chat strings, token ids, and the text model's states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.mllm.prompts import MAX_TEXT_TOKENS, PromptEmbeds, Tokenizer, chat_prompt, embed_prompts, tokenize
from tests.parity.compare import Difference, difference, same
from tests.parity.golden import Case


@dataclass(frozen=True)
class Reader:
    """The text half of one checkpoint."""

    mllm: Qwen2_5_VLForConditionalGeneration
    tokenizer: Tokenizer

    def states(self, prompts: list[str], longest: int = MAX_TEXT_TOKENS) -> PromptEmbeds:
        return embed_prompts(self.mllm, self.tokenizer, prompts, max_sequence_length=longest)


def check(case: Case) -> Iterator[Difference]:
    tensors, meta = case.tensors, case.meta
    reader = Reader(case.mllm(), case.processor().tokenizer)
    for row in meta["prompts"]:
        name = row["index"]
        yield same(f"{name}.chat_string", chat_prompt(row["prompt"]), row["chat_string"])
        ids, _ = tokenize(reader.tokenizer, [chat_prompt(row["prompt"])])
        yield same(f"{name}.input_ids", ids[0].tolist(), tensors[f"{name}.input_ids"].tolist())
        yield from _states(case, reader.states([row["prompt"]]), f"{name}.prompt_embeds", f"{name}.prompt_mask")
    yield from _states(case, reader.states([""]), "negative_empty.embeds", "negative_empty.mask")
    for name, row in meta.items():
        if name == "batch":
            yield from _states(case, reader.states(row["prompts"]), "batch.prompt_embeds", "batch.prompt_mask")
            yield from _states(case, reader.states(row["negative"]), "batch.negative_embeds", "batch.negative_mask")
        elif name.startswith("trunc"):
            prompts, longest = row["prompts"], row["max_sequence_length"]
            ids, _ = tokenize(reader.tokenizer, [chat_prompt(each) for each in prompts], longest)
            yield same(f"{name}.input_ids", ids.tolist(), tensors[f"{name}.input_ids"].tolist())
            yield from _states(case, reader.states(prompts, longest), f"{name}.prompt_embeds", f"{name}.prompt_mask")
        elif name.startswith("nimg"):
            yield _repeated(case, name, reader.states(row["prompts"]), row["num_images_per_prompt"])
    yield from _whole_model(case, reader.mllm)


def _states(case: Case, found: PromptEmbeds, embeds: str, mask: str) -> Iterator[Difference]:
    yield same(mask, found.mask.tolist(), case.tensors[mask].tolist())
    yield difference(embeds, found.embeds, case.tensors[embeds], **case.tolerance, mask=found.mask)


def _repeated(case: Case, name: str, found: PromptEmbeds, count: int) -> Difference:
    # The published masks are in another order than the states, a fault; ours follow the states.
    embeds, mask = (each.repeat_interleave(count, dim=0) for each in found)
    what = f"{name}.prompt_embeds"
    return difference(what, embeds, case.tensors[what], **case.tolerance, mask=mask)


@torch.no_grad()
def _whole_model(case: Case, mllm: Qwen2_5_VLForConditionalGeneration) -> Iterator[Difference]:
    """The unabridged model agrees as well: every layer's states and the logits of the first prompt."""
    output = mllm(input_ids=case.tensors["0.input_ids"][None], output_hidden_states=True)
    for number, states in enumerate(output.hidden_states):
        name = f"layers0.hidden_states.{number}"
        if name in case.tensors:
            yield difference(name, states, case.tensors[name], **case.tolerance)
    if "layers0.logits" in case.tensors:
        yield difference("layers0.logits", output.logits, case.tensors["layers0.logits"], **case.tolerance)
