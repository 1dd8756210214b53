"""Kind `chat`: what the text model sees of pictures, what it answers, and what is drawn from its states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from omniagent.model.mllm.chat_template import chat_text
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.mllm.prompts import DRAW_SYSTEM_PROMPT
from omniagent.model.mllm.reader import ANSWER_TOKENS, DRAW_MARK, ChatBatch, ChatReader
from omniagent.model.pipeline.chat import OmniGen2ChatPipeline
from omniagent.model.requests import Prompt
from tests.parity.compare import Difference, difference, same
from tests.parity.golden import Case
from tests.parity.pipeline import references_of


def check(case: Case) -> Iterator[Difference]:
    if "call" in case.meta:
        yield from _whole(case)
    else:
        yield from _parts(case)


def _parts(case: Case) -> Iterator[Difference]:
    tensors, meta, allowed = case.tensors, case.meta, case.tolerance
    mllm = case.mllm()
    reader = ChatReader(mllm, ChatEncoder.of(case.processor()))
    chat = reader.read(meta["prompt"], case.pictures(1)[0])
    yield same("input_ids", chat.ids.tolist(), tensors["processor.input_ids"].tolist())
    yield same("image tokens", int(chat.is_picture.sum()), meta["n_image_tokens"])
    if chat.pixels is not None and chat.grids is not None:
        yield difference("pixel_values", chat.pixels, tensors["processor.pixel_values"], **allowed)
        yield same("image_grid_thw", chat.grids.tolist(), tensors["processor.image_grid_thw"].tolist())
    yield from _network(case, mllm.eval(), chat)
    negative = reader.read("")
    written = chat_text(Prompt(system=DRAW_SYSTEM_PROMPT, parts=("",)))
    yield same("negative chat string", written, meta["negative_chat_string"])
    for name, states in (("prompt", reader.states(chat)), ("negative", reader.states(negative))):
        yield difference(f"{name}_embeds", states.embeds, tensors[f"dit_text.{name}_embeds"], **allowed)
        assert states.mask is not None
        yield same(f"{name}_mask", states.mask.tolist(), tensors[f"dit_text.{name}_mask"].tolist())
    answer = reader.answer(chat, meta["generation"]["max_new_tokens"])
    yield same("answer", answer, tensors["generated_ids"].tolist())
    yield same("answer in words", reader.spell(answer), meta["generated_text"])
    yield same("draws", reader.spell(answer).startswith(DRAW_MARK), meta["is_image"])


@torch.no_grad()
def _network(case: Case, mllm: Any, chat: ChatBatch) -> Iterator[Difference]:
    tensors, allowed = case.tensors, case.tolerance
    output = mllm(**chat.arguments, output_hidden_states=True, use_cache=False)
    yield difference("last_hidden", output.hidden_states[-1], tensors["mllm.last_hidden"], **allowed)
    yield difference("first_hidden", output.hidden_states[0], tensors["mllm.first_hidden"], **allowed)
    yield difference("last_logits", output.logits[:, -1], tensors["mllm.last_logits"], **allowed)
    positions, deltas = mllm.model.get_rope_index(chat.ids, chat.is_picture.int(), chat.grids)
    yield same("position_ids", positions.tolist(), tensors["mllm.position_ids"].tolist())
    yield same("rope_deltas", deltas.tolist(), tensors["mllm.rope_deltas"].tolist())
    if chat.pixels is not None:
        seen = mllm.model.get_image_features(chat.pixels, chat.grids, return_dict=True).pooler_output
        yield difference("image_embeds", torch.cat(tuple(seen)), tensors["mllm.image_embeds"], **allowed)


def _whole(case: Case) -> Iterator[Difference]:
    meta = case.meta
    prompt, settings = meta["prompt"], dict(meta["call"])
    settings.pop("prompt", None)
    pipeline = OmniGen2ChatPipeline(**case.pipeline.components)
    pipeline.set_progress_bar_config(disable=True)
    if not meta["image_generated"]:
        said = pipeline(prompt, _pictures(case), **settings)
        yield same("answer in words", said.spoken, meta["text"])
        yield same("pictures", said.images, None)
        return
    tensors, allowed = case.tensors, case.tolerance
    pictures = _pictures(case)
    drawn_references = references_of(case, pipeline, [pictures])[0]
    for slot, (mine, theirs) in enumerate(zip(drawn_references, case.numbered("ref_latents.0"), strict=True)):
        yield difference(f"ref_latents.0.{slot}", mine, theirs, allowed["latents_atol"])
    steps: list[torch.Tensor] = []
    settings |= {
        "latents": tensors["initial_latents"],
        "ref_latents": [case.numbered("ref_latents.0")],
        "callback_on_step_end": lambda _step, _steps, latents: steps.append(latents),
    }
    if meta["forced_img_token"]:
        images = pipeline.draw(prompt, pictures, **settings)
    else:
        said = pipeline(prompt, pictures, max_new_tokens=ANSWER_TOKENS, **settings)
        yield same("answer", said.spoken, meta["text"])
        images = said.images
    for step, (mine, theirs) in enumerate(zip(steps, tensors["step_latents"], strict=True)):
        yield difference(f"step_latents[{step}]", mine, theirs, allowed["latents_atol"])
    found = torch.from_numpy(np.stack([np.asarray(image) for image in images or []]))
    yield difference("image", found, tensors["image"], allowed["image_uint8_atol"])


def _pictures(case: Case) -> list[Any]:
    return case.pictures(1)[0] if case.entry["file"] else []
