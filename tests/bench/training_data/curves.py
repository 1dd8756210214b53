"""The bundled transformer trained on built records, and on the same ones from the direct renderer: both losses.

`python -m tests.bench.training_data.curves [SVG]` reads what `make data` built in `DATA`, and goes on where it was
ended; `STEPS` is 300 by default. Seed, order, times and noises are the same for both: the pictures alone differ.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from PIL import Image

from omniagent.config import bundled_checkpoint
from omniagent.data.inspection.lines import records_in
from omniagent.model.training.finetune import FinetuneSettings, finetune
from omniagent.shapes.perception.words import RuledDescriber
from omniagent.shapes.scene.render import render
from omniagent.shapes.videos.film import random_film
from tests.bench.training_data.truth import HOME, scene_at

STEPS: Final = int(os.environ.get("STEPS", "300"))
_BATCH: Final = 2
_WINDOW: Final = 100
"""Steps at the end whose mean loss is compared."""
_COLOURS: Final = ("#1f77b4", "#d62728")
_WIDE, _HIGH, _PAD = 560, 260, 40


def direct(built: Path, out: Path) -> Path:
    """The records of `video-edit` with their pictures from the renderer in place of the films; returns the mix."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    describer, lines = RuledDescriber(), list[str]()
    for number, placed in enumerate(records_in(built, ("train",))):
        line = placed.line
        assert line is not None, placed.problem
        told = line.model_extra or {}
        film = random_film(int(str(told["source"]).removeprefix("film-").removesuffix(".mp4")))
        names = (*line.inputs, line.output_image)
        pictures = [Image.fromarray(render(scene_at(film, told["times"][name])[1])) for name in names]
        paths = [f"images/{number:04}-{at}.png" for at in range(len(names))]
        for path, picture in zip(paths, pictures, strict=True):
            picture.save(out / path)
        words = describer.change(*pictures) or line.instruction
        record = {"task_type": "edit", "instruction": words, "input_images": paths[:-1], "output_image": paths[-1]}
        lines.append(json.dumps(record))
    (out / "records.jsonl").write_text("\n".join(lines) + "\n")
    (out / "mix.yml").write_text(json.dumps({"data": [{"path": "records.jsonl", "type": "edit", "ratio": 1}]}))
    return out / "mix.yml"


def losses(mix: Path, work: Path) -> list[tuple[int, float]]:
    """(step, loss) of a training of the bundled transformer; a work folder that was begun is gone on with."""
    settings = FinetuneSettings(
        data=mix, model=bundled_checkpoint(), out=work / "out", work=work / "work", steps=STEPS, batch=_BATCH,
        lr=1e-4, save_every=50,
    )  # fmt: skip
    for line in finetune(settings):
        print(work.name, line, file=sys.stderr, flush=True)
    log = (work / "work" / "log.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in log]
    # A training that was killed does the steps since its last save again.
    found = {int(line["step"]): float(line["loss"]) for line in told if "loss" in line}
    return sorted(found.items())


def drawn(curves: dict[str, list[tuple[int, float]]]) -> str:
    """Both curves as SVG, as far as they have come."""
    end = max(step for curve in curves.values() for step, _ in curve)
    top = max(loss for curve in curves.values() for _, loss in curve) * 1.05

    def at(step: int, loss: float) -> str:
        return f"{_PAD + step / end * (_WIDE - _PAD):.1f},{(_HIGH - _PAD) * (1 - loss / top):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" font-family="sans-serif" '
        f'font-size="11"><rect width="{_WIDE}" height="{_HIGH}" fill="white"/>'
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = (_HIGH - _PAD) * (1 - share)
        parts.append(f'<path d="M{_PAD} {y:.1f}H{_WIDE}" stroke="#ddd"/>')
        parts.append(f'<text x="2" y="{y + 11:.1f}">{top * share:.3f}</text>')
    for step in range(0, end + 1, max(end // 6 // 10 * 10, 10)):
        x = _PAD + step / end * (_WIDE - _PAD)
        parts.append(f'<text x="{x:.1f}" y="{_HIGH - _PAD + 14}" text-anchor="middle">{step}</text>')
    for number, (name, curve) in enumerate(curves.items()):
        points = " ".join(at(step, loss) for step, loss in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[number]}" stroke-width="1.5"/>')
        parts.append(f'<text x="{_PAD + 10}" y="{_HIGH - 14 + 12 * number}" fill="{_COLOURS[number]}">{name}</text>')
    return "".join(parts) + "</svg>\n"


def main(svg: str | None = None) -> Iterator[str]:
    """Lines of figures; the picture goes to `svg` where it is given."""
    mix = direct(HOME / "video-edit", HOME / "direct")
    curves = {
        "built records": losses(HOME / "video-edit" / "mix.yml", HOME / "trained" / "built"),
        "the same from the direct renderer": losses(mix, HOME / "trained" / "direct"),
    }
    means: list[float] = []
    for name, curve in curves.items():
        last = [loss for step, loss in curve if step > STEPS - _WINDOW]
        means.append(sum(last) / len(last))
        yield f"mean loss of the last {_WINDOW} steps, {name}: {means[-1]:.4f}"
    yield f"difference: {100 * (means[0] / means[1] - 1):+.1f} %"
    if svg is not None:
        Path(svg).write_text(drawn(curves))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for said in main(*sys.argv[1:]):
        print(said, flush=True)
