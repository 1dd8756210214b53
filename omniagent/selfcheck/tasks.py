"""The twenty tasks of a check, and what their plans must be."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

import omniagent
from omniagent.model.profile import GeneratorProfile
from omniagent.shapes.evaluation.suites import tasks_of
from omniagent.tools.types import Mode

COUNT: Final = 20
_PHOTOS: Final = Path(omniagent.__file__).parent / "calibration" / "photos"


class CheckTask(NamedTuple):
    """One task.

    Attributes:
        name: Its short name; the folder of its run.
        kind: What it is about: text, counts, attributes, edit, references, question or Chinese.
        words: What is asked.
        mode: How it must be read.
        pictures: Makes the given pictures.
        keeps: Words that instruction or checklist must still say; of several forms with bars between them, one.
        answer: Words of which the answer must hold one, for questions.
    """

    name: str
    kind: str
    words: str
    mode: Mode
    pictures: Callable[[], list[Image.Image]] = list
    keeps: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()


def tasks_for(profile: GeneratorProfile) -> tuple[CheckTask, ...]:
    """The tasks that a generator can draw: of everything, or those of its own domain.

    A generator of one domain gets its profile's examples, and where that is the world of shapes, tasks of that world.
    """
    if profile.domain is None:
        return general_tasks()
    examples = tuple(
        CheckTask(f"{number:02d}-example", "text to image", words, "generate")
        for number, words in enumerate(profile.examples, start=1)
    )
    return (*examples, *_shapes_tasks(len(examples))) if profile.name == "shapes" else examples


def general_tasks() -> tuple[CheckTask, ...]:
    """Eight pictures from words, six edits, three compositions, two questions, and one task in Chinese."""

    def photos(*names: str) -> Callable[[], list[Image.Image]]:
        return lambda: [_photo(name) for name in names]

    told: Sequence[tuple[str, str, Mode, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = (
        ("text", 'A poster that says "BLUE NOTE" above a saxophone', "generate", (), ("blue note",), ()),
        ("text", 'A wooden shop sign with the words "FRESH BREAD"', "generate", (), ("fresh bread",), ()),
        ("counts", "Five red apples in a row on a wooden table", "generate", (), ("five|5", "red"), ()),
        ("counts", "Three yellow cups and two blue plates on a shelf", "generate", (), ("three|3", "two|2"), ()),
        (
            "attributes",
            "A man with a yellow hat beside a woman with a green coat",
            "generate",
            (),
            ("yellow", "green"),
            (),
        ),
        ("relation", "A black cat under a white chair in an empty room", "generate", (), ("black", "white"), ()),
        ("style", "A lighthouse at dusk as a travel poster of the 1930s", "generate", (), ("lighthouse",), ()),
        (
            "long",
            "A quiet library with tall windows, two leather chairs at a round table, a globe on the table, a sleeping "
            "dog on the carpet, and rain outside",
            "generate",
            (),
            ("two|2", "globe", "dog", "rain"),
            (),
        ),
        ("edit", "Make the cup red", "edit", ("coffee",), ("cup", "red"), ()),
        ("edit", "Give the cat a blue collar", "edit", ("cat",), ("blue", "collar"), ()),
        ("edit", "Turn this photo into a pencil sketch", "edit", ("rocket",), ("sketch",), ()),
        ("edit", "Replace the background with a snowy forest", "edit", ("horse",), ("snow",), ()),
        ("edit", "Remove the spoon", "edit", ("coffee",), ("spoon",), ()),
        ("edit", "Could you make the sky orange?", "edit", ("pagoda",), ("sky", "orange"), ()),
        (
            "references",
            "Put the cat from image 2 beside the cup in image 1",
            "compose",
            ("coffee", "cat"),
            ("cat",),
            (),
        ),
        (
            "references",
            "The raccoon from image 1 and the cat from image 2 sit on a beach",
            "compose",
            ("raccoon", "cat"),
            ("raccoon", "cat", "beach"),
            (),
        ),
        ("references", "Image 1 in the style of image 2", "compose", ("rocket", "pagoda"), ("style",), ()),
        ("question", "What animal is in this picture?", "answer", ("cat",), (), ("cat", "kitten", "feline", "猫")),
        ("question", "What is in the cup?", "answer", ("coffee",), (), ("coffee", "espresso", "cappuccino", "咖啡")),
        ("Chinese", "一只戴红帽子的黑猫坐在椅子上", "generate", (), ("red|红", "black|黑"), ()),
    )
    return tuple(
        CheckTask(f"{number:02d}-{kind.lower()}", kind, words, mode, photos(*names), keeps, answer)
        for number, (kind, words, mode, names, keeps, answer) in enumerate(told, start=1)
    )


def _photo(name: str) -> Image.Image:
    with Image.open(_PHOTOS / f"{name}.webp") as photo:
        return photo.convert("RGB")


def _shapes_tasks(first: int) -> tuple[CheckTask, ...]:
    """Tasks of the world of shapes, with the pictures that they are about."""
    shares: Sequence[tuple[str, str, Mode, int]] = (
        ("draw", "counts", "generate", COUNT - first - 12),
        ("edit", "edit", "edit", 6),
        ("reference", "references", "compose", 3),
        ("questions", "question", "answer", 2),
        ("chinese-said", "Chinese", "generate", 1),
    )
    made: list[CheckTask] = []
    for suite, kind, mode, count in shares:
        for task in tasks_of(suite, limit=count) if count > 0 else ():
            pictures = [Image.fromarray(pixels) for pixels in task.images]
            made.append(
                CheckTask(
                    f"{first + len(made) + 1:02d}-{kind.lower()}",
                    kind,
                    task.instruction,
                    mode,
                    pictures.copy,
                    answer=() if task.answer is None else (task.answer,),
                )
            )
    return tuple(made)
