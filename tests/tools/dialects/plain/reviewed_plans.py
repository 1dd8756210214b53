"""Tasks whose checklists earlier readers spoiled: words, number of pictures, mode, and the questions to keep."""

from omniagent.tools.types import Mode

REVIEWED: tuple[tuple[str, int, Mode, tuple[str, ...]], ...] = (
    (
        "A kitchen in morning light: cat at the window; dog at the door; bowl at the door",
        0,
        "generate",
        ("Is there exactly 1 cat?", "Is there exactly 1 dog?", "Are there exactly 2 animals in total?"),
    ),
    (
        "Watercolour, evening: sailing boat at the horizon; lighthouse at the left; gull at the top",
        0,
        "generate",
        ("Is there exactly 1 boat?", "Is there exactly 1 bird?", "Are there exactly 2 things in total?"),
    ),
    (
        "put the dog (brown) from image 1 on the sofa of image 2",
        2,
        "compose",
        ("Is there a dog (small, left)?", "Is the dog on the sofa?", "Is there a sofa (grey, wide)?"),
    ),
)
