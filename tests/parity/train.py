"""Kind `train`: loss and gradients, a few optimiser steps, and the shift of training times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch

from omniagent.model.denoising.flow import flow_loss, mix, shift_times
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.mllm.prompts import MAX_TEXT_TOKENS
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.training.dataset import ChatExample, ItemRules, MixedDataset, collate_texts
from tests.parity.compare import Difference, difference, same
from tests.parity.golden import Case, NotCovered


def check(case: Case) -> Iterator[Difference]:
    if "grad_norms" in case.meta:
        yield from _gradients(case)
        yield from _optimiser(case)
    elif "latent_sizes_hw" in case.meta and "rows" in case.meta:
        yield from _times(case)
    elif "items" in case.meta:
        yield from _dataset(case)
    else:
        raise NotCovered("neither gradients, nor times, nor a dataset")


def _gradients(case: Case) -> Iterator[Difference]:
    tensors, meta, allowed = case.tensors, case.meta, case.tolerance
    net = case.golden.transformer(meta["checkpoint"])
    data, noise, times = case.numbered("x1"), case.numbered("x0"), tensors["t"]
    for number, wanted in enumerate(case.numbered("xt")):
        yield difference(f"xt.{number}", mix(noise[number], data[number], times[number]), wanted, **allowed)
    velocities, loss = _loss(case, net, data, noise, times)
    for number, wanted in enumerate(case.numbered("pred")):
        yield difference(f"pred.{number}", velocities[number], wanted, **allowed)
    yield difference("loss", loss[None], tensors["loss"], **allowed)
    loss.backward()
    weights = dict(net.named_parameters())
    for name, wanted in meta["grad_norms"].items():
        yield difference(f"grad norm of {name}", _gradient(weights[name]).norm(), torch.tensor(wanted), **allowed)
    total = torch.nn.utils.get_total_norm([_gradient(each) for each in weights.values()])
    yield difference("total gradient norm", total, torch.tensor(meta["total_grad_norm"]), **allowed)
    for name, wanted in tensors.items():
        if name.startswith("grad."):
            # Gradients span four orders of magnitude: the allowance is taken relative to the largest value.
            scale = float(wanted.abs().max())
            yield difference(name, _gradient(weights[name.removeprefix("grad.")]) / scale, wanted / scale, **allowed)


def _optimiser(case: Case) -> Iterator[Difference]:
    tensors, plan, allowed = case.tensors, case.meta["adamw"], case.tolerance
    net = case.golden.transformer(case.meta["checkpoint"])
    optimiser = torch.optim.AdamW(
        net.parameters(),
        lr=plan["lr"],
        betas=tuple(plan["betas"]),
        weight_decay=plan["weight_decay"],
        eps=plan["eps"],
    )
    data = case.numbered("x1")
    for row in plan["steps"]:
        prefix = f"adamw.{row['step']}"
        _, loss = _loss(case, net, data, case.numbered(f"{prefix}.x0"), tensors[f"{prefix}.t"])
        yield difference(f"{prefix} loss", loss, torch.tensor(row["loss"]), **allowed)
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), plan["max_grad_norm"])
        yield difference(f"{prefix} gradient norm", norm, torch.tensor(row["grad_norm_before_clip"]), **allowed)
        optimiser.step()
    weights = dict(net.named_parameters())
    for name, wanted in tensors.items():
        if name.startswith("adamw.final."):
            yield difference(name, weights[name.removeprefix("adamw.final.")], wanted, **allowed)


def _loss(
    case: Case,
    net: OmniGen2Transformer2DModel,
    data: list[torch.Tensor],
    noise: list[torch.Tensor],
    times: torch.Tensor,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    mixed = [mix(noisy, clean, time) for noisy, clean, time in zip(noise, data, times, strict=True)]
    text, mask = case.tensors["text_hidden_states"], case.tensors["text_attention_mask"]
    velocities = list(net(mixed, times, text, mask, case.references(len(data))).sample)
    return velocities, flow_loss(velocities, noise, data)


def _times(case: Case) -> Iterator[Difference]:
    sizes = torch.tensor([height * width / 4 for height, width in case.meta["latent_sizes_hw"]])
    for row in case.meta["rows"]:
        if "tensor" not in row:
            continue
        patches = sizes if row["dynamic"] else torch.full_like(sizes, row["seq_len"])
        before, after = (case.tensors[f"{row['tensor']}.t_{when}_shift"] for when in ("before", "after"))
        found = shift_times(before, patches, "exponential" if row["version"] == "v1" else "inference")
        yield difference(row["tensor"], found, after, **case.tolerance)


DROPOUT = {"plain": (0.0, 0.0), "drop_prompt": (1.0, 0.0), "drop_both": (1.0, 1.0)}


def _dataset(case: Case) -> Iterator[Difference]:
    limits = case.meta["settings"]
    folder = case.golden.checkpoint("train/dataset")
    tokenizer = LightProcessor.from_pretrained(_processor(case)).tokenizer
    for tag, (prompt, reference) in DROPOUT.items():
        rows = [row for row in case.meta["items"] if row["tag"] == tag]
        rules = ItemRules(
            max_input_pixels=tuple(limits["max_input_pixels"]),
            max_output_pixels=limits["max_output_pixels"],
            max_side_length=limits["max_side_length"],
            side_step=limits["img_scale_num"],
            prompt_dropout=prompt,
            reference_dropout=reference,
        )
        dataset = MixedDataset(folder / "mix.yml", folder, rules)
        yield same(f"{tag} length", len(dataset), case.meta["dataset_length"])
        examples = [dataset.example(row["index"], Random(row["python_random_seed"])) for row in rows]
        for row, example in zip(rows, examples, strict=True):
            yield from _item(case, tag, row, example)
        for suffix, longest in (("", MAX_TEXT_TOKENS), ("_max24", 24)):
            ids, mask = collate_texts(tokenizer, examples, longest)
            for name, found in ((f"{tag}.text_ids{suffix}", ids), (f"{tag}.text_mask{suffix}", mask)):
                if name in case.tensors:
                    yield same(name, found.tolist(), case.tensors[name].tolist())


def _item(case: Case, tag: str, row: dict[str, Any], example: ChatExample) -> Iterator[Difference]:
    what = f"{tag} {row['index']}"
    yield same(f"{what} kind", example.task_type, row["task_type"])
    yield same(f"{what} chat", example.chat, row["instruction"])
    yield same(
        f"{what} files", [example.output_file, *example.input_files], [row["output_file"], *(row["input_files"] or [])]
    )
    yield same(f"{what} sizes", [list(each.shape) for each in example.inputs], row["in_shapes"] or [])
    yield same(f"{what} size", list(example.output.shape), row["out_shape"])
    if tag == "plain":
        index, tensors = row["index"], case.tensors
        yield difference(f"{what} output", example.output, tensors[f"{index}.output_image"], **case.tolerance)
        for number, mine in enumerate(example.inputs):
            yield difference(f"{what} input {number}", mine, tensors[f"{index}.input_image.{number}"], **case.tolerance)


def _processor(case: Case) -> Path:
    """Of the checkpoint that the case names, or else of the only one in its folder: the recording names none."""
    if "checkpoint" in case.meta:
        return case.checkpoint / "processor"
    names = {each.meta["checkpoint"] for each in case.golden.cases() if "checkpoint" in each.meta}
    return case.golden.checkpoint(sorted(names)[-1]) / "processor"


def _gradient(weight: torch.nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
