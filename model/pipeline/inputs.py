"""Brings the many forms in which a call's inputs may be given into one, and refuses all others before any work.

Prompts and pictures become lists with an entry for each prompt, numbers plain ones within their ranges.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import SupportsIndex, cast

import torch
from PIL import Image

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.errors import BadImage, BadSetting, BadTask, setting_out_of_range
from omniagent.model.limits import MAX_BATCH, MAX_GUIDANCE, MAX_REFERENCES
from omniagent.model.network.text_states import TextStates
from omniagent.model.profile import GeneratorProfile
from omniagent.model.wording import shown

InputImages = Image.Image | Sequence[Image.Image] | Sequence[Sequence[Image.Image] | None]


def whole_number(name: str, value: object, low: int, high: int, unit: str = "") -> int:
    """A setting as a Python integer, whichever library's integer it is.

    Raises:
        BadSetting: it is no integer from `low` to `high`.
    """
    number: int | None = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        # Arrays and tensors have the method also where they hold something else.
        with suppress(TypeError):
            number = operator.index(value)
    if number is None or not low <= number <= high:
        raise setting_out_of_range(name, value, f"a whole number{unit} from {low} to {high}")
    return number


def guidance_of(
    defaults: GeneratorProfile, text_guidance_scale: object, image_guidance_scale: object, cfg_range: object
) -> Guidance:
    """Guidance as asked for, None meaning the checkpoint's.

    Raises:
        BadSetting: a scale is no number from 0 to 100, or the range is not two numbers, rising within 0 to 1.
    """
    text, image = (
        setting if given is None else _number(name, given, f"a number from 0 to {MAX_GUIDANCE:g}")
        for name, given, setting in (
            ("text_guidance_scale", text_guidance_scale, defaults.text_guidance),
            ("image_guidance_scale", image_guidance_scale, defaults.image_guidance),
        )
    )
    if cfg_range is None:
        return Guidance(text, image, *defaults.cfg_range)
    allowed = "(start, end) with 0 <= start <= end <= 1"
    ends = [_number("cfg_range", each, allowed) for each in cfg_range] if isinstance(cfg_range, Iterable) else []
    if len(ends) != 2:
        raise setting_out_of_range("cfg_range", cfg_range, allowed)
    return Guidance(text, image, *ends)


def check_generator(name: str, value: object, *, several: bool) -> None:
    """Return if `value` is a torch generator, None, or, where `several` may be given, a list of generators.

    Raises:
        BadSetting: it is something else.
    """
    generators: Iterable[object] = value if several and isinstance(value, list | tuple) else [value]
    if value is not None and not all(isinstance(each, torch.Generator) for each in generators):
        one = "a torch.Generator" + (", or a list with one for each picture" if several else " or None")
        raise setting_out_of_range(name, value, one)


def check_states(name: str, embeds: object, mask: object) -> None:
    """Return if `embeds` is nothing, a tensor of three dimensions or encoded text, and `mask` a tensor or nothing.

    Raises:
        BadSetting: one is something else.
    """
    if isinstance(embeds, TextStates) or embeds is None:
        return
    if not isinstance(embeds, torch.Tensor) or embeds.ndim != 3:
        given = tuple(embeds.shape) if isinstance(embeds, torch.Tensor) else type(embeds).__name__
        raise BadSetting(f"{name} is {given}; give a tensor (prompts, length, text_feat_dim), or what encode_text made")
    if mask is not None and not isinstance(mask, torch.Tensor):
        raise BadSetting(f"the mask of {name} is {type(mask).__name__}; give a tensor (prompts, length) or None")


def latent_lists(latents: object, prompts: int) -> list[list[torch.Tensor]]:
    """The reference latents of each prompt.

    Raises:
        BadSetting: there is not one list of tensors (or None) for each prompt.
    """
    entries: Iterable[object] = latents if isinstance(latents, list | tuple) else []
    lists = [_tensors(each) for each in entries]
    if len(lists) != prompts:
        given = f"{len(lists)} entries" if isinstance(latents, list | tuple) else type(latents).__name__
        raise BadSetting(f"ref_latents has {given}; give a list (or None) for each of {prompts} prompts")
    return lists


def prompt_list(prompt: object) -> list[str]:
    """All prompts of a call.

    Raises:
        BadTask: there is none, or one is not text.
    """
    prompts: list[object] = [prompt]
    if isinstance(prompt, Iterable) and not isinstance(prompt, str | bytes):
        prompts = list(cast("Iterable[object]", prompt))
    if not prompts:
        raise BadTask("prompt=[] is empty; give one instruction or a list of at least one")
    texts = [each for each in prompts if isinstance(each, str)]
    if len(texts) != len(prompts):
        wrong = next(each for each in prompts if not isinstance(each, str))
        raise BadTask(f"a prompt is {type(wrong).__name__} {shown(wrong)}; give text")
    return texts


def negative_list(negative: object, prompts: int) -> list[str]:
    """One negative prompt for each prompt, or a single one for all; None stands for the empty one.

    Raises:
        BadTask: one is not text.
        BadSetting: there are neither one nor as many as prompts.
    """
    texts = prompt_list("" if negative is None else negative)
    if len(texts) not in (1, prompts):
        raise BadSetting(f"{len(texts)} negative prompts were given for {prompts} prompts; give one, or one for each")
    return texts


def picture_lists(images: InputImages | None, prompts: int) -> list[list[Image.Image]]:
    """The reference pictures of each prompt.

    A picture or a flat list belongs to the only prompt; with several prompts there must be one list (or None) for each.

    Raises:
        BadImage: something given is not a PIL picture.
        BadSetting: lists and prompts don't match in number, or a prompt has more than five pictures.
    """
    if isinstance(images, Image.Image):
        images = [images]
    given = cast("object", images)
    if given is not None and (isinstance(given, str | bytes) or not isinstance(given, Sequence)):
        raise BadImage(f"input_images is {type(images).__name__} {images!r:.80}; give PIL pictures")
    flat = [each for each in images or () if isinstance(each, Image.Image)]
    if images is None or not len(images):
        lists: list[list[Image.Image]] = [[] for _ in range(prompts)]
    elif len(flat) == len(images) and prompts == 1:
        lists = [flat]
    elif flat or len(images) != prompts:
        raise BadSetting(
            f"input_images has {len(images)} entries for {prompts} prompts; "
            "give a list of pictures for one prompt, or one list (or None) for each of several prompts"
        )
    else:
        lists = [picture_list(each) for each in images if not isinstance(each, Image.Image)]
    for pictures in lists:
        if len(pictures) > MAX_REFERENCES:
            raise setting_out_of_range(
                "the number of input_images", len(pictures), f"0 to {MAX_REFERENCES} pictures for each prompt"
            )
    return lists


def picture_count(prompts: int, num_images_per_prompt: object) -> int:
    """How many pictures a call draws.

    Raises:
        BadSetting: none, or more than 64.
    """
    count = prompts * whole_number("num_images_per_prompt", num_images_per_prompt, 1, MAX_BATCH)
    if count > MAX_BATCH:
        raise setting_out_of_range("the number of pictures", count, f"up to {MAX_BATCH}")
    return count


def _number(name: str, value: object, allowed: str) -> float:
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        with suppress(OverflowError):
            return float(value)
    raise setting_out_of_range(name, value, allowed)


def _tensors(entry: object) -> list[torch.Tensor]:
    given: Iterable[object] = entry if isinstance(entry, list | tuple) else [] if entry is None else [entry]
    tensors = [each for each in given if isinstance(each, torch.Tensor)]
    if len(tensors) != len(list(given)) or isinstance(entry, torch.Tensor):
        raise BadSetting(f"an entry of ref_latents is {type(entry).__name__}; give lists of tensors, or None")
    return tensors


def picture_list(entry: object) -> list[Image.Image]:
    """The pictures of one prompt.

    Raises:
        BadImage: something given is not a PIL picture.
    """
    if entry is None:
        return []
    if isinstance(entry, Image.Image):
        return [entry]
    if not isinstance(entry, list | tuple):
        raise BadImage(f"an entry of input_images is {type(entry).__name__}; give lists of PIL pictures")
    pictures = [each for each in entry if isinstance(each, Image.Image)]
    if len(pictures) != len(entry):
        wrong = next(each for each in entry if not isinstance(each, Image.Image))
        raise BadImage(f"an input picture is {type(wrong).__name__} {wrong!r:.80}; open it as a PIL picture first")
    return pictures
