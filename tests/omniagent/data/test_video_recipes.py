"""Video recipes: against the truth of synthetic films, with real model classes, and on damaged videos."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from omniagent.data.build import build
from omniagent.data.models.roles import Role
from omniagent.data.recipe import load_recipe
from omniagent.model.perception.features import VisionFeatures
from omniagent.model.perception.filling import DiffusersFiller
from omniagent.model.perception.frames import read_frames, read_info
from omniagent.model.perception.masks import from_runs, overlap
from omniagent.model.perception.scenes import find_scenes
from omniagent.model.perception.tracks import Sam2Tracker
from omniagent.model.training.dataset import MixedDataset
from omniagent.shapes.perception.words import RuledDescriber
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import CANVAS, Item, Scene
from omniagent.shapes.videos.film import Clip, Film, random_film
from omniagent.shapes.videos.write import write_film, write_films
from tests.support.tiny_perception import save_clip, save_dinov2, save_flux_fill, save_sam2

RECIPES = ("in-context", "in-context-edit", "video-edit", "interleave")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_films(folder, 2)
    return folder


@pytest.fixture(scope="module")
def built(films: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The output folder of each recipe by rules."""
    home = tmp_path_factory.mktemp("built")
    for name in RECIPES:
        recipe = load_recipe(name, ["test_share=0"], "shapes")
        done = build(recipe, films, home / name, cache=home / "cache")
        assert done.set_aside == 0 and done.train > 0, name
    return {name: home / name for name in RECIPES}


def lines(out: Path, kind: str = "train") -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((out / kind).glob("*.jsonl")) for line in path.read_text().splitlines()]


def truth_at(films: Path, source: str, time: float) -> tuple[Clip, Scene]:
    """The clip and the scene of a film at a time."""
    number = round(time * 25)
    film = random_film(int(source.removeprefix("film-").removesuffix(".mp4")))
    for clip in film.clips:
        if number < len(clip.scenes):
            return clip, clip.scenes[number]
        number -= len(clip.scenes)
    raise AssertionError(f"{source} has no frame at {time}")


def box_of(item: Item) -> tuple[float, float, float, float]:
    pixels = render(Scene("white", (item,))).astype(np.int16)
    seen = np.abs(pixels - 250).max(axis=-1) > 60
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


@pytest.mark.slow
def test_every_cut_of_a_film_is_found_and_no_other(films: Path) -> None:
    for path in sorted(films.glob("*.mp4")):
        cuts = json.loads(path.with_suffix(".truth.json").read_text())["cuts"]
        assert [scene.first for scene in find_scenes(path)][1:] == cuts


@pytest.mark.slow
def test_the_target_of_an_in_context_record_is_an_untouched_frame(films: Path, built: dict[str, Path]) -> None:
    out = built["in-context"]
    for record in lines(out):
        frames = [
            frame.picture
            for frame in read_frames(films / record["source"], max_side=128)
            if abs(frame.time - record["times"][record["output_image"]]) < 0.01
        ]
        assert Image.open(out / record["output_image"]).tobytes() == frames[0].tobytes()
        assert record["task_type"] == "ic" and record["input_images"]


def test_subjects_and_their_boxes_and_masks_are_those_of_the_film(films: Path, built: dict[str, Path]) -> None:
    checked = 0
    for record in lines(built["in-context"]):
        for subject in record["subjects"]:
            _, scene = truth_at(films, record["source"], record["times"][subject["picture"]])
            own = [item for item in scene.items if _look(item) == subject["thing"]]
            assert len(own) == 1 and overlap(tuple(subject["box"]), box_of(own[0])) > 0.8
            mask = from_runs(subject["runs"], tuple(record["sizes"][subject["picture"]]))
            assert mask[int(own[0].y), int(own[0].x)] or own[0].shape == "ring"
            checked += 1
    assert checked > 8


def _look(item: Item) -> str:
    return " ".join(word for word in ("" if item.fill == "solid" else item.fill, item.colour, item.shape) if word)


def test_pairs_of_frames_come_from_local_changes_and_name_the_right_thing(films: Path, built: dict[str, Path]) -> None:
    for record in lines(built["video-edit"]):
        clip, scene = truth_at(films, record["source"], min(record["times"].values()))
        assert clip.event in ("move", "grow", "leave") and clip.target is not None
        assert _look(scene.items[clip.target]) in record["instruction"]


