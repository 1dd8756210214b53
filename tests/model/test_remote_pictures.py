"""The generator behind the images API: the size that is asked for, the picture that comes back, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.errors import BadImage, BadSetting, GenerationFailed, GeneratorUnavailable
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.generator.remote_pictures import picture_data
from omniagent.model.generator.remote_request import REFERENCE_PIXELS, wanted_size
from omniagent.model.requests import GenerationRequest

Fields = dict[str, str]
Remote = Callable[..., RemoteGenerator]
WIDE = Image.new("RGB", (640, 360), "blue")


def encoded(size: tuple[int, int] = (64, 64), kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, options.pop("color", "red")).save(buffer, kind, **options)
    return buffer.getvalue()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def drawn(size: tuple[int, int] = (64, 64)) -> httpx.Response:
    return httpx.Response(200, json={"data": [{"b64_json": in_base64(encoded(size))}]})


def fields_of(request: httpx.Request) -> Fields:
    """The fields of a generation or an edit, as text."""
    if request.headers["content-type"].startswith("application/json"):
        return {name: str(value) for name, value in json.loads(request.content).items()}
    found = re.findall(rb'name="(\w+)"\r\n(?:Content-[^\r]*\r\n)*\r\n([^\r]*)\r\n', request.content)
    return {name.decode(): value.decode() for name, value in found}


def always(answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: answer


class Server:
    """Answers by a function of the fields, and keeps them."""

    def __init__(self, answer: Callable[[Fields], httpx.Response]) -> None:
        self.answer = answer
        self.asked: list[Fields] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(fields_of(request))
        return self.answer(self.asked[-1])


@pytest.fixture
def remote() -> Iterator[Remote]:
    made: list[RemoteGenerator] = []

    def build(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> RemoteGenerator:
        settings = {"key": "secret", "backoff": 0.0} | settings
        made.append(RemoteGenerator(("http://one/v1",), transport=httpx.MockTransport(answer), **settings))
        return made[-1]

    yield build
    for generator in made:
        generator.close()


def as_asked(fields: Fields) -> httpx.Response:
    width, height = map(int, fields.get("size", "1024x1024").split("x"))
    return drawn((width, height))


@pytest.mark.parametrize(
    ("references", "width", "height", "size"),
    [
        ([WIDE], None, None, "640x352"),
        ([Image.new("RGB", (4000, 3000))], None, None, "1168x880"),
        ([Image.new("RGB", (500, 333), "red").convert("L")], None, None, "496x320"),
        ([WIDE], 320, None, "320x352"),
        ([WIDE], None, 512, "640x512"),
        ([WIDE], 100, 50, "100x50"),
        ([WIDE, WIDE], None, None, None),
        ([WIDE, WIDE], 512, None, "512x1024"),
        ([], 512, None, "512x1024"),
        ([], None, 768, "1024x768"),
        ([], None, None, None),
    ],
)
def test_the_size_that_goes_out_is_the_local_generators(
    remote: Remote, references: list[Image.Image], width: int | None, height: int | None, size: str | None
) -> None:
    server = Server(as_asked)
    request = GenerationRequest(instruction="a", references=tuple(references), width=width, height=height)
    (picture,) = remote(server).generate(request)
    assert server.asked[0].get("size") == size
    assert f"{picture.width}x{picture.height}" == (size or "1024x1024")


def test_a_reference_too_narrow_for_a_size_is_refused_before_anything_is_sent(remote: Remote) -> None:
    with pytest.raises(BadImage, match="640x8"):
        remote(Server(as_asked)).generate(GenerationRequest(instruction="a", references=(WIDE.resize((640, 8)),)))


def test_a_picture_of_the_asked_shape_is_brought_to_the_size_and_another_is_kept_and_told(
    remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    request = GenerationRequest(instruction="a", references=(WIDE,))
    (picture,) = remote(always(drawn((1280, 720)))).generate(request)
    assert picture.size == (640, 352) and not caplog.messages
    (picture,) = remote(always(drawn((1024, 1024)))).generate(request)
    assert picture.size == (1024, 1024)
    assert any("640x352 and drew 1024x1024" in message for message in caplog.messages)


FIXED = {"error": {"message": "Invalid value: '640x352'. Supported: '1024x1024', '1536x1024', '1024x1536' for size."}}


def test_of_the_sizes_that_a_server_offers_that_of_the_nearest_shape_is_asked_for(remote: Remote) -> None:
    def answer(fields: Fields) -> httpx.Response:
        return as_asked(fields) if "1024" in fields["size"] else httpx.Response(400, json=FIXED)

    server = Server(answer)
    (picture,) = remote(server).generate(GenerationRequest(instruction="a", references=(WIDE,)))
    assert [each["size"] for each in server.asked] == ["640x352", "1536x1024"]
    assert picture.size == (1536, 1024)


@pytest.mark.parametrize("field", ["response_format", "seed", "size", "negative_prompt", "num_inference_steps"])
@pytest.mark.parametrize(
    "body",
    [
        '{"error": "unknown parameter %s"}',
        '{"error": {"message": "Unsupported: %s"}}',
        '{"detail": [{"loc": ["body", "%s"], "msg": "Extra inputs are not permitted"}]}',
        "<p>%s is not supported</p>",
        "",
        "{}",
    ],
)
def test_a_field_that_a_server_does_not_know_is_left_out_from_then_on(remote: Remote, field: str, body: str) -> None:
    def answer(fields: Fields) -> httpx.Response:
        return httpx.Response(400, text=body.replace("%s", field)) if field in fields else drawn((64, 32))

    server = Server(answer)
    generator = remote(server)
    request = GenerationRequest(instruction="a", width=64, height=32, negative="b", steps=7)
    assert generator.generate(request)[0].size == (64, 32)
    tried = len(server.asked)
    assert generator.generate(request)[0].size == (64, 32)
    assert len(server.asked) == tried + 1
    assert field not in server.asked[-1] and server.asked[-1]["prompt"] == "a"


def test_a_value_out_of_a_servers_range_is_refused_in_its_words_and_not_left_out(remote: Remote) -> None:
    server = Server(lambda _fields: httpx.Response(422, json={"detail": "num_inference_steps must be under 60"}))
    with pytest.raises(BadSetting, match="must be under 60"):
        remote(server).generate(GenerationRequest(instruction="a", steps=70))
    assert len(server.asked) == 1


def test_what_is_refused_in_every_form_is_told_in_the_first_words_of_the_server(remote: Remote) -> None:
    for body in ({"error": "bad request"}, {"error": {"message": "no good"}}, {"detail": [{"msg": "no good"}]}):
        generator = remote(always(httpx.Response(422, json=body)))
        with pytest.raises(BadSetting, match=r"422: (bad request|no good)\)"):
            generator.generate(GenerationRequest(instruction="a"))
    broken = remote(always(httpx.Response(503, json={"error": "no card is free"})), tries=1)
    with pytest.raises(GeneratorUnavailable, match="no card is free"):
        broken.generate(GenerationRequest(instruction="a"))


CLEAR = encoded(mode="RGBA", color=(0, 0, 0, 0))
TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize(
    ("body", "color", "size"),
    [
        ({"data": [{"b64_json": "data:image/png;base64," + in_base64(encoded())}]}, (255, 0, 0), (64, 64)),
        (
            {"data": [{"url": "data:image/webp;base64," + in_base64(encoded(kind="WEBP", lossless=True))}]},
            None,
            (64, 64),
        ),
        ({"data": [{"b64_json": in_base64(encoded(kind="JPEG"))}]}, None, (64, 64)),
        ({"data": [{"b64_json": in_base64(encoded((64, 32), "JPEG", exif=TURNED))}]}, None, (32, 64)),
        ({"data": [{"b64_json": in_base64(CLEAR), "url": None}]}, (255, 255, 255), (64, 64)),
        ({"data": [{"b64_json": "\n".join(re.findall(".{1,76}", in_base64(encoded()))).rstrip("=")}]}, None, (64, 64)),
        ({"data": [{"b64_json": base64.urlsafe_b64encode(encoded()).decode()}]}, None, (64, 64)),
        ({"data": [in_base64(encoded())]}, None, (64, 64)),
        ({"images": [{"url": "data:image/png;base64," + in_base64(encoded())}]}, None, (64, 64)),
        ({"data": [{"b64_json": in_base64(encoded())}, {"b64_json": "second"}]}, None, (64, 64)),
    ],
)
def test_a_picture_is_read_in_whatever_form_it_comes(
    remote: Remote, body: Any, color: tuple[int, ...] | None, size: tuple[int, int]
) -> None:
    (picture,) = remote(always(httpx.Response(200, json=body))).generate(GenerationRequest(instruction="a"))
    assert (picture.mode, picture.size) == ("RGB", size)
    assert picture.getpixel((5, 5)) == color or color is None


@pytest.mark.parametrize("link", ["http://store.test/a.png", "https://one/a.png", "/files/a.png"])
def test_a_picture_behind_a_link_is_fetched_without_the_key(remote: Remote, link: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"data": [{"url": link}]})
        assert "authorization" not in request.headers
        return httpx.Response(200, content=encoded((48, 32))) if request.url.path.endswith("a.png") else drawn()

    (picture,) = remote(answer).generate(GenerationRequest(instruction="a"))
    assert picture.size == (48, 32)


def test_a_link_that_leads_nowhere_and_an_error_under_status_200_are_failed_pictures(remote: Remote) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        link = {"data": [{"url": "http://store.test/a.png"}]}
        return httpx.Response(200, json=link) if request.method == "POST" else httpx.Response(404)

    with pytest.raises(GenerationFailed, match=r"without a picture.*404"):
        remote(answer).generate(GenerationRequest(instruction="a"))
    said = httpx.Response(200, json={"error": {"message": "the filter did not like it"}})
    with pytest.raises(GenerationFailed, match="the filter did not like it"):
        remote(always(said)).generate(GenerationRequest(instruction="a"))


def test_a_large_reference_is_shrunk_before_it_travels(remote: Remote) -> None:
    photo = Image.effect_noise((4000, 3000), 80).convert("RGB")

    def answer(request: httpx.Request) -> httpx.Response:
        start = request.content.index(b"\x89PNG")
        with Image.open(io.BytesIO(request.content[start:])) as sent:
            assert sent.width * sent.height <= REFERENCE_PIXELS
            assert sent.width / sent.height == pytest.approx(4 / 3, rel=0.01)
        return drawn((1024, 768))

    assert remote(answer).generate(GenerationRequest(instruction="a", references=(photo,)))


@given(st.integers(16, 5000), st.integers(16, 5000))
def test_the_size_of_an_edit_is_within_a_megapixel_in_steps_of_sixteen(width: int, height: int) -> None:
    try:
        size = wanted_size(GenerationRequest(instruction="a", references=(Image.new("1", (width, height)),)))
    except BadImage:
        assert max(width, height) > 16 * min(width, height)
        return
    assert size is not None and size[0] * size[1] <= 2**20 and all(side % 16 == 0 and side <= 1024 for side in size)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["data", "url", "b64_json", "images"]), inner),
    )
)
def test_an_answer_of_any_shape_holds_a_picture_or_says_that_it_holds_none(body: Any) -> None:
    with suppress(ValueError, LookupError, TypeError, AttributeError, StopIteration):
        assert isinstance(picture_data(body), bytes | str)
