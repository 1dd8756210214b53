"""GenEval's judge: what counts as right by its rules, and the ported detector on pictures of known things."""

import weakref
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import JsonValue
from skimage import data as samples
from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation
from typer.testing import CliRunner

from omniagent.benchmarks.items import Item, Look, Sample
from omniagent.benchmarks.judgement import JudgeOptions
from omniagent.benchmarks.judges.geneval import ColourReader, GenEvalJudge
from omniagent.benchmarks.judges.geneval_rules import COLOURS, Metadata, by_class, relations_of, ruled
from omniagent.cli import build_app
from omniagent.cli.options import ModelOptions
from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.perception.features import VisionFeatures
from omniagent.model.perception.instances import Instance, Mask2Former
from tests.omniagent.benchmarks import official
from tests.support.benchmark_data import write_geneval
from tests.support.tiny_perception import save_clip, save_dino, save_mask2former

SIDES = (64, 128)
NAMES = [f"thing {number}" for number in range(80)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    save_mask2former(folder / "detector")
    save_clip(folder / "clip")
    save_dino(folder / "dino")
    return folder


def thing(left: float, top: float, side: float = 10, confidence: float = 0.95, label: int = 0) -> Instance:
    mask = np.zeros((100, 100), np.bool_)
    mask[int(top) : int(top + side), int(left) : int(left + side)] = True
    return Instance(label, confidence, (left, top, left + side, top + side), mask)


def no_colours(name: str, things: object) -> list[str]:
    raise AssertionError("no colour was asked for")


def metadata(**fields: object) -> Metadata:
    return Metadata.model_validate({"tag": "x", "prompt": "p", **fields})


def test_a_count_is_a_least_and_what_is_excluded_sets_the_most():
    asked = metadata(tag="counting", include=[{"class": "cup", "count": 2}], exclude=[{"class": "cup", "count": 3}])
    results = [ruled(asked, {"cup": [thing(n, n) for n in range(number)]}, no_colours) for number in range(5)]
    assert [result.correct for result in results] == [False, False, True, False, False]
    assert results[1].reasons == ("expected cup>=2, found 1",)
    assert results[4].reasons == ("expected cup<3, found 4",)
    assert (asked.confidence, metadata().confidence) == (0.9, 0.3)


def test_only_the_surest_things_are_looked_at_for_their_colour():
    asked = metadata(include=[{"class": "cup", "count": 1, "color": "red"}])
    cups = [thing(0, 0, confidence=0.9), thing(50, 0, confidence=0.5)]

    def colours(name: str, things: object) -> list[str]:
        assert name == "cup" and things == cups[:1]
        return ["blue"]

    assert ruled(asked, {"cup": cups}, colours).reasons == ("expected red cup>=1, found 1 blue",)


@pytest.mark.parametrize(
    ("box", "relations"),
    [
        ((0, 45, 10, 55), {"left of"}),
        ((90, 45, 100, 55), {"right of"}),
        ((45, 0, 55, 10), {"above"}),
        ((10, 10, 20, 20), {"left of", "above"}),  # Each axis has 0.71 of the way.
        ((44, 45, 54, 55), set()),  # Nearer than a tenth of both sizes.
        ((40, 0, 50, 10), {"above"}),  # Hardly left of it.
    ],
)
def test_where_a_box_stands_is_told_by_centres_less_a_tenth_of_both_sizes(box: tuple[float, ...], relations: set[str]):
    assert relations_of(box, (45, 45, 55, 55)) == relations


def test_a_position_wants_its_target_found_and_every_thing_on_that_side():
    asked = metadata(include=[{"class": "dog", "count": 1}, {"class": "cup", "count": 2, "position": ["left of", 0]}])
    dog = [thing(80, 40)]
    assert ruled(asked, {"dog": dog, "cup": [thing(0, 40), thing(20, 40)]}, no_colours).correct
    wrong = ruled(asked, {"dog": dog, "cup": [thing(0, 40), thing(80, 0)]}, no_colours)
    assert wrong.reasons == ("expected cup left of target, found above target",)
    lost = ruled(asked, {"cup": [thing(0, 40), thing(20, 40)]}, no_colours)
    assert lost.reasons == ("expected dog>=1, found 0", "no target for cup to be left of")


def test_at_most_sixteen_things_of_a_class_are_kept_the_surest_first():
    found = by_class([thing(0, 0, confidence=n / 100, label=n % 2) for n in range(50)], ["cup", "dog"])
    assert [len(found[name]) for name in ("cup", "dog")] == [16, 16]
    assert [each.confidence for each in found["dog"][:2]] == [0.49, 0.47]


def test_colours_are_read_off_the_things_own_pixels_on_grey(weights: Path):
    clip = VisionFeatures(weights / "clip", framing="crop", device="cpu")
    reader = ColourReader(clip)
    picture = Image.new("RGB", (100, 100), "green")
    picture.paste("red", (20, 20, 60, 60))
    # What lies outside of the mask and the box does not change what is seen.
    other = Image.new("RGB", (100, 100), "yellow")
    other.paste("red", (20, 20, 60, 60))
    things = [thing(20, 20, 40), Instance(0, 0.9, (0.0, 0.0, 0.0, 0.0), np.zeros((100, 100), np.bool_))]
    colours = reader.colours(picture, "circle", things)
    assert colours == reader.colours(other, "circle", things)
    assert set(colours) <= set(COLOURS) and len(colours) == 2


@cache
def photographs() -> tuple[list[Image.Image], list[Image.Image]]:
    """Grounds, and what is pasted on them.

    scikit-image's own pictures: chelsea and coffee are CC0, the astronaut and the rocket public domain.
    """
    grounds = [Image.fromarray(each).resize((120, 96)) for each in (samples.astronaut(), samples.rocket())]
    return grounds, [Image.fromarray(each).resize((24, 18)) for each in (samples.chelsea(), samples.coffee())]


def rendered(number: int) -> tuple[Image.Image, int]:
    """A photograph with a known number of a cat's or a cup's pictures pasted into it."""
    grounds, things = photographs()
    ground, many = grounds[number % 2].copy(), number % 5
    for at in range(many):
        ground.paste(things[number // 2 % 2], (6 + 28 * (at % 4), 10 + 40 * (at // 4) + number % 7))
    return ground, many


def test_the_ported_detector_judges_forty_photographs_with_random_weights(weights: Path, tmp_path: Path):
    judge = GenEvalJudge(JudgeOptions(model=f"{weights / 'detector'},{weights / 'clip'}", device="cpu"), NAMES, SIDES)
    assert judge.identity.name == "mask2former-ported" and "not those of mmdetection" in judge.identity.differs[0]
    right: list[float] = []
    boxes = 0
    detector = Mask2Former(weights / "detector", sides=SIDES, device="cpu")
    sample, name = Sample(Item(key="none", prompt="p"), 0, "none"), ""
    for number in range(40):
        picture, many = rendered(number)
        file = tmp_path / f"{number}.png"
        picture.save(file)
        if number % 10 == 0:
            found = detector.instances(picture, above=0.3)
            name = NAMES[found[0].label]
            assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
            for each in found:
                left, top, right_side, bottom = each.box
                assert each.mask.shape == (96, 120) and 0.3 < each.confidence <= 1
                assert (0 <= left < right_side <= 120 and 0 <= top < bottom <= 96) or not each.mask.any()
        clause: dict[str, JsonValue] = {"class": name, "count": max(many, 1)}
        facts: dict[str, JsonValue] = {"tag": "counting" if many == 2 else "x", "prompt": "p", "include": [clause]}
        sample = Sample(Item(key=str(number), prompt="p", facts=facts), 0, file.name)
        said = judge.judge(Look(sample, file))
        sure = [line for line in said.evidence if line.startswith(f"{name} ")]
        assert said.outcome == "scored" and said.scores["correct"] == float(len(sure) >= max(many, 1))
        right.append(said.scores["correct"])
        boxes += len(said.evidence)
    assert 0 < sum(right) < 40 and boxes > 20, "random weights that find nothing, or all, would show nothing"
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG no picture")
    assert judge.judge(Look(sample, broken)).outcome == "unreadable"


def test_what_the_port_finds_is_what_transformers_own_reading_of_its_outputs_finds(weights: Path):
    picture = rendered(3)[0].resize((96, 96))
    mine = Mask2Former(weights / "detector", device="cpu").instances(picture, above=0.3)
    images = AutoImageProcessor.from_pretrained(weights / "detector", backend="pil")
    model = Mask2FormerForUniversalSegmentation.from_pretrained(weights / "detector").eval()
    with torch.inference_mode():
        out = model(**images(images=picture, return_tensors="pt"))
    (theirs,) = images.post_process_instance_segmentation(
        out, threshold=0.3, target_sizes=[picture.size], return_binary_maps=True
    )
    told = sorted((each["label_id"], each["score"]) for each in theirs["segments_info"])
    found = sorted((each.label, each.confidence) for each in mine)
    assert len(found) > 4 and [label for label, _ in found] == [label for label, _ in told]
    assert [score for _, score in found] == pytest.approx([score for _, score in told], abs=0.005)
    # They enlarge masks by way of 384 pixels, so single pixels at the edges differ.
    pixels = sorted(int(mask.sum()) for mask in theirs["segmentation"])
    assert sorted(int(each.mask.sum()) for each in mine) == pytest.approx(pixels, rel=0.02)


def test_other_weights_than_the_judge_needs_are_refused_by_name(weights: Path):
    with pytest.raises(BadSetting, match="knows 80 classes and GenEval has 2"):
        GenEvalJudge(JudgeOptions(model=f"{weights / 'detector'},{weights / 'clip'}", device="cpu"), ["cup", "dog"])
    with pytest.raises(BadSetting, match="parted by commas"):
        GenEvalJudge(JudgeOptions(model="only-one", device="cpu"), NAMES)
    with pytest.raises(BadCheckpoint, match="not a mask2former"):
        _ = Mask2Former(weights / "dino", device="cpu").labels


@pytest.mark.parametrize(("name", "models"), [("geneval", "detector,clip"), ("dreambench", "clip,dino")])
def test_a_judge_of_this_process_is_tried_before_the_drawing_and_its_models_are_gone_then(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, models: str
):
    opened: list[weakref.ref[object]] = []
    load = VisionFeatures.__init__

    def loaded(self: VisionFeatures, *names: Path, **options: object) -> None:
        opened.append(weakref.ref(self))
        load(self, *names, **options)  # pyright: ignore[reportArgumentType]

    def make(options: ModelOptions) -> object:
        assert opened and not any(each() for each in opened)
        raise BadSetting("no agent here")

    monkeypatch.setattr(VisionFeatures, "__init__", loaded)
    {"geneval": write_geneval, "dreambench": official.write_dreambench}[name](tmp_path / "data")
    words = ["bench", name, "all", "--data", tmp_path / "data", "--out", tmp_path / "out", "--device", "cpu"]
    words += ["--judge-model", ",".join(str(weights / each) for each in models.split(","))]
    outcome = CliRunner().invoke(build_app(), [str(word) for word in words], obj=make, prog_name="omniagent")
    assert outcome.exit_code == 2 and "no agent here" in outcome.stderr, outcome.output
