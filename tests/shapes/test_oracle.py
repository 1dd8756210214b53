"""The oracle: it reads what was drawn, through the usual disturbances, and does not pretend to read the rest."""

import ast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from omniagent.shapes.evaluation.oracle_report import all_together, main, measure, truth_of
from omniagent.shapes.oracle.judge import judge, read, right
from omniagent.shapes.scene.reading import Reading, Unreadable
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, SHAPES, Item, Scene
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from tests.support.paths import ROOT

Picture = npt.NDArray[np.uint8]


def objects_of(picture: Picture) -> Reading:
    reading = read(picture)
    assert isinstance(reading, Reading), reading
    return reading


def polygon(
    corners: list[tuple[float, float]], colour: tuple[int, int, int], background: tuple[int, int, int] = (250, 250, 250)
) -> Picture:
    """An anti-aliased polygon; corners in pixels of the 128×128 canvas."""
    image = Image.new("RGB", (512, 512), background)
    ImageDraw.Draw(image).polygon([(4 * x, 4 * y) for x, y in corners], fill=colour)
    return np.asarray(image.resize((128, 128), Image.Resampling.BOX))


def diamond(reach: float, colour: tuple[int, int, int]) -> Picture:
    return polygon([(64, 64 - reach), (64 + reach, 64), (64, 64 + reach), (64 - reach, 64)], colour)


