"""A small mix of training records with its pictures."""

import json
from pathlib import Path

from PIL import Image

PROMPT = "a red field"


def write_mix(folder: Path) -> Path:
    """Three draws of a wide red picture to one edit of it into a tall blue one; the path of the mix."""
    Image.new("RGB", (48, 32), (200, 30, 30)).save(folder / "red.png")
    Image.new("RGB", (32, 48), (30, 30, 200)).save(folder / "blue.png")
    draw = {"task_type": "t2i", "instruction": PROMPT, "output_image": "red.png"}
    edit = {"task_type": "edit", "instruction": "make it blue", "input_images": ["red.png"], "output_image": "blue.png"}
    (folder / "draw.jsonl").write_text(json.dumps(draw))
    (folder / "edit.jsonl").write_text(json.dumps(edit))
    path = folder / "mix.yml"
    path.write_text("data:\n- {path: draw.jsonl, ratio: 3, type: t2i}\n- {path: edit.jsonl, ratio: 1, type: edit}\n")
    return path
