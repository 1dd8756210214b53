"""Kind `pipeline`: whole runs, with every step's latents."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.denoising.step_cache import Inputs, StepCache, StepMemory, TaylorSeer, TeaCache
from omniagent.model.pipeline.base import PipelineBase
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.parity.compare import Difference, difference, same
from tests.parity.golden import Case, NotCovered

PUBLISHED_DEFAULTS: dict[str, Any] = {
    "num_inference_steps": 28,
    "text_guidance_scale": 4.0,
    "image_guidance_scale": 1.0,
    "num_images_per_prompt": 1,
}
SCHEDULERS = {"euler": FlowMatchEulerDiscreteScheduler, "dpmsolver++": DPMSolverMultistepScheduler}


def check(case: Case) -> Iterator[Difference]:
    if case.meta["scheduler"] not in SCHEDULERS:
        raise NotCovered(f"no scheduler {case.meta['scheduler']}")
    if case.name.endswith("_quirk"):
        yield from _mixed_masks(case)
    else:
        yield from _run(case)


def _run(case: Case) -> Iterator[Difference]:
    tensors, pipeline = case.tensors, _with_scheduler(case)
    prompts = _prompts(case)
    settings = _settings(case)
    states, pictures = case.tolerance["latents_atol"], case.tolerance["image_atol"]
    found = pipeline.encode_prompt(prompts).embeds
    yield difference("prompt_embeds", found, _first_of_each(case, "prompt_embeds"), states, mask=_mask(case, "prompt"))
    references = references_of(case, pipeline, case.pictures(len(prompts)))
    count = settings["num_images_per_prompt"]
    for number, wanted in enumerate(case.references(len(prompts) * count, "ref_latents")):
        for slot, (mine, theirs) in enumerate(zip(references[number // count], wanted, strict=True)):
            yield difference(f"ref_latents.{number}.{slot}", mine, theirs, states)

    steps: list[torch.Tensor] = []
    cache = _cache(case)
    images = pipeline(
        **settings,
        input_images=case.pictures(len(prompts)),
        ref_latents=[case.numbered(f"ref_latents.{number * count}") for number in range(len(prompts))],
        callback_on_step_end=lambda _step, _steps, latents: steps.append(latents),
        step_cache=cache,
        output_type="np",
        return_dict=False,
    )[0]
    if cache is not None:
        yield same("joint layers left out", cache.left_out, _left_out(case))
    for step, (mine, theirs) in enumerate(zip(steps, tensors["step_latents"], strict=True)):
        yield difference(f"step_latents[{step}]", mine, theirs, states)
    yield difference("image", torch.from_numpy(images), tensors["image"], pictures)


def _mixed_masks(case: Case) -> Iterator[Difference]:
    """Several pictures for several prompts: the published code pairs states with the masks of other prompts.

    Ours keeps each prompt's own mask. So pictures whose published mask happens to be the right one must agree with the
    recording, the others with drawing their prompt alone; and given the published states and masks as they are, all
    must agree.
    """
    tensors, pipeline = case.tensors, _with_scheduler(case)
    settings = _settings(case)
    prompts, count = _prompts(case), settings.pop("num_images_per_prompt")
    latents, wanted = tensors["initial_latents"], tensors["image"]
    atol = case.tolerance["image_atol"]
    draw: dict[str, Any] = {**settings, "output_type": "np", "return_dict": False}
    ours = torch.from_numpy(pipeline(**draw, num_images_per_prompt=count)[0])
    right = pipeline.encode_prompt(prompts).mask.repeat_interleave(count, dim=0)
    for number, (mine, theirs) in enumerate(zip(ours, wanted, strict=True)):
        if torch.equal(right[number], tensors["prompt_mask"][number]):
            yield difference(f"image[{number}]", mine, theirs, atol)
        alone = draw | {"prompt": prompts[number // count], "latents": latents[number : number + 1]}
        yield difference(f"image[{number}] alone", mine, torch.from_numpy(pipeline(**alone)[0][0]), atol)
    given = draw | {
        "prompt": None,
        "prompt_embeds": tensors["prompt_embeds"],
        "prompt_attention_mask": tensors["prompt_mask"],
        "negative_prompt_embeds": tensors["negative_embeds"],
        "negative_prompt_attention_mask": tensors["negative_mask"],
    }
    yield difference("image, published masks", torch.from_numpy(pipeline(**given)[0]), wanted, atol)


def _with_scheduler(case: Case) -> OmniGen2Pipeline:
    parts = case.pipeline.components
    kind = SCHEDULERS[case.meta["scheduler"]]
    pipeline = OmniGen2Pipeline(**parts | {"scheduler": kind.from_config(case.pipeline.scheduler.config)})
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _settings(case: Case) -> dict[str, Any]:
    """The recorded call, with the recorded noise, or the generator that drew it."""
    settings = PUBLISHED_DEFAULTS | case.meta["call"]
    if "cfg_range" in settings:
        settings["cfg_range"] = tuple(settings["cfg_range"])
    if case.meta["passed_as"] == "generator":
        return settings | {"generator": torch.Generator().manual_seed(case.meta["seed"])}
    return settings | {"latents": case.tensors["initial_latents"]}


class Watched:
    """A step cache that notes, evaluation by evaluation, whether the joint layers were left out."""

    def __init__(self, settings: StepCache) -> None:
        self._settings = settings
        self.left_out: list[bool] = []

    def start(self, steps: int) -> StepMemory:
        memory, note = self._settings.start(steps), self.left_out
        decide = memory.due

        def due(step: int, branches: Sequence[Hashable], inputs: Inputs) -> list[bool]:
            needed = decide(step, branches, inputs)
            note.extend(not each for each in needed)
            return needed

        memory.due = due
        return memory


def _cache(case: Case) -> Watched | None:
    if "teacache_rel_l1_thresh" in case.meta:
        return Watched(TeaCache(case.meta["teacache_rel_l1_thresh"]))
    return Watched(TaylorSeer()) if "taylorseer_types" in case.meta else None


def _left_out(case: Case) -> list[bool]:
    if "teacache_log" in case.meta:
        return [not row["computed"] for row in case.meta["teacache_log"]]
    return [kind != "full" for kind in case.meta["taylorseer_types"]]


def references_of(
    case: Case, pipeline: PipelineBase, pictures: Sequence[Sequence[Image.Image]]
) -> list[list[torch.Tensor]]:
    """Encode the input pictures with the recorded draws; the published code encodes them once for each prompt."""
    seed = re.search(r"manual_seed\((\d+)\)", case.meta["vae_sampling_rng"])
    if seed is None:
        raise NotCovered("the recording does not say how reference latents were drawn")
    generator = torch.Generator().manual_seed(int(seed[1]))
    call = case.meta["call"]
    limits = {name: call[name] for name in ("max_pixels", "max_input_image_side_length") if name in call}
    return [pipeline.encode_references(each, generator=generator, **limits) for each in pictures]


def _prompts(case: Case) -> list[str]:
    prompt = case.meta["call"]["prompt"]
    return [prompt] if isinstance(prompt, str) else list(prompt)


def _first_of_each(case: Case, name: str) -> torch.Tensor:
    return case.tensors[name][:: case.meta["call"].get("num_images_per_prompt", 1)]


def _mask(case: Case, what: str) -> torch.Tensor:
    return _first_of_each(case, f"{what}_mask")
