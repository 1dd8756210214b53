"""A gallery of real runs: tasks, their pictures, and what was found to hold of them, as a page with pictures.

python examples/gallery.py [folder]
"""

import sys
from pathlib import Path

from PIL import Image

from omniagent import Agent, Result

SIDE = 256
"""Pixels a side of the pictures on the page."""

CHAIN = (
    "a large blue square below three small red circles, white background",
    "make the square green",
    "add a yellow star in the middle",
)
"""A picture from words, and changes of what came before."""

ALONE = (
    "two green triangles to the left of an orange disc, grey background",
    "黑色背景上有两个橙色三角形",
    "four rings, all pink, and nothing else",
)


def pages_picture(picture: Image.Image) -> Image.Image:
    """A picture as large as the page shows it, with a thin frame."""
    framed = Image.new("RGB", (SIDE, SIDE), (150, 150, 150))
    framed.paste(picture.resize((SIDE - 2, SIDE - 2), Image.Resampling.LANCZOS), (1, 1))
    return framed


def strip(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side on white."""
    gap = SIDE // 16
    made = Image.new("RGB", (len(pictures) * (SIDE + gap) - gap, SIDE), "white")
    for at, picture in enumerate(pictures):
        made.paste(pages_picture(picture), (at * (SIDE + gap), 0))
    return made


def told(result: Result) -> str:
    """How a run ended, in a line."""
    held = 0 if result.critique is None else result.critique.passed
    pictures = len(result.attempts)
    return (
        f"{result.stop_reason}: {held} of {len(result.checklist)} requirements hold; "
        f"{pictures} picture{'s' if pictures != 1 else ''}, {result.usage.critic_calls} calls of the critic, seed 0"
    )


def make(folder: Path) -> None:
    """Run all tasks with the bundled checkpoint and write the page `gallery.md` with its pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Gallery",
        "",
        "Made by `python examples/gallery.py docs/gallery` with the bundled checkpoint: the picture that each run",
        "returned, none left out.",
        "",
    ]
    with Agent(runs_dir=folder / "runs") as agent:
        chain: list[Image.Image] = []
        for at, task in enumerate((*CHAIN, *ALONE)):
            given = chain[-1:] if 0 < at < len(CHAIN) else []
            result = agent.run(task, given)
            print(f"{task}: {told(result)}")
            if result.image is None:
                lines += [f"**{task}**", "", told(result), ""]
                continue
            if at < len(CHAIN):
                chain.append(result.image)
            name = f"{at + 1}.webp"
            pages_picture(result.image).save(folder / name, quality=90)
            of = " (of the picture before)" if given else ""
            lines += [f"**{task}**{of}", "", f"![{task}]({name})", "", told(result), ""]
            if result.plan is not None and result.plan.assumptions:
                lines += [f"Assumed: {'; '.join(result.plan.assumptions)}.", ""]
        strip(chain).save(folder / "strip.webp", quality=90)
    (folder / "gallery.md").write_text("\n".join(lines), encoding="utf-8")
    print(folder / "gallery.md", "and", folder / "strip.webp")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("gallery"))
