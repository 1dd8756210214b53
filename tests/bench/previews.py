"""What previews cost the bundled model: processor time of one thread, beside that of a denoising step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from omniagent.config import bundled_checkpoint
from omniagent.model.loading import load_generator
from omniagent.model.requests import GenerationRequest
from omniagent.tools.record.progress import Progress
from omniagent.tools.record.trace import Trace
from tests.bench.timing import seconds


def compare() -> Iterator[tuple[str, float, str]]:
    """A step, a preview in its event, the share of it at each step, and the measuring of the VAE before the first."""
    generator = load_generator(bundled_checkpoint())
    batch = generator.start([(generator.prepare(GenerationRequest(instruction="a red circle")), 0)])
    batch.step()
    yield "preview_fit", seconds(batch.previews)[0], "s, once"
    steps, looks = list[float](), list[float]()
    with TemporaryDirectory() as folder:
        trace = Trace(Path(folder) / "trace.jsonl", "bench")
        while not batch.done:
            steps.append(seconds(batch.step)[0])
            progress = Progress(trace, "generate", previews=True)
            looks.append(seconds(lambda progress=progress: (progress.look(batch.previews), progress(1, 1)))[0])
    yield "preview_step", median(steps), "s"
    yield "preview_cost", median(looks), "s"
    yield "preview_share", 100 * median(looks) / median(steps), "% of a step"
