"""What is drawn to change a picture inside a box, and what of the picture that leaves as it was."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.config import bundled_checkpoint
from omniagent.model.errors import BadSetting
from omniagent.model.loading import load_generator
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.config import ToolConfig
from omniagent.tools.drawing.mend import MEND, MendIn, cut_out, frame_of, put_back
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Box, RenderSettings

PROFILE = GeneratorProfile(width=100, height=100)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A picture of which no two parts are equal, so that what lies elsewhere than it should is seen."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def box_of(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(label="", left=left, top=top, right=right, bottom=bottom)


@pytest.mark.parametrize(
    ("size", "box", "whole"),
    [
        ((100, 80), (20, 20, 40, 30), True),
        ((100, 80), (20, 20, 40, 29), False),
        ((110, 100), (20, 20, 60, 60), False),
        ((80, 60), (20, 20, 36, 32), False),
        ((100, 80), (0, 0, 0, 40), False),
    ],
    ids=["large enough", "small box", "larger than what is drawn", "less than half of what is drawn", "empty box"],
)
def test_of_a_reused_source_the_whole_is_drawn_unless_that_shows_the_box_too_small(
    size: tuple[int, int], box: tuple[int, int, int, int], whole: bool
):
    source = noise(size)
    cut = cut_out(source, box_of(*box), PROFILE, reuses=True)
    assert (cut.picture is source) == whole == (cut.size is None)
    assert cut_out(source, box_of(*box), PROFILE).picture is not source


@given(data=st.data(), reuses=st.booleans())
def test_outside_of_the_frame_every_pixel_stays_at_any_size_and_place_and_inside_lies_what_was_drawn(
    data: st.DataObject, reuses: bool
):
    width, height = data.draw(st.integers(16, 140)), data.draw(st.integers(16, 140))
    left, top = data.draw(st.floats(0, width)), data.draw(st.floats(0, height))
    box = box_of(left, top, left + data.draw(st.floats(0, width)), top + data.draw(st.floats(0, height)))
    source = noise((width, height))
    if frame_of(box, source.size) is None:
        with pytest.raises(BadSetting, match="most of the picture"):
            cut_out(source, box, PROFILE, reuses=reuses)
        return
    cut = cut_out(source, box, PROFILE, reuses=reuses)
    drawn = noise(cut.size or source.size, 1)
    made = np.asarray(put_back(source, drawn, cut))
    frame = np.zeros((height, width), bool)
    frame[cut.frame[1] : cut.frame[3], cut.frame[0] : cut.frame[2]] = True
    assert (made == np.asarray(source))[~frame].all()
    if cut.size is None and min(cut.frame[2] - cut.frame[0], cut.frame[3] - cut.frame[1]) >= 24:
        middle = (cut.frame[1] + cut.frame[3]) // 2, (cut.frame[0] + cut.frame[2]) // 2
        assert (made[middle] == np.asarray(drawn)[middle]).all()


@pytest.mark.bundled
@pytest.mark.parametrize("preset", ["quality", "edit"])
def test_a_repair_by_the_bundled_model_changes_the_box_and_no_pixel_beyond_its_frame(tmp_path: Path, preset: str):
    generator = load_generator(bundled_checkpoint(), device="cpu", preset=preset)
    assert generator.reuses_source == (preset == "edit")
    tools = ToolContext(
        runtime=ModelRuntime(generator, ScriptedCritic()),
        store=ImageStore(tmp_path / "images"),
        trace=Trace(tmp_path / "trace.jsonl", "run"),
        token=CancelToken(),
        calls=CallMeter(9),
        config=ToolConfig(),
    )
    for size in ((128, 128), (121, 97), (101, 67)):
        picture = noise((8, 8)).resize(size)
        box = box_of(0, size[1] - 30, 40, size[1])
        asked = MendIn(
            instruction="Change the color of the red circle from red to blue.",
            seeds=(1,),
            settings=RenderSettings(steps=4, max_side=64),
            source=tools.store.put(picture),
            box=box,
        )
        made = np.asarray(tools.store.get(MEND(asked, tools).images[0]))
        frame = frame_of(box, size)
        assert frame is not None
        kept = np.asarray(picture).copy()
        kept[frame[1] : frame[3], frame[0] : frame[2]] = made[frame[1] : frame[3], frame[0] : frame[2]]
        assert (made == kept).all() and (made != np.asarray(picture)).any()