def test_an_in_context_edit_takes_the_thing_out_of_the_picture_to_edit(built: dict[str, Path]) -> None:
    out, rules = built["in-context-edit"], RuledDescriber()
    for record in lines(out):
        emptied, context = (Image.open(out / name) for name in record["input_images"])
        thing = record["subjects"][0]["thing"]
        pictures = (emptied, context, Image.open(out / record["output_image"]))
        seen = [rules.shows(picture, thing) > 0.5 for picture in pictures]
        assert seen == [False, True, True], record["instruction"]


def test_a_sequence_is_in_the_order_of_time_and_tells_each_step(built: dict[str, Path]) -> None:
    for record in lines(built["interleave"]):
        names = [*record["input_images"], record["output_image"]]
        times = [record["times"][name] for name in names]
        assert times == sorted(times) and len(record["steps"]) == len(names) - 1
        assert all(step in record["instruction"] for step in record["steps"])


def test_the_trainer_reads_every_recipe(built: dict[str, Path]) -> None:
    for out in built.values():
        data = MixedDataset(out / "mix.yml")
        data.check_pictures()
        assert len(data) == len(lines(out))


def test_each_decision_tells_its_value_and_threshold(built: dict[str, Path]) -> None:
    for out in built.values():
        for record in lines(out):
            assert record["scores"] and all(score["passed"] for score in record["scores"])
    dropped = [line for line in lines(built["video-edit"], "rejected") if line["scores"]]
    assert dropped and all(not all(score["passed"] for score in line["scores"]) for line in dropped)


def test_a_camera_that_pans_gives_no_edit(tmp_path: Path) -> None:
    items = tuple(
        Item(shape, colour, "solid", x, y, 14)
        for shape, colour, x, y in
        (("circle", "red", 30, 30), ("square", "blue", 60, 85), ("star", "green", 85, 40), ("circle", "pink", 25, 70))
    )  # fmt: skip
    scenes = tuple(
        Scene("white", tuple(Item(i.shape, i.colour, i.fill, i.x + 0.7 * t, i.y + 0.3 * t, i.radius) for i in items))
        for t in range(40)
    )
    write_film(Film((Clip("pan", None, scenes),)), tmp_path / "in" / "pan.mp4")
    assert build(load_recipe("video-edit", preset="shapes"), tmp_path / "in", tmp_path / "out").train == 0
    assert lines(tmp_path / "out", "rejected")


