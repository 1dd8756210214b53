"""Keys, rates, queues and sizes: what is too much is refused early by a typed error, and other clients go on."""

import base64
import io
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from omniagent.http.guard.errors import ApiError
from omniagent.http.guard.keys import Keys
from omniagent.http.guard.limits import RateLimit
from omniagent.http.settings import HttpSettings
from omniagent.model.errors import BadSetting
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.faces import HOLDS
from tests.support.http_server import ALICE, BOB, Served, serving
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts

TASK = "a red circle on a white background"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"


def png(image: Image.Image | None = None) -> bytes:
    buffer = io.BytesIO()
    (image or Image.new("RGB", (32, 32), "blue")).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 4096)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def editing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    agent = scripted_agent(tmp_path_factory.mktemp("editing"), by_picture(HOLDS), texts(plan_draft("edit")))
    with serving(agent, body_bytes=256 * 1024, picture_bytes=128 * 1024, pixels=1_000_000) as served:
        yield served


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def held(folder: Path, gate: threading.Event) -> tuple[ScriptedGenerator, object]:
    generator = ScriptedGenerator(gate=gate)
    critic = ScriptedCritic(by_picture(HOLDS), texts(), profile=LISTED)
    return generator, scripted_agent(folder, generator=generator, critic=critic)


def test_a_full_queue_is_told_with_the_time_to_wait_and_loses_no_run(tmp_path: Path, gate: threading.Event):
    generator, agent = held(tmp_path, gate)
    with serving(agent, workers=1, queue=2) as served:  # type: ignore[arg-type]
        client = served.http()
        taken = [client.post("/v1/runs", json={"task": TASK}).json()["id"] for _ in range(3)]
        assert generator.started.wait(60)
        with pytest.raises(openai.RateLimitError) as caught:
            served.openai().images.generate(prompt=TASK)
        assert caught.value.code == "queue_full" and 1 <= int(caught.value.response.headers["retry-after"]) <= 60
        # Three pictures are taken together or not at all.
        assert client.post(f"/v1/runs/{taken[2]}/cancel").status_code == 200
        with pytest.raises(openai.RateLimitError):
            served.openai().images.generate(prompt=TASK, n=3)
        assert len(client.get("/v1/runs").json()["data"]) == 3
        gate.set()
        for run_id in taken[:2]:
            client.get(f"/v1/runs/{run_id}/events")
            assert client.get(f"/v1/runs/{run_id}").json()["status"] == "accepted"
        assert 'omniagent_refused_total{code="queue_full"} 2.0' in client.get("/metrics").text


def test_one_key_can_neither_fill_the_desk_nor_go_before_others(tmp_path: Path, gate: threading.Event):
    generator, agent = held(tmp_path, gate)
    with serving(agent, workers=2, queue=10, runs_per_key=4) as served:  # type: ignore[arg-type]
        alice, bob = served.http(ALICE), served.http(BOB)
        first = [alice.post("/v1/runs", json={"task": TASK}).json()["id"] for _ in range(4)]
        assert generator.started.wait(60)
        refused = alice.post("/v1/runs", json={"task": TASK})
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "too_many_runs"
        other = bob.post("/v1/runs", json={"task": TASK}).json()
        assert other["queue_position"] == 2
        # A worker is free again: Bob, who has none at work, is next, though Alice's others are older.
        alice.post(f"/v1/runs/{first[0]}/cancel")
        alice.get(f"/v1/runs/{first[0]}/events")
        assert bob.get(f"/v1/runs/{other['id']}").json()["status"] == "running"
        assert alice.get(f"/v1/runs/{first[2]}").json()["status"] == "queued"
        gate.set()


