"""Small data sets in the official formats of benchmarks, with words that tell a scripted judge what to answer."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
from PIL import Image

COLOURS = ("black", "red", "green", "blue", "gray", "yellow")


def picture(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def held(colour: str) -> dict[str, Any]:
    """A picture as the hub's Parquet files hold it."""
    return {"bytes": picture(colour), "path": f"{colour}.png"}


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.Table.from_pylist(rows), path)


def write_geneval2(folder: Path) -> None:
    """Eight prompts of three and four atoms."""
    folder.mkdir()
    lines = [
        {
            "prompt": f"{word} white bicycles near cow {number}",
            "atom_count": 3 + number % 2,
            "vqa_list": [
                ["How many bicycles are in the image?", word],
                ["Are the bicycles white?", "Yes"],
                [f"Is cow {number} in the image?", "Yes"],
            ],
            "skills": ["count", "attribute", "object"],
        }
        for number, word in enumerate(("two", "four") * 4)
    ]
    (folder / "geneval2_data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


DPG_COLUMNS = (
    "item_id", "text", "keywords", "proposition_id", "dependency", "category_broad", "category_detailed", "tuple",
    "question_natural_language",
)  # fmt: skip
DPG_ROWS = (
    ("partiprompts97", 1, "0", "entity - whole (dog)", "Is there a dog?"),
    ("partiprompts97", 2, "1", "attribute - color (dog, red)", "Is the dog red?"),
    ("partiprompts97", 3, "1,2", "relation - spatial (dog, left)", "Is the red dog left?"),
    ("COCOval2014_7", 1, "0", "entity - whole (cup)", "Is there a cup?"),
    ("COCOval2014_7", 2, "1", "attribute - color (cup, red)", "Is the cup red?"),
    ("0", 1, "0", "global - (photo)", "Is it a photo?"),
    ("0", 2, "0", "other - count (two)", "Are there two?"),
)


def write_dpg(folder: Path) -> None:
    """Three prompts with seven questions, as a checkout of the repository holds them."""
    home = folder / "dpg_bench"
    (home / "prompts").mkdir(parents=True)
    (home / "prompts" / "0.txt").write_text("The long words of prompt 0.\n")
    with (home / "dpg_bench.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(DPG_COLUMNS)
        for name, number, parents, tuple_, question in DPG_ROWS:
            writer.writerow([name, f"text of {name}, long", "", number, parents, "", "", tuple_, question])


IMGEDIT_SCORES = (
    ("add", "5 4 3"), ("add", "3 3 3"), ("add", "1 1 1"), ("alter", "2 2 1"), ("extract", "1 2 1"),
    ("replace", "4 4 4"), ("remove", "3 2 2"), ("background", "5 5 5"), ("style", "5 5 4"), ("compose", "2 1 1"),
    ("action", "5 5 5"), ("action", "sorry"), ("style", "prose"),
)  # fmt: skip


def write_imgedit(folder: Path) -> None:
    """Thirteen edits of all nine types, one of them by the name of the first version, and pictures in a folder."""
    edits: dict[str, Any] = {}
    for number, (kind, scores) in enumerate(IMGEDIT_SCORES):
        file = folder / "original_images" / kind / f"{number:09d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(COLOURS[number % 6]))
        edits[str(1000 - number)] = {"id": f"{kind}/{file.name}", "prompt": f"Do it: <{scores}>", "edit_type": kind}
    (folder / "basic_edit.json").write_text(json.dumps(edits, indent=4))


def write_imgedit_words(path: Path) -> None:
    """Words for each type, in the form of the official file."""
    types = ("replace", "add", "adjust", "remove", "style", "action", "extract", "background", "compose")
    path.write_text(
        json.dumps({kind: f"\nGrade this {kind}.\nediting instruction is : <edit_prompt>.\n" for kind in types})
    )


GEDIT_ROWS = (
    ("color_alter", "en", "8 6", "7 9", True), ("color_alter", "en", "4 10", "9 9", False),
    ("subject-add", "en", "10 10", "10 10", True), ("subject-add", "en", "0 5", "4 4", False),
    ("text_change", "en", "9 9", "4 4", True), ("color_alter", "cn", "5 5", "5 5", True),
    ("subject-add", "cn", "2 8", "8 8", True), ("text_change", "cn", "sorry", "1 1", True),
)  # fmt: skip


def write_gedit(folder: Path) -> None:
    """Eight rows in two languages, three of the eleven groups, one of which the judge will not answer."""
    rows = [
        {
            "task_type": group,
            "key": f"{number:032x}",
            "instruction": f"edit <{consistency}> [{quality}]",
            "instruction_language": language,
            "input_image": held(COLOURS[number % 6]),
            "input_image_raw": held(COLOURS[number % 6]),
            "Intersection_exist": both,
        }
        for number, (group, language, consistency, quality, both) in enumerate(GEDIT_ROWS)
    ]
    write_parquet(folder / "data" / "train-00000-of-00001.parquet", rows)


def write_emu_edit(folder: Path) -> None:
    """Seven rows of the test split, two of them with captions that are the same, and one of the other split."""
    rows = [
        {
            "instruction": f"make it white {number}",
            "image": held("black" if number % 2 else "red"),
            "task": ("background", "global", "style", "remove", "add", "local", "texture")[number],
            "split": "test",
            "idx": number,
            "hash": f"{number:016x}",
            "input_caption": "a red circle",
            "output_caption": "a red circle" if number > 4 else "a blue square",
        }
        for number in range(7)
    ]
    write_parquet(folder / "data" / "test-00000-of-00001.parquet", rows)
    write_parquet(folder / "data" / "validation-00000-of-00001.parquet", [rows[0] | {"split": "validation"}])


DREAMBENCH = """Classes

subject_name,class
backpack_dog,square
dog2,dog

Prompts

Object Prompts

prompt_list = [
'a {0} {1} in the jungle'.format(unique_token, class_token),
'a red {0} {1}'.format(unique_token, class_token),
'a {0} {1} on top of a white rug'.format(unique_token, class_token)
]

Live Subject Prompts

prompt_list = [
'a {0} {1} in the jungle'.format(unique_token, class_token),
'a {0} {1} wearing a red hat'.format(unique_token, class_token),
'a purple {0} {1}'.format(unique_token, class_token)
]
"""


def write_dreambench(folder: Path) -> None:
    """Two subjects, one of them live, of two and three pictures, and three prompts each."""
    home = folder / "dataset"
    for subject, colours in (("backpack_dog", ("red", "blue")), ("dog2", ("gray", "black", "green"))):
        (home / subject).mkdir(parents=True)
        for number, colour in enumerate(colours):
            (home / subject / f"{number:02d}.jpg").write_bytes(picture(colour))
    (home / "prompts_and_classes.txt").write_text(DREAMBENCH)