@pytest.mark.slow
@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_fill_and_colour_is_read(shape: str, background: str):
    colours = list(COLOURS)
    for start in range(0, len(colours), 2):
        spots = [(24, 22, 9), (70, 28, 12.5), (24, 78, 20), (74, 84, 22)]
        kinds = [(colours[start + k % 2], FILLS[(start + k + k // 2) % 3]) for k in range(4)]
        items = tuple(
            Item(shape, colour, fill, x, y, r, (start, k))
            for k, ((colour, fill), (x, y, r)) in enumerate(zip(kinds, spots, strict=True))
        )
        scene = Scene(background, items)
        reading, truth = objects_of(render(scene)), truth_of(scene)
        assert reading.background == background
        assert [one.kind for one in reading.objects] == [one.kind for one in truth.objects]
        for seen, true in zip(reading.objects, truth.objects, strict=True):
            assert (seen.x, seen.y) == pytest.approx((true.x, true.y), abs=1)
            assert seen.radius == pytest.approx(true.radius, abs=0.8)
            assert seen.size == true.size


@pytest.mark.slow
def test_disturbed_pictures_are_judged_as_the_scenes_they_show():
    errors = measure(all_together, 20, seed=1)
    assert errors.requirements > 150
    assert errors.wrong <= 2, errors.seen


def test_the_report_prints_a_row_for_each_disturbance(capsys: pytest.CaptureFixture[str]):
    code = main(["--scenes", "2", "--seed", "4"])
    lines = capsys.readouterr().out.strip().splitlines()
    assert code == 0
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "as rendered",
        "JPEG 60–90",
        "blur 1 px",
        "colour ±6",
        "all three",
    ]


def test_an_object_in_a_ring_is_read_as_inside_it():
    for colour, background in (("red", "gray"), ("yellow", "white"), ("purple", "black")):
        scene = Scene(
            background, (Item("ring", "cyan", "striped", 60, 70, 21), Item("circle", colour, "solid", 60, 70, 9))
        )
        wanted = Wanted(
            groups=(Group(colour=colour, shape="circle"), Group(colour="cyan", shape="ring")),
            relations=(Relation(first=0, name="inside", second=1),),
            total=2,
        )
        assert right(judge(render(scene), wanted))


def test_neighbours_three_pixels_apart_stay_two_objects():
    items = (Item("circle", "pink", "solid", 40, 64, 12), Item("circle", "pink", "solid", 67, 64, 12))
    assert len(objects_of(render(Scene("gray", items))).objects) == 2


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("bands", ["x+y", "x-y"])
def test_bands_of_other_programs_are_stripes_too(background: str, bands: str):
    y, x = np.mgrid[0:128, 0:128]
    along = (x + y if bands == "x+y" else x - y) % 6
    picture = np.empty((128, 128, 3), dtype=np.uint8)
    picture[:] = BACKGROUNDS[background]
    disc = np.hypot(x - 64, y - 64) < 15
    purple = np.asarray(COLOURS["purple"])
    picture[disc & (along < 3)] = purple
    picture[disc & (along >= 3)] = purple // 2
    assert [one.kind for one in objects_of(picture).objects] == [("striped", "purple", "circle")]


@pytest.mark.parametrize(
    ("one", "other"), [("red", "orange"), ("orange", "yellow"), ("cyan", "blue"), ("purple", "pink"), ("pink", "red")]
)
def test_a_colour_half_way_between_two_names_has_none(one: str, other: str):
    half = np.mean([COLOURS[one], COLOURS[other]], axis=0).astype(int)
    square: list[tuple[float, float]] = [(50, 50), (78, 50), (78, 78), (50, 78)]
    found = objects_of(polygon(square, (int(half[0]), int(half[1]), int(half[2]))))
    assert [seen.colour for seen in found.objects] == ["unknown"]
    assert [seen.colour for seen in objects_of(polygon(square, COLOURS[one])).objects] == [one]


@pytest.mark.parametrize("paint", [(0, 0, 0), (90, 90, 90)])
def test_paint_without_colour_has_no_colour_name(paint: tuple[int, int, int]):
    assert [one.colour for one in objects_of(diamond(20, paint)).objects] == ["unknown"]


def test_a_figure_outside_the_world_has_no_shape_name():
    red = COLOURS["red"]
    bar = polygon([(40, 58), (88, 58), (88, 70), (40, 70)], red)
    upside_down = polygon([(64, 84), (44, 46), (84, 46)], red)
    assert [objects_of(p).objects[0].shape for p in (diamond(22, red), bar, upside_down)] == ["unknown"] * 3


def test_specks_are_no_objects_but_blots_are():
    picture = render(Scene("white", (Item("star", "green", "solid", 40, 40, 20),)))
    picture[100:103, 100:104] = (200, 60, 60)
    picture[90:96, 20:26] = (225, 230, 235)
    assert len(objects_of(picture).objects) == 1
    picture[98:106, 98:106] = (200, 60, 60)
    assert len(objects_of(picture).objects) == 2


def test_wavy_edges_and_soft_grain_do_not_hide_an_object():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:128, 0:128] + 0.5
    angle = np.arctan2(y - 64, x - 64)
    distance = np.hypot(x - 64, y - 64) - 20 - 0.8 * np.sin(7 * angle)
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    paint = np.asarray(COLOURS["blue"]) + rng.normal(0, 8, (128, 128, 1))
    picture = np.clip((1 - cover) * 250 + cover * paint, 0, 255).astype(np.uint8)
    assert [one.kind for one in objects_of(picture).objects] == [("solid", "blue", "circle")]


def test_a_picture_without_a_flat_background_is_unreadable():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    green = np.full((128, 128, 3), (40, 160, 70), dtype=np.uint8)
    for picture in (noise, green):
        assert isinstance(read(picture), Unreadable)
        assert not any(one.holds for one in judge(picture, Wanted(groups=(Group(count=0, shape="star"),), total=0)))


def test_an_empty_background_is_a_scene_without_objects():
    assert objects_of(render(Scene("gray", ()))) == Reading(background="gray")


def test_other_sizes_are_read_as_if_they_had_128_pixels():
    scene = Scene("black", (Item("triangle", "orange", "dotted", 50, 70, 20),))
    large = np.asarray(Image.fromarray(render(scene)).resize((256, 256), Image.Resampling.BICUBIC))
    seen = objects_of(large).objects[0]
    assert seen.kind == ("dotted", "orange", "triangle")
    assert (seen.x, seen.y, seen.radius) == pytest.approx((50, 70, 20), abs=1)


@pytest.mark.parametrize("shape", [(128, 128), (128, 128, 4)])
def test_an_array_that_is_no_rgb_picture_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="uint8"):
        read(np.zeros(shape, dtype=np.uint8))
    with pytest.raises(ValueError, match="float32"):
        read(np.zeros((128, 128, 3), dtype=np.float32))  # pyright: ignore[reportArgumentType]


def test_nothing_that_runs_inside_the_agent_knows_the_oracle():
    outside = {"shapes", "evals", "__pycache__"}
    measuring = {ROOT / "omniagent" / name for name in ("calibration", "benchmarks")}
    sources = [
        path
        for folder in ("model", "tools", "graphs", "demo", "omniagent")
        for path in (ROOT / folder).rglob("*.py")
        if not outside & set(path.relative_to(ROOT).parts) and not measuring & set(path.parents)
    ]
    assert {"agent.py", "session.py", "critique.py", "drawing.py"} <= {path.name for path in sources}
    yardstick = {"oracle", "oracle_report", "requirements", "reading", "segment", "fit", "classify", "tasks"}
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names]
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in [module, *names, *(f"{module}.{name}" for name in names)]:
                parts = name.split(".")
                # Requests that the command line writes into a file are no yardstick.
                material = name.startswith("omniagent.shapes.tasks.file") and ROOT / "omniagent" / "cli" in path.parents
                assert material or not ("shapes" in parts and yardstick & set(parts)), f"{path} imports {name}"
                # The command line and the self-check alone may start what stands above the agent.
                started = "evals" in parts or name.startswith(("omniagent.calibration", "omniagent.benchmarks"))
                above = {ROOT / "omniagent" / "cli", ROOT / "omniagent" / "selfcheck"} & set(path.parents)
                assert not started or above, f"{path} imports {name}"