def test_pages_of_the_named_origins_alone_may_call_and_they_can_read_refusals(tmp_path: Path):
    page, other = {"Origin": "https://app.example"}, {"Origin": "https://elsewhere.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    agent = scripted_agent(tmp_path, by_picture(HOLDS))
    with serving(agent, origins=("https://app.example",)) as served:
        client = served.http(None)
        # A browser asks beforehand, and sends no key with that.
        before = client.options("/v1/images/generations", headers={**page, **asked})
        assert before.status_code == 200 and before.headers["access-control-allow-origin"] == page["Origin"]
        assert "POST" in before.headers["access-control-allow-methods"]
        assert client.options("/v1/images/generations", headers={**other, **asked}).status_code == 400
        refused = client.get("/v1/models", headers=page)
        assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == page["Origin"]
        answer = served.http().get("/v1/models", headers=page)
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        assert "access-control-allow-origin" not in served.http().get("/v1/models", headers=other).headers
    with serving(agent) as served:
        assert not any("access-control" in name for name in served.http().get("/v1/models", headers=page).headers)


def test_origins_and_names_of_models_are_written_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMNIAGENT_SERVE_ORIGINS", "https://a.example, http://localhost:3000")
    monkeypatch.setenv("OMNIAGENT_SERVE_MODEL_NAMES", '["gpt-image-1"]')
    read = HttpSettings.read()
    assert (read.origins, read.model_names) == (("https://a.example", "http://localhost:3000"), ("gpt-image-1",))
    for wrong in ("a.example", "https://a.example/", "https://a.example/page", "null", "javascript:alert(1)", "["):
        monkeypatch.setenv("OMNIAGENT_SERVE_ORIGINS", wrong)
        with pytest.raises(BadSetting, match="origins"):
            HttpSettings.read()


def test_requests_over_the_rate_are_told_when_to_come_again(tmp_path: Path):
    with serving(scripted_agent(tmp_path, by_picture(HOLDS)), requests_per_minute=3) as served:
        client = served.http()
        assert [client.get("/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.get("/v1/models")
        assert refused.json()["error"]["type"] == "rate_limit_error" and int(refused.headers["retry-after"]) >= 1
        assert served.http(BOB).get("/v1/models").status_code == 200
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60),
)
def test_never_more_requests_pass_than_a_bucket_and_its_refill(per_minute: int, pauses: list[float]):
    now = 0.0
    limit = RateLimit(per_minute, clock=lambda: now)
    passed = 0
    for pause in pauses:
        now += pause
        try:
            limit.take("alice")
            passed += 1
        except ApiError as refusal:
            assert refusal.status == 429
    assert passed <= per_minute + now * per_minute / 60 + 1e-6


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {ALICE}", 200),
        (f"bearer  {ALICE}", 200),
        (ALICE, 401),
        (f"Basic {ALICE}", 401),
        (f"Bearer {ALICE}x", 401),
        (f"Bearer {ALICE[:-1]}", 401),
        ("Bearer", 401),
        ("Bearer alice", 401),
        ("", 401),
    ],
)
def test_only_a_whole_key_is_let_in(editing: Served, authorization: str, status: int):
    answer = editing.http(None).get("/v1/models", headers={"Authorization": authorization})
    assert answer.status_code == status
    assert (answer.json().get("error") or {}).get("code") == (None if status == 200 else "invalid_api_key")


def test_keys_come_from_a_file_with_comments_and_bad_ones_are_named(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text("# people\nalice: 0123456789abcdef0 # hers\n\nbob:fedcba98765432100\n")
    keys = Keys.read(HttpSettings(keys_file=file))
    assert keys.owner("Bearer 0123456789abcdef0") == "alice" and keys.owner("Bearer fedcba98765432100") == "bob"
    for text, words in (
        ("alice", "write name:key"),
        ("../x:0123456789abcdef0", "write name:key"),
        ("anyone:0123456789abcdef0", "write name:key"),
        ("alice:short", "at least 16"),
        ("a:0123456789abcdef0\na:1123456789abcdef0", "twice"),
        ("# nobody", "has no API key"),
    ):
        file.write_text(text)
        with pytest.raises(BadSetting, match=words) as caught:
            Keys.read(HttpSettings(keys_file=file))
        assert "0123456789abcdef0" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SVG, "markup"),
        (HTML, "markup"),
        (b"\xef\xbb\xbf \n<svg/>", "markup"),
        (b"GIF89a/*" + HTML, "no picture"),
        (b"%PDF-1.7\n" + SVG, "cannot be read|no picture"),
        (b"", "empty"),
        (png()[:60], "truncated|damaged"),
        (bomb(10_000, 10_000), "pixels"),
        (bomb(60_000, 60_000), "pixels"),
        (bomb(1001, 1000), "1,001,000 pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 150_000, "bytes"),
    ],
)
def test_what_is_no_picture_or_too_large_is_the_requests_fault(editing: Served, data: bytes, words: str):
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        editing.openai().images.edit(image=("a.png", data), prompt="make it red")
    assert caught.value.code == "invalid_image"


