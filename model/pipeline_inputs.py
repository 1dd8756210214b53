"""Brings the many forms in which prompts and pictures may be given into one: a list with an entry for each prompt."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from .errors import BadImage, BadSetting, BadTask, setting_out_of_range
from .transformer_config import MAX_REFERENCES

InputImages = Sequence[Image.Image] | Sequence[Sequence[Image.Image] | None]
MAX_PICTURES = 64


def prompt_list(prompt: str | Sequence[str]) -> list[str]:
    """All prompts of a call.

    Raises:
        BadTask: There is none, or one is not text.
    """
    prompts: list[object] = [prompt] if isinstance(prompt, str) else list(prompt)
    if not prompts:
        raise BadTask("prompt=[] is empty; give one instruction or a list of at least one")
    texts = [each for each in prompts if isinstance(each, str)]
    if len(texts) != len(prompts):
        wrong = next(each for each in prompts if not isinstance(each, str))
        raise BadTask(f"a prompt is {type(wrong).__name__} {wrong!r}; give text")
    return texts


def negative_list(negative: str | Sequence[str], prompts: int) -> list[str]:
    """One negative prompt for each prompt, or a single one for all.

    Raises:
        BadTask: One is not text.
        BadSetting: There are neither one nor as many as prompts.
    """
    texts = prompt_list(negative)
    if len(texts) not in (1, prompts):
        raise BadSetting(f"{len(texts)} negative prompts were given for {prompts} prompts; give one, or one for each")
    return texts


def picture_lists(images: InputImages | None, prompts: int) -> list[list[Image.Image]]:
    """The reference pictures of each prompt.

    A flat list belongs to the only prompt; with several prompts there must be one list (or None) for each.

    Raises:
        BadImage: Something given is not a PIL picture.
        BadSetting: Lists and prompts don't match in number, or a prompt has more than five pictures.
    """
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
        lists = [_pictures(each) for each in images if not isinstance(each, Image.Image)]
    for pictures in lists:
        if len(pictures) > MAX_REFERENCES:
            raise setting_out_of_range(
                "the number of input_images", len(pictures), f"0 to {MAX_REFERENCES} pictures for each prompt"
            )
    return lists


def picture_count(prompts: int, num_images_per_prompt: int) -> int:
    """How many pictures a call draws.

    Raises:
        BadSetting: None, or more than 64.
    """
    if isinstance(num_images_per_prompt, bool) or not 1 <= num_images_per_prompt <= MAX_PICTURES:
        raise setting_out_of_range(
            "num_images_per_prompt", num_images_per_prompt, f"a whole number from 1 to {MAX_PICTURES}"
        )
    if prompts * num_images_per_prompt > MAX_PICTURES:
        raise setting_out_of_range("the number of pictures", prompts * num_images_per_prompt, f"up to {MAX_PICTURES}")
    return prompts * num_images_per_prompt


def _pictures(entry: Sequence[object] | None) -> list[Image.Image]:
    if entry is None:
        return []
    if not isinstance(entry, list | tuple):
        raise BadImage(f"an entry of input_images is {type(entry).__name__}; give lists of PIL pictures")
    pictures = [each for each in entry if isinstance(each, Image.Image)]
    if len(pictures) != len(entry):
        wrong = next(each for each in entry if not isinstance(each, Image.Image))
        raise BadImage(f"an input picture is {type(wrong).__name__} {wrong!r:.80}; open it as a PIL picture first")
    return pictures
