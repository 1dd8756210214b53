"""Small data sets in the exact formats of benchmarks, and agents and judges that know what comes of them."""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]
from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Identity, Judgement
from omniagent.benchmarks.running.draw import Drawing, Drawn
from omniagent.benchmarks.suites.geneval import METADATA_FILE, SHIPPED, TAGS
from omniagent.benchmarks.suites.omnicontext import TASKS, WORDING
from omniagent.model.errors import GenerationFailed
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import Drawn as Picture
from omniagent.model.scripted import ScriptedGenerator, Written
from omniagent.tools.record.files import write_whole
from tests.support.scripted_runs import by_picture, plan_draft, scripted_agent

SIDE = 32
UNDRAWN = "that cannot be drawn"


def png(colour: tuple[int, int, int]) -> bytes:
    """A small picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), colour).save(buffer, "PNG")
    return buffer.getvalue()


def omnicontext_rows(more: Sequence[tuple[str, str, str]] = ()) -> list[dict[str, Any]]:
    """An item `a` of each task, and more: (task, key, instruction)."""
    given = [(task, "a", f"quark a of {task}") for task in TASKS]
    return [
        {
            "key": key,
            "task_type": task,
            "instruction": words,
            "instruction_language": "en",
            "input_images": [{"bytes": png((200, 10 * number, 0)), "path": None}],
        }
        for number, (task, key, words) in enumerate([*given, *more])
    ]


def write_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as the hub has them."""
    path = folder / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table: Any = pa.Table.from_pylist(rows)  # pyright: ignore[reportUnknownMemberType]
    pq.write_table(table, path)  # pyright: ignore[reportUnknownMemberType]
    return folder


def write_geneval(folder: Path) -> list[str]:
    """A prompt of each of GenEval's tags, in its exact format; the tags in order."""
    lines = (SHIPPED / METADATA_FILE).read_text().splitlines()
    first = {json.loads(line)["tag"]: line for line in reversed(lines)}
    folder.mkdir(parents=True)
    (folder / METADATA_FILE).write_text("".join(f"{first[tag]}\n" for tag in TAGS))
    return list(TAGS)


def write_wording(folder: Path) -> Path:
    """A checkout with the constants of the official judge, in words of its own."""
    path = folder / "omnicontext" / "prompt_generator.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{name} = """<{name}>\n{"" if name.startswith("_context") else "Task: <instruction>"}"""' for name in WORDING
    ]
    path.write_text("raise SystemExit('no code of a checkout is run')\n" + "\n".join(lines) + "\n")
    return folder


def shade_of(instruction: str) -> int:
    """The red that the agent below draws for an instruction, 0 to 255."""
    return sum(instruction.encode()) % 256


def drawing_agent(runs: Path) -> Agent:
    """It reads every task as it stands, draws it in its own shade, and finds it right at once; one cannot be drawn."""

    def draw(request: GenerationRequest) -> Picture:
        if UNDRAWN in request.instruction:
            return GenerationFailed("the model produced no usable picture")
        return [Image.new("RGB", (SIDE, SIDE), (shade_of(request.instruction), 0, 0)) for _ in request.seeds]

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        said = next(part for part in reversed(prompt.parts) if isinstance(part, str) and part.strip())
        found = re.search(r"(quark \S+ of \w+|a photo of [\w ]+)", said)
        return plan_draft("generate", ("Is it as asked?",), found[1] if found else UNDRAWN)

    return scripted_agent(runs, by_picture((0.9,)), write, generator=ScriptedGenerator(draw))


def at_once(errand: Drawing, keys: list[str]) -> Iterator[Drawn]:
    """Draws without an agent: what the runner itself does, in a millisecond a picture."""
    for key in keys:
        sample = errand.samples[key]
        data = png((shade_of(sample.item.prompt), 0, sample.number))
        write_whole(errand.folder.pictures / sample.path, data)
        yield Drawn(key=key, outcome="drawn", sha256=sha256(data).hexdigest(), stop="accepted", pictures=1, calls=2)


class ShadeJudge:
    """A `Judge` that gives the red of a picture's first pixel as its score, from 0 to 1, in any part."""

    at_once = 1

    def __init__(self, part: str, right: Callable[[Look], bool] | None = None) -> None:
        self.part, self.right = part, right
        self.looks: list[str] = []

    @property
    def identity(self) -> Identity:
        return Identity(name="shade")

    def connect(self) -> None:
        """It is in this process."""

    def judge(self, look: Look) -> Judgement:
        self.looks.append(look.sample.key)
        with Image.open(look.picture) as picture:
            red = picture.convert("RGB").getpixel((0, 0))
        assert isinstance(red, tuple)
        value = red[0] / 255 if self.right is None else float(self.right(look))
        return Judgement(outcome="scored", scores={self.part: value}, reason=f"red is {red[0]}")

    def close(self) -> None:
        """It holds nothing."""
