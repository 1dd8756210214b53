"""ImgEdit-Bench, the basic suite: nine types of edits, judged by a vision model on three scales of 1 to 5.

Source: ImgEdit (arXiv 2505.20275) and the folder `Benchmark/Basic` of PKU-YuanGroup/ImgEdit, which has no licence: the
judge's words are read from what the person names.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from omniagent.benchmarks.base import Benchmark, Column, HubData
from omniagent.benchmarks.data.rows import picture_of, read_rows, row_files, safe_name, words_of
from omniagent.benchmarks.items import Item, Look, check_keys
from omniagent.benchmarks.judgement import Identity, Judge, JudgeOptions
from omniagent.benchmarks.judges.asks import Ask, Read
from omniagent.benchmarks.judges.imgedit_words import TYPES, type_named, words_in
from omniagent.benchmarks.judges.pictures import given, opened
from omniagent.benchmarks.judges.vlm import VlmJudge
from omniagent.benchmarks.statistics import mean_of_strata
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, fault
from omniagent.tools.record.store import png_bytes

_LABELS: Final = {"compose": "hybrid"}
_FILE: Final = "*.json"
_LINE: Final = re.compile(r"\W*[A-Za-z][\w &/-]*: ?(\d+)(?:/5)?\W*")


class _Edit(BaseModel):
    """A value of the official JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    edit_type: str


_EDITS: Final = TypeAdapter(dict[str, _Edit])


class ImgEdit(Benchmark):
    """The headline is the unweighted mean of the nine types' means, as papers print it; that of all items is beside."""

    name = "imgedit"
    title = "ImgEdit-Bench (basic)"
    source = "arXiv 2505.20275; github.com/PKU-YuanGroup/ImgEdit, Benchmark/Basic"
    hub = HubData("kcz358/imgedit", ("*.parquet", "**/*.parquet"))
    items_in_full = 737
    needs_wording = "the official JSON of prompts by type, a folder that holds it, or lmms-eval's imgedit/prompt.py"
    columns = (
        *(Column(_LABELS.get(each, each), "score", group=each) for each in TYPES),
        Column("overall", "score", aggregate=mean_of_strata, main=True),
        Column("overall by items", "score"),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        return check_keys(_from_rows(data, work) if row_files(data) else _from_json(data), str(data))

    def files(self, data: Path) -> list[Path]:
        return row_files(data) or [_edits_file(data)]

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}{f'_{number}' if number else ''}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        words = words_in(options.wording, data)

        def asks(look: Look) -> Sequence[Ask]:
            item = look.sample.item
            files = png_bytes(given(item.images[0])), png_bytes(opened(look.picture))
            return (Ask("score", words.texts[item.group].replace("<edit_prompt>", item.prompt), files, kind="png"),)

        identity = Identity(name="vlm", settings={"wording": words.digest})
        return VlmJudge(identity, options, asks, mean_in, published="GPT-4o")


def mean_in(ask: Ask, answer: str) -> Read | None:
    """The mean, rounded to two places, of the numbers on lines such as `Prompt Compliance: 4`.

    None where there are none, or one is not 1 to 5. As the official script does, any number of such lines is taken.
    """
    found = [int(match[1]) for line in answer.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    if not found or not all(1 <= each <= 5 for each in found):
        return None
    return Read({ask.name: round(sum(found) / len(found), 2)}, answer.strip().splitlines()[0])


def _edits_file(data: Path) -> Path:
    found = [path for path in sorted(data.rglob(_FILE)) if path.name in ("basic_edit.json", "singleturn.json")]
    if not found:
        raise BadSetting(
            f"{cut(str(data))} holds neither basic_edit.json nor .parquet files; give the folder of ImgEdit-Bench's "
            "basic suite, with its pictures"
        )
    return found[0]


def _from_json(data: Path) -> list[Item]:
    path = _edits_file(data)
    try:
        edits = _EDITS.validate_python(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_each_once))
    except ValidationError as error:
        raise BadSetting(f"{cut(str(path))} is none of ImgEdit-Bench's: {fault(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadSetting(f"{cut(str(path))} cannot be read: {error}") from error
    homes = [path.parent, data, *sorted(each for each in path.parent.iterdir() if each.is_dir())]
    first = next(iter(edits.values())).id if edits else ""
    home = next((each for each in homes if first and (each / first).is_file()), None)
    if edits and home is None:
        raise BadSetting(
            f"{cut(str(data))} does not hold the picture {first}; give the folder with the original pictures"
        )
    return [
        _item(
            key,
            edit.edit_type,
            words_of(edit.prompt, "prompt", f"{cut(str(path))}, edit {key}"),
            picture_of(edit.id, home or data, data),
        )
        for key, edit in edits.items()
    ]


def _from_rows(data: Path, work: Path) -> list[Item]:
    return [
        _item(str(row["key"]), str(row["edit_type"]), row.words("prompt"), picture_of(row["image"], data, work))
        for row in read_rows(data, ("key", "edit_type", "prompt", "image"))
    ]


def _item(key: str, kind: str, prompt: str, picture: Path) -> Item:
    return Item(key=safe_name(key, "the key"), group=type_named(kind), prompt=prompt, images=(picture,), mode="edit")


def _each_once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it holds the key {twice!r} twice")
    return found