def test_a_picture_with_markup_behind_it_comes_back_as_pixels_alone(editing: Served):
    reply = editing.openai().images.edit(image=("a.png", png() + HTML), prompt="make it red")
    assert reply.data is not None and reply.data[0].b64_json is not None
    assert b"<script" not in base64.b64decode(reply.data[0].b64_json)


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.png", "/etc/passwd", "a\\..\\b.png", "x\x01.png", "<svg>.png"])
def test_names_of_uploaded_files_are_never_looked_at(editing: Served, name: str):
    before = sorted(path for path in editing.service.folders.home.rglob("*.png"))
    editing.openai().images.edit(image=(name, png()), prompt="make it red")
    made = [path for path in editing.service.folders.home.rglob("*.png") if path not in before]
    assert made and all(path.is_relative_to(editing.service.folders.home / "alice") for path in made)


def test_markup_in_every_field_comes_back_as_text_or_as_a_refusal(editing: Served):
    words = '<img src=x onerror="alert(1)">make it red'
    reply = editing.http().post(
        "/v1/images/edits",
        data={"prompt": words, "user": words},
        files={"image": ("a.png", png())},
    )
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    assert reply.json()["safety_identifier"] == words
    run = reply.json()["data"][0]["run_id"]
    report = editing.http().get(f"/v1/runs/{run}/report").text
    assert "<img src=x" not in report and "&lt;img src=x" in report
    for field in ("model", "n", "size", "quality", "background", "output_format", "seed", "mode", words):
        answer = editing.http().post(
            "/v1/images/edits", data={"prompt": "x", field: words}, files={"image": ("a.png", png())}
        )
        assert answer.status_code in (400, 404) and answer.headers["content-type"] == "application/json"


def test_a_large_upload_is_refused_before_it_is_read(editing: Served):
    with pytest.raises(openai.APIStatusError) as caught:
        editing.openai().images.edit(image=("a.png", b"\x89PNG" + b"\0" * 300_000), prompt="make it red")
    assert caught.value.status_code == 413 and caught.value.code == "too_large"
    # 200 MB are promised, and none of them need to be sent to hear the answer.
    host, port = editing.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(
            f"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 209715200\r\n\r\n--b\r\n".encode()
        )
        assert raw.recv(64).startswith(b"HTTP/1.1 413")
    # Without a length they are counted as they come.
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(
            f"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        raw.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        for _ in range(6):
            raw.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert raw.recv(64).startswith(b"HTTP/1.1 413")


def test_nobody_uploads_without_a_key(editing: Served):
    host, port = editing.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(
            b"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 1000\r\n\r\n"
        )
        assert raw.recv(64).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 50_000, b'{"prompt": NaN}', b'{"prompt": "\\ud800"}'],
)
def test_bodies_that_are_no_request_are_refused_in_the_apis_shape(editing: Served, body: bytes):
    for path in ("/v1/images/generations", "/v1/runs", "/v1/images/edits"):
        answer = editing.http().post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (path, answer.text)
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_forms_with_too_much_or_the_wrong_things_are_refused(editing: Served):
    client = editing.http()
    for data, files in (
        ({"prompt": "x"}, [("image", ("a.png", png()))] * 9),
        ({"prompt": "x"}, [("picture", ("a.png", png()))]),
        ({"prompt": "x", "image": "text"}, [("image", ("a.png", png()))]),
        ({f"f{number}": "x" for number in range(100)}, [("image", ("a.png", png()))]),
        ({"prompt": "x"}, [("mask", ("a.png", png()))]),
        ({}, [("image", ("a.png", png()))]),
    ):
        answer = client.post("/v1/images/edits", data=data, files=files)
        assert answer.status_code == 400 and answer.json()["error"]["message"], answer.text
    for content, kind in (
        (b"--b\r\nxx", "multipart/form-data; boundary=b"),
        (b"xx", "multipart/form-data"),
        (b"x", ""),
    ):
        answer = client.post("/v1/images/edits", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 400, answer.text


def test_urls_are_off_at_first_and_never_lead_into_the_servers_own_network(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(HOLDS), texts(plan_draft("edit")))
    private = ("http://127.0.0.1:9/a.png", "http://localhost/a", "http://169.254.169.254/latest", "http://[::1]/a.png")
    for on in (False, True):
        with serving(agent, fetch_urls=on) as served:
            for url in private if on else private[:1]:
                answer = served.http().post(
                    "/v1/images/edits", json={"prompt": "make it red", "images": [{"image_url": url}]}
                )
                words = "private network" if on else "fetches none"
                assert answer.status_code == 400 and words in answer.json()["error"]["message"]


def test_errors_of_addresses_and_methods_have_the_same_shape(editing: Served):
    client = editing.http()
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("PUT", "/v1/models", 405),
        ("DELETE", "/v1/images/edits", 405),
        ("GET", "/v1/images/generations", 405),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status and answer.json()["error"]["code"], answer.text
        assert answer.headers["x-request-id"]
