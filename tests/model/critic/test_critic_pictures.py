"""Pictures on their way to a critic's server: every size travels in one that servers of Qwen models take."""

import base64
import io
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.critic.openai.pictures import MAX_PIXELS, MIN_SIDE, fit_picture, fit_prompt
from omniagent.model.errors import BadSetting
from omniagent.model.mllm.proportions import MOST_OBLONG
from omniagent.model.requests import Prompt, Questions, Writing
from tests.support.openai_stub import Body, Connect, Server, sure

SIDE = st.integers(1, 3000)


def travelled(body: Body) -> tuple[Image.Image, int]:
    """The picture of a request, and the bytes that its URL took."""
    url = body["messages"][1]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))), len(url)


@settings(deadline=None)
@given(SIDE, SIDE, st.sampled_from([MAX_PIXELS, 100_000, 784]))
@example(1, 1, MAX_PIXELS)
@example(10_000, 10, MAX_PIXELS)
@example(1, 10_000, 784)
@example(200 * 29 + 1, 29, MAX_PIXELS)
def test_every_size_becomes_one_that_a_qwen_server_takes(width: int, height: int, most: int) -> None:
    fitted = fit_picture(Image.new("1", (width, height)), most)
    long, short = max(fitted.size), min(fitted.size)
    assert short >= MIN_SIDE and long <= MOST_OBLONG * short
    # Beyond the limit lies only what the least size asks for.
    assert long * short <= most or short == MIN_SIDE
    if max(width, height) <= 10 * min(width, height):
        # To within a pixel, the shape stays.
        assert abs(short - long * min(width, height) / max(width, height)) <= 1 + 2 * short / long
    if min(width, height) >= MIN_SIDE and max(width, height) <= MOST_OBLONG * min(width, height):
        assert width * height > most or fitted.size == (width, height)


def test_a_large_photo_is_shrunk_before_it_travels(connect: Connect) -> None:
    photo = Image.effect_noise((4000, 3000), 80).convert("RGB")
    server = Server(sure)
    connect(server).yes_no(Questions(Prompt(system="s", parts=(photo,)), ("red?",)))
    sent, size = travelled(server.chats[0])
    assert sent.width * sent.height <= MAX_PIXELS
    assert math.isclose(sent.width / sent.height, 4 / 3, rel_tol=0.01)
    assert size < 10 * 2**20
    connect(server, picture_pixels=90_000).write(Writing(Prompt(system="s", parts=(photo,))))
    assert travelled(server.chats[1])[0].size == (346, 259)


def test_a_picture_within_the_limits_travels_as_it_is(connect: Connect) -> None:
    picture = Image.effect_noise((300, 200), 80).convert("RGB")
    server = Server(sure)
    connect(server).yes_no(Questions(Prompt(system="s", parts=(picture,)), ("red?",)))
    assert travelled(server.chats[0])[0].tobytes() == picture.tobytes()
    prompt = Prompt(system="s", parts=(picture, "text"))
    assert fit_prompt(prompt) is prompt


def test_the_key_of_a_picture_is_that_of_what_is_sent(connect: Connect) -> None:
    server = Server(sure, owner="vllm")
    critic = connect(server)
    large = Image.effect_noise((2000, 1500), 80).convert("RGB")
    for picture in (large, large.copy(), fit_picture(large)):
        critic.yes_no(Questions(Prompt(system="s", parts=(picture,)), ("red?",)))
    parts = [body["messages"][1]["content"][0] for body in server.chats]
    assert len({part["uuid"] for part in parts}) == 1
    assert [part["image_url"] is None for part in parts] == [False, True, True]


def test_a_limit_below_the_least_picture_is_refused(connect: Connect) -> None:
    with pytest.raises(BadSetting, match="picture_pixels=783"):
        connect(Server(sure), picture_pixels=783)
