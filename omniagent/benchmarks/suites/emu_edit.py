"""Emu-Edit's test set: edits of MagicBrush's photographs, measured by CLIP and DINO.

Source: Emu Edit (arXiv 2311.10089), `facebook/emu_edit_test_set` (CC-BY-NC-4.0, not shipped).
"""

from pathlib import Path
from typing import Final

from omniagent.benchmarks.base import Benchmark, Column, HubData
from omniagent.benchmarks.data.rows import picture_of, read_rows, row_files, safe_name
from omniagent.benchmarks.items import Item, check_keys
from omniagent.benchmarks.judgement import Judge, JudgeOptions

_NUMBERS: Final = ("CLIP-I", "CLIP-Out", "DINO", "CLIP-dir", "L1")


class EmuEdit(Benchmark):
    """The headline is CLIP-Out; the others but CLIP-dir are best where nothing is edited.

    Rows whose two captions are the same tell nothing of an edit: totals are given without them, as OmniGen2's authors
    measured, and of all rows.
    """

    name = "emu-edit"
    title = "Emu-Edit test set"
    source = "arXiv 2311.10089; facebook/emu_edit_test_set"
    hub = HubData("facebook/emu_edit_test_set", ("*.parquet", "**/*.parquet"))
    items_in_full = 3589
    columns = (
        *(Column(name, name, digits=3, main=name == "CLIP-Out") for name in _NUMBERS),
        *(Column(f"{name}, all rows", f"{name}, all rows", digits=3) for name in _NUMBERS),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        needed = ("idx", "instruction", "image", "task", "input_caption", "output_caption")
        found: list[Item] = []
        times: dict[str, int] = {}
        for row in read_rows(data, needed, "test"):
            if row.get("split", "test") != "test":
                continue
            idx = safe_name(str(row["idx"]), "the idx")
            times[idx] = times.get(idx, 0) + 1
            found.append(
                Item(
                    # Numbers are not promised to be unique; the second row of one is told apart by its turn.
                    key=idx if times[idx] == 1 else f"{idx}-{times[idx]}",
                    group=str(row["task"]),
                    prompt=row.words("instruction"),
                    images=(picture_of(row["image"], data, work),),
                    mode="edit",
                    facts={name: str(row[name] or "") for name in ("input_caption", "output_caption")},
                )
            )
        return check_keys(found, str(data))

    def files(self, data: Path) -> list[Path]:
        return row_files(data, "test")

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}{f'_{number}' if number else ''}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        from omniagent.benchmarks.judges.likeness import EditLikeness

        return EditLikeness(options)
