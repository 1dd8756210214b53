"""DreamBench: thirty subjects, twenty-five prompts each, measured by DINO and CLIP.

Source: DreamBooth (arXiv 2208.12242) and the folder `dataset` of google/dreambooth (CC-BY-4.0).
"""

import re
from pathlib import Path
from typing import Final

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.data.rows import safe_name
from omniagent.benchmarks.items import Item, check_keys
from omniagent.benchmarks.judgement import Judge, JudgeOptions
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut

PROMPTS_FILE: Final = "prompts_and_classes.txt"
LIVE: Final = ("cat", "dog")
"""Classes of the prompts for live subjects; all others are objects."""

_PROMPT: Final = re.compile(r"^\s*'(?P<words>[^']*\{1\}[^']*)'\.format\(")
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")


class DreamBench(Benchmark):
    """The usual three means. A subject's pictures are one cluster; the generator is given the first of them."""

    name = "dreambench"
    title = "DreamBench"
    source = "arXiv 2208.12242; github.com/google/dreambooth, dataset/"
    samples = 4
    items_in_full = 750
    columns = (
        Column("DINO", "DINO", digits=3, main=True),
        Column("CLIP-I", "CLIP-I", digits=3),
        Column("CLIP-T", "CLIP-T", digits=3),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        path = _prompts_file(data)
        classes, prompts = _read(path)
        found: list[Item] = []
        for subject, kind in classes.items():
            pictures = _pictures(path.parent / safe_name(subject, "the subject"))
            group = "live" if kind in LIVE else "object"
            for number, words in enumerate(prompts[group]):
                found.append(
                    Item(
                        key=f"{subject}/{number:02d}",
                        group=group,
                        # The word that stands for the subject belongs to trained methods; a reference stands for it.
                        prompt=" ".join(words.replace("{0}", "").replace("{1}", kind).split()),
                        images=(pictures[0],),
                        mode="compose",
                        cluster=subject,
                        facts={"subject": [str(each) for each in pictures]},
                    )
                )
        return check_keys(found, str(path))

    def files(self, data: Path) -> list[Path]:
        path = _prompts_file(data)
        return [path, *(each for subject in _read(path)[0] for each in _pictures(path.parent / subject))]

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}_{number}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        from omniagent.benchmarks.judges.likeness import SubjectLikeness

        return SubjectLikeness(options)


def _prompts_file(data: Path) -> Path:
    for path in (data / PROMPTS_FILE, data / "dataset" / PROMPTS_FILE):
        if path.is_file():
            return path
    raise BadSetting(f"{cut(str(data))} holds no {PROMPTS_FILE}; give a checkout of google/dreambooth, or its dataset")


def _read(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The class of each subject, and the prompts for objects and for live subjects."""
    classes: dict[str, str] = {}
    prompts: dict[str, list[str]] = {"object": [], "live": []}
    part = ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{cut(str(path))} cannot be read: {error}") from error
    for line in lines:
        heading = {"Classes": "classes", "Object Prompts": "object", "Live Subject Prompts": "live"}.get(line.strip())
        subject, comma, kind = line.strip().partition(",")
        if heading is not None:
            part = heading
        elif part == "classes" and comma and subject != "subject_name":
            classes[subject] = kind
        elif part in prompts and (match := _PROMPT.match(line)):
            prompts[part].append(match["words"])
    if not classes or not all(prompts.values()):
        raise BadSetting(f"{cut(str(path))} is not DreamBench's: it lists {len(classes)} subjects and {prompts}")
    return classes, prompts


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
    if not found:
        raise BadSetting(f"{cut(str(folder))} holds no pictures of the subject; give the whole dataset folder")
    return found
