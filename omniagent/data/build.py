"""A build: the items of a folder through a recipe, in one process, to files that the trainer reads."""

import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from omniagent.data.ledger import Ledger
from omniagent.data.pipeline import Pipeline
from omniagent.data.recipe import Recipe
from omniagent.data.records import SetAside
from omniagent.data.stage import Place
from omniagent.model.errors import BadSetting
from omniagent.runs.folder import owned
from omniagent.tools.record.files import write_whole, writing
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Word

KINDS = ("train", "test", "rejected", "set-aside")
MIX = {"data": [{"path": "train", "type": "reflection", "ratio": 1}]}


class Built(Word):
    """How many items were worked on, and how many lines of each kind they gave; duplicates are not written."""

    items: int
    train: int
    test: int
    rejected: int
    set_aside: int
    duplicates: int


def build(
    recipe: Recipe,
    source: Path,
    out: Path,
    *,
    shard: tuple[int, int] = (1, 1),
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Built:
    """Build records into `out`; run again to go on. Output files are replaced whole at the end.

    Args:
        recipe: What to do.
        source: Folder of the items.
        out: Gets `mix.yml`, `images/`, `ledger/` and one file a shard in `train/`, `test/`, `rejected/`, `set-aside/`.
        shard: Number i of n: every n-th item, beginning with the i-th; counted from 1.
        limit: At most so many items of the shard.
        tell: Told each finished item in one line.

    Raises:
        BadSetting: the recipe, the shard or the source is wrong.
        StorageFull, OutputUnwritable: `out` cannot be written, or another build of this shard is at work in it.
    """
    number, shards = shard
    if not 1 <= number <= shards:
        raise BadSetting(f"shard={number}/{shards} is not allowed; give i/n with i from 1 to n")
    if not source.is_dir():
        raise BadSetting(f"the input folder {source} does not exist; give the folder that holds the items")
    pipeline, place, ledger = Pipeline(recipe), Place(source, ImageStore(out / "images")), Ledger(out / "ledger")
    name = f"{number}-of-{shards}"
    counts: Counter[str] = Counter()
    seen: set[tuple[str, str, str]] = set()
    with owned(out / "locks" / name), writing(out), ExitStack() as stack:
        files = {kind: stack.enter_context(_opened(out / kind / f".{name}.part")) for kind in KINDS}

        def add(kind: str, line: Word) -> None:
            files[kind].write(json.dumps(line.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n")
            counts[kind] += 1

        for item in islice(pipeline.items(source), number - 1, None if limit is None else limit * shards, shards):
            given = pipeline.work(item, place, ledger)
            counts["items"] += 1
            if isinstance(given, SetAside):
                add("set-aside", given)
                tell(f"{item.id}: set aside by {given.stage}: {given.message}")
                continue
            for record in given.records:
                mark = (record.task_type, record.instruction, record.output_image)
                if mark in seen:
                    counts["duplicates"] += 1
                else:
                    seen.add(mark)
                    add(record.split, record)
            for rejected in given.rejected:
                add("rejected", rejected)
            tell(f"{item.id}: {len(given.records)} records, {len(given.rejected)} rejected")
        for kind, file in files.items():
            file.flush()
            os.fsync(file.fileno())
            (out / kind / f".{name}.part").replace(out / kind / f"{name}.jsonl")
        write_whole(out / "mix.yml", json.dumps(MIX).encode())
    return Built(
        items=counts["items"],
        train=counts["train"],
        test=counts["test"],
        rejected=counts["rejected"],
        set_aside=counts["set-aside"],
        duplicates=counts["duplicates"],
    )


def _opened(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