class Everything:
    """A box finder that finds what it is asked for in the middle."""

    name = "everything"

    def find(self, image: Image.Image, names: list[str]) -> tuple[Any, ...]:
        from omniagent.model.perception.boxes import Found

        width, height = image.size
        return tuple(Found(name, width / 4, height / 4, width * 0.7, height * 0.7, 0.9) for name in names)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, object]:
    """The real classes on tiny random weights, saved and loaded once for all recipes."""
    home = tmp_path_factory.mktemp("tiny")
    return {
        "describer": RuledDescriber(),
        "detector": Everything(),
        "tracker": Sam2Tracker(save_sam2(home / "sam2"), device="cpu"),
        "features": VisionFeatures(save_dinov2(home / "dino"), device="cpu"),
        "matcher": VisionFeatures(save_clip(home / "clip"), device="cpu"),
        "filler": DiffusersFiller(save_flux_fill(home / "fill"), steps=1, device="cpu"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_real_model_classes_run_a_whole_recipe_on_random_weights(
    tmp_path: Path, films: Path, tiny: dict[Role, object], name: str
) -> None:
    # Random masks and vectors: the windows are opened, so that each stage has something to do.
    open_windows = [
        f"{stage}.{setting}"
        for stage, settings in {
            "tracks": ["least_share=0", "most_share=1", "whole=false", "least_same=0", "least_features=-1"],
            "repaint": ["most_features=1", "least_features=-1", "most_whole=1", "least_change=0", "single=false",
                        "least_same=0", "least_sound=0", "seeds=1"],
            "match": ["most=1", "most_features=1", "least_features=-1", "least_same=0"],
            "empty": ["least_change=0", "most_left=1", "least_sound=0", "seeds=1"],
            "words": ["least_fits=0"],
            "subjects": ["most_overlap=1", "most=1"],
            "frame-pairs": ["least_features=-1", "most_features=1", "least_matcher=-1", "most_matcher=1"],
            "sequences": ["most_features=1"],
        }.items()
        if stage in {choice.stage for choice in load_recipe(name).stages}
        for setting in settings
    ]  # fmt: skip
    recipe = load_recipe(
        name, ["test_share=0", "clips.shortest=0.6", "frames.every=0.6", "frames.max_side=64", *open_windows]
    )
    done = build(recipe, films, tmp_path / "out", models=tiny, limit=1)
    assert done.set_aside == 0 and done.train + done.rejected > 0
    for record in lines(tmp_path / "out"):
        assert all((tmp_path / "out" / path).is_file() for path in (record["output_image"], *record["input_images"]))


def write(path: Path, frames: int, *, codec: str = "libx264", pixels: str = "yuv420p", **more: Any) -> Path:
    """A small video of noise-free colours; `rotation` in degrees, `times` for a variable rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height = more.get("size", (96, 64))
        stream.pix_fmt = pixels
        if "rotation" in more:
            stream.set_display_rotation(more["rotation"])
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(frames):
            picture = np.full((stream.height, stream.width, 3), (200, 30, 30), np.uint8)
            picture[: stream.height // 2] = (30, 30, 200)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = more["times"][number] if "times" in more else number * 40
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_damaged_and_foreign_files_are_set_aside_and_the_rest_goes_on(tmp_path: Path, films: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    whole = (films / "film-0000.mp4").read_bytes()
    (source / "a-cut.mp4").write_bytes(whole[: len(whole) // 2])
    (source / "b-empty.mp4").write_bytes(b"")
    (source / "c-text.mp4").write_text("these are words\n" * 50)
    with av.open(str(source / "d-sound.mp4"), "w") as container:
        stream: Any = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    write(source / "e-five.mp4", 5)
    (source / "f-good.mp4").write_bytes(whole)
    done = build(load_recipe("video-edit", ["test_share=0", "clips.least_side=16"], "shapes"), source, tmp_path / "out")
    aside = {line["source"]: line["message"] for line in lines(tmp_path / "out", "set-aside")}
    assert set(aside) == {"a-cut.mp4", "b-empty.mp4", "c-text.mp4", "d-sound.mp4"}
    assert "holds no pictures" in aside["d-sound.mp4"]
    assert done.train > 0 and {line["source"] for line in lines(tmp_path / "out")} == {"f-good.mp4"}


def test_a_turned_video_is_read_upright(tmp_path: Path) -> None:
    plain = next(read_frames(write(tmp_path / "plain.mp4", 3))).picture
    turned = next(read_frames(write(tmp_path / "turned.mp4", 3, rotation=90))).picture
    assert plain.size == (96, 64) and turned.size == (64, 96)
    assert read_info(tmp_path / "turned.mp4").width == 64
    # The blue upper half of the stored frames is turned against the clock, to the left.
    assert np.asarray(turned)[48, 8, 2] > 150 > np.asarray(turned)[48, 56, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write(path, 8, codec="libx264", pixels="yuv420p10le"),
        lambda path: write(path, 8, codec="mpeg4"),
        lambda path: write(path, 1, size=(7680, 4320), codec="mpeg4"),
    ],
    ids=["10 bits", "MPEG-4", "8K"],
)  # fmt: skip
def test_other_depths_codecs_and_sizes_are_read(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    frames = list(read_frames(make(tmp_path / "video.mp4"), max_side=96))
    assert frames and max(frames[0].picture.size) == 96
    assert np.abs(np.asarray(frames[0].picture)[-4, 4].astype(int) - (200, 30, 30)).max() < 30


def test_frames_of_a_variable_rate_are_taken_at_their_times(tmp_path: Path) -> None:
    times = [0, 40, 400, 440, 900, 1300]
    path = write(tmp_path / "variable.mkv", 6, times=times)
    assert [round(frame.time * 1000) for frame in read_frames(path)] == times
    assert [round(frame.time * 1000) for frame in read_frames(path, every=0.4)] == [0, 400, 900, 1300]


def test_a_canvas_and_the_frames_of_the_preset_are_of_one_size(built: dict[str, Path]) -> None:
    assert all(size == [CANVAS, CANVAS] for record in lines(built["video-edit"]) for size in record["sizes"].values())
