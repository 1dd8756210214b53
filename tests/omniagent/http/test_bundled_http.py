"""The server on the bundled checkpoint, end to end: drawn, looked at, edited, asked and refused."""

import base64
import io
from collections.abc import Iterator

import openai
import pytest
from PIL import Image

from omniagent.agent import Agent
from tests.support.http_server import Served, serving

pytestmark = pytest.mark.bundled


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Agent(runs_dir=tmp_path_factory.mktemp("runs"))) as served:
        yield served


def test_a_picture_is_drawn_as_asked_and_then_changed_where_the_mask_allows_it(bundled: Served):
    client = bundled.openai()
    reply = client.images.generate(prompt="a large red circle on a white background", extra_body={"seed": 3})
    assert reply.data is not None
    drawn = reply.data[0].model_dump()
    assert drawn["status"] == "accepted" and all(one["verdict"] == "yes" for one in drawn["checks"])
    picture = Image.open(io.BytesIO(base64.b64decode(drawn["b64_json"])))
    mask = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (0, 0, picture.width, 8))
    files = [io.BytesIO(), io.BytesIO()]
    picture.save(files[0], "PNG")
    mask.save(files[1], "PNG")
    for file, name in zip(files, ("picture.png", "mask.png"), strict=True):
        file.seek(0)
        file.name = name
    events = list(
        client.images.edit(
            image=files[0], mask=files[1], prompt="make the circle green", stream=True, extra_body={"seed": 1}
        )
    )
    assert events[-1].type == "image_edit.completed"
    edited = Image.open(io.BytesIO(base64.b64decode(events[-1].b64_json))).convert("RGB")
    strip = (0, 0, picture.width, 8)
    assert edited.crop(strip).tobytes() == picture.convert("RGB").crop(strip).tobytes()
    assert edited.tobytes() != picture.convert("RGB").tobytes()


def test_what_it_cannot_draw_and_questions_are_told_as_the_requests_fault(bundled: Served):
    with pytest.raises(openai.BadRequestError) as caught:
        bundled.openai().images.generate(prompt="a portrait of my grandmother in oil")
    assert caught.value.code == "task_refused"
    assert bundled.http().get("/readyz").json()["status"] == "ready"
