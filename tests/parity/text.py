"""Kind ``text``: chat strings, token ids, and the text model's states."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from omniagent.model.pipeline import OmniGen2Pipeline
from omniagent.model.text import MAX_TEXT_TOKENS, chat_prompt, tokenize

from .compare import Difference, difference, same
from .golden import Case


def check(case: Case) -> Iterator[Difference]:
    tensors, meta, pipeline = case.tensors, case.meta, case.pipeline
    for row in meta["prompts"]:
        name = row["index"]
        yield same(f"{name}.chat_string", chat_prompt(row["prompt"]), row["chat_string"])
        ids, _ = tokenize(pipeline.processor.tokenizer, [chat_prompt(row["prompt"])])
        yield same(f"{name}.input_ids", ids[0].tolist(), tensors[f"{name}.input_ids"].tolist())
        yield from _states(case, [row["prompt"]], f"{name}.prompt_embeds", f"{name}.prompt_mask")
    yield from _states(case, [""], "negative_empty.embeds", "negative_empty.mask")
    if "batch" in meta:
        yield from _states(case, meta["batch"]["prompts"], "batch.prompt_embeds", "batch.prompt_mask")
        yield from _states(case, meta["batch"]["negative"], "batch.negative_embeds", "batch.negative_mask")
    for name, row in meta.items():
        if name.startswith("trunc"):
            prompts, longest = row["prompts"], row["max_sequence_length"]
            ids, _ = tokenize(pipeline.processor.tokenizer, [chat_prompt(each) for each in prompts], longest)
            yield same(f"{name}.input_ids", ids.tolist(), tensors[f"{name}.input_ids"].tolist())
            yield from _states(case, prompts, f"{name}.prompt_embeds", f"{name}.prompt_mask", longest)
        if name.startswith("nimg"):
            yield from _repeated(case, name, row["prompts"], row["num_images_per_prompt"])
    yield from _whole_model(case, pipeline)


def _states(
    case: Case, prompts: list[str], embeds: str, mask: str, longest: int = MAX_TEXT_TOKENS
) -> Iterator[Difference]:
    found = case.pipeline.encode_prompt(prompts, max_sequence_length=longest)
    yield same(mask, found.mask.tolist(), case.tensors[mask].tolist())
    yield difference(embeds, found.embeds, case.tensors[embeds], **case.tolerance, mask=found.mask)


def _repeated(case: Case, name: str, prompts: list[str], count: int) -> Iterator[Difference]:
    # The published masks are in another order than the states, a fault; ours follow the states.
    found = case.pipeline.encode_prompt(prompts)
    embeds, mask = (each.repeat_interleave(count, dim=0) for each in found)
    yield difference(
        f"{name}.prompt_embeds", embeds, case.tensors[f"{name}.prompt_embeds"], **case.tolerance, mask=mask
    )


@torch.no_grad()
def _whole_model(case: Case, pipeline: OmniGen2Pipeline) -> Iterator[Difference]:
    """The unabridged model agrees as well: every layer's states and the logits of the first prompt."""
    ids = case.tensors["0.input_ids"][None]
    output = pipeline.mllm(input_ids=ids, output_hidden_states=True)
    for number, states in enumerate(output.hidden_states):
        name = f"layers0.hidden_states.{number}"
        if name in case.tensors:
            yield difference(name, states, case.tensors[name], **case.tolerance)
    yield difference("layers0.logits", output.logits, case.tensors["layers0.logits"], **case.tolerance)
