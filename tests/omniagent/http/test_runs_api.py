"""Runs over HTTP: begun, followed, cancelled, forked, gone on with, and seen by their own key alone."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.faces import FAILS, HOLDS
from tests.support.http_server import BOB, Served, serving
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts

TASK = "a red circle on a white background"
URI = "data:image/png;base64,"


def uri(color: str = "blue", size: tuple[int, int] = (64, 48)) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return URI + base64.b64encode(buffer.getvalue()).decode()


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """The events of a stream: name, id, data."""
    fields: dict[str, str] = {}
    for line in lines:
        field, _, value = line.partition(": ")
        if line:
            fields[field] = value
        elif "data" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
        if not line:
            fields = {}


def followed(client: httpx2.Client, run_id: str, **more: Any) -> list[tuple[str, str | None, dict[str, Any]]]:
    with client.stream("GET", f"/v1/runs/{run_id}/events", **more) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        return list(events_of(answer.iter_lines()))


@pytest.fixture(scope="module")
def repairing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The first picture that is looked at fails, all others hold."""
    with serving(scripted_agent(tmp_path_factory.mktemp("repairing"), by_picture(FAILS, HOLDS))) as served:
        yield served


@pytest.fixture
def done(repairing: Served) -> tuple[httpx2.Client, str]:
    """A run that is over."""
    client = repairing.http()
    answer = client.post("/v1/runs", json={"task": TASK, "seed": 4})
    assert answer.status_code == 201, answer.text
    run_id = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/runs/{run_id}"
    followed(client, run_id)
    return client, run_id


class Gated:
    """An agent whose drawing waits until the gate is opened."""

    def __init__(self, folder: Path) -> None:
        self.gate = threading.Event()
        self.generator = ScriptedGenerator(gate=self.gate)
        critic = ScriptedCritic(by_picture(HOLDS), texts(), profile=LISTED)
        self.agent: Agent = scripted_agent(folder, generator=self.generator, critic=critic)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    made = Gated(tmp_path)
    yield made
    made.gate.set()


def test_a_run_tells_its_events_in_the_traces_order_and_its_end(done: tuple[httpx2.Client, str]):
    client, run_id = done
    told = followed(client, run_id)
    names = [name for name, _, _ in told]
    assert names[0] == "run_started" and names[-1] == "run_ended"
    assert {"planned", "attempt_made", "critiqued", "decided"} <= set(names)
    assert [int(number) for _, number, _ in told if number] == list(range(1, len(told) + 1))
    assert told[0][2]["folder"] == run_id
    run = client.get(f"/v1/runs/{run_id}").json()
    assert (run["status"], run["accepted"], run["seed"], run["task"]) == ("accepted", True, 4, TASK)
    assert run["attempts"][-1]["passed"] == 3 and all(one["verdict"] == "yes" for one in run["checks"])


def test_a_stream_is_taken_up_after_the_last_id_that_was_seen(done: tuple[httpx2.Client, str]):
    client, run_id = done
    whole = followed(client, run_id)
    half = whole[len(whole) // 2 - 1][1]
    assert half is not None
    rest = followed(client, run_id, headers={"Last-Event-ID": half})
    assert rest == whole[len(whole) // 2 :]
    assert followed(client, run_id, params={"after": half}) == rest
    assert followed(client, run_id, headers={"Last-Event-ID": str(10**9)}) == []


def test_pictures_and_report_of_a_run_are_given_to_its_key(done: tuple[httpx2.Client, str]):
    client, run_id = done
    run = client.get(f"/v1/runs/{run_id}").json()
    for attempt in run["attempts"]:
        answer = client.get(attempt["url"])
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size == (attempt["width"], attempt["height"])
    webp = client.get(run["attempts"][0]["url"], params={"output_format": "webp"})
    assert Image.open(io.BytesIO(webp.content)).format == "WEBP"
    report = client.get(f"/v1/runs/{run_id}/report")
    assert report.status_code == 200 and TASK in report.text
    assert report.headers["content-security-policy"] == "sandbox"
    assert client.get(f"/v1/runs/{run_id}/attempts/a99").status_code == 404


def test_runs_of_one_key_are_not_there_for_another(repairing: Served, done: tuple[httpx2.Client, str]):
    _, run_id = done
    bob = repairing.http(BOB)
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/attempts/a1"),
        ("GET", "/report"),
        ("POST", "/cancel"),
        ("POST", "/fork"),
        ("POST", "/resume"),
    ):
        answer = bob.request(method, f"/v1/runs/{run_id}{path}", json={} if method == "POST" else None)
        assert answer.status_code == 404, (path, answer.text)
        never = bob.request(method, f"/v1/runs/20260101-000000-abcdef{path}", json={} if method == "POST" else None)
        # Another's run and one that never was are told in the same words.
        assert answer.text.replace(run_id, "X") == never.text.replace("20260101-000000-abcdef", "X")
    # Nor by a link in the other's folder.
    home = repairing.service.folders.home
    (home / "bob").mkdir(exist_ok=True)
    (home / "bob" / run_id).symlink_to(home / "alice" / run_id)
    assert bob.get(f"/v1/runs/{run_id}").status_code == bob.get(f"/v1/runs/{run_id}/report").status_code == 404
    assert bob.get("/v1/runs").json() == {"object": "list", "data": [], "has_more": False}


@pytest.mark.parametrize("name", ["..%2Falice", "%2e%2e", "a%00b", "../../etc", ".links-key", "alice", "*", "a" * 150])
def test_names_that_climb_or_are_none_find_nothing(repairing: Served, name: str):
    for path in (f"/v1/runs/{name}", f"/v1/runs/{name}/attempts/a1", f"/v1/runs/{name}/report"):
        answer = repairing.http().get(path)
        assert answer.status_code in (400, 404) and answer.json()["error"]["message"]


def test_the_list_is_the_newest_first_and_comes_in_pages(done: tuple[httpx2.Client, str]):
    client, _ = done
    for _ in range(2):
        followed(client, client.post("/v1/runs", json={"task": TASK}).json()["id"])
    first = client.get("/v1/runs", params={"limit": 2}).json()
    assert len(first["data"]) == 2 and first["has_more"]
    rest = client.get("/v1/runs", params={"limit": 100, "after": first["data"][-1]["id"]}).json()
    names = [one["id"] for one in (*first["data"], *rest["data"])]
    assert names == sorted(names, reverse=True) and len(set(names)) == len(names) and not rest["has_more"]


def test_a_run_at_work_is_cancelled_with_its_best_picture_however_often_that_is_asked(tmp_path: Path):
    gate = threading.Event()
    gate.set()
    judge = by_picture(FAILS)

    def look(prompt: Prompt, question: str) -> float:
        gate.clear()
        return judge(prompt, question)

    generator = ScriptedGenerator(gate=gate)
    agent = scripted_agent(tmp_path, generator=generator, critic=ScriptedCritic(look, texts(), profile=LISTED))
    with serving(agent) as served:
        client = served.http()
        run_id = client.post("/v1/runs", json={"task": TASK}).json()["id"]
        with client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
            told: list[str] = []
            for name, _, _ in events_of(answer.iter_lines()):
                told.append(name)
                if name == "decided":
                    for _ in range(3):
                        assert client.post(f"/v1/runs/{run_id}/cancel").status_code == 200
        assert told[-1] == "run_ended"
        for _ in range(2):
            run = client.post(f"/v1/runs/{run_id}/cancel").json()
            assert (run["status"], run["best"]) == ("cancelled", "a1")


def test_a_waiting_run_tells_its_place_and_can_be_cancelled_before_it_begins(gated: Gated):
    with serving(gated.agent, workers=1, queue=3) as served:
        client = served.http()
        names = [client.post("/v1/runs", json={"task": TASK}).json() for _ in range(3)]
        assert gated.generator.started.wait(60)
        assert [one["queue_position"] for one in names] == [None, 0, 1]
        cancelled = client.post(f"/v1/runs/{names[1]['id']}/cancel").json()
        assert (cancelled["status"], cancelled["attempts"]) == ("cancelled", [])
        assert client.get(f"/v1/runs/{names[2]['id']}").json()["queue_position"] == 0
        last = followed(client, names[1]["id"])
        assert last[-1][0] == "failed" and last[-1][2]["error"]["code"] == "cancelled"
        gated.gate.set()
        told = followed(client, names[2]["id"])
        assert told[-1][0] == "run_ended"
        assert client.get(f"/v1/runs/{names[1]['id']}").json()["status"] == "cancelled"


def test_going_away_from_the_events_stops_nothing_but_leaving_an_answer_does(gated: Gated):
    with serving(gated.agent) as served:
        client = served.http()
        run_id = client.post("/v1/runs", json={"task": TASK}).json()["id"]
        with client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
            assert next(events_of(answer.iter_lines()))[0] in ("queued", "run_started")
        for body in ({"prompt": TASK}, {"prompt": TASK, "stream": True}):
            with pytest.raises(httpx2.ReadTimeout):
                client.post("/v1/images/generations", json=body, timeout=httpx2.Timeout(30, read=1.0))
        # A client that waits for its answer sees the end of what the others left.
        left = [one for one in client.get("/v1/runs").json()["data"] if one["id"] != run_id]
        for one in left:
            followed(client, one["id"])
        states = {one["id"]: one["status"] for one in client.get("/v1/runs").json()["data"]}
        assert states.pop(run_id) == "running"
        assert list(states.values()) == ["cancelled", "cancelled"]
        gated.gate.set()
        assert followed(client, run_id)[-1][2]["stop_reason"] == "accepted"


def test_a_fork_changes_an_attempt_or_runs_the_same_task_again(tmp_path: Path):
    def plans(prompt: Prompt, schema: Any) -> Any:
        pictures = sum(isinstance(part, Image.Image) for part in prompt.parts)
        return texts(plan_draft("edit" if pictures else "generate"))(prompt, schema)

    agent = scripted_agent(tmp_path, by_picture(HOLDS), plans)
    with serving(agent) as served:
        client = served.http()
        parent = client.post("/v1/runs", json={"task": TASK, "seed": 1}).json()["id"]
        followed(client, parent)
        edit = client.post(f"/v1/runs/{parent}/fork", json={"attempt": "a1", "instruction": "make it blue"})
        again = client.post(f"/v1/runs/{parent}/fork", json={"seed": 2})
        assert edit.status_code == again.status_code == 201
        for answer in (edit, again):
            followed(client, answer.json()["id"])
        made = client.get(f"/v1/runs/{edit.json()['id']}").json()
        assert (made["parent"], made["images"], made["mode"], made["task"]) == (parent, 1, "edit", "make it blue")
        other = client.get(f"/v1/runs/{again.json()['id']}").json()
        assert (other["parent"], other["task"], other["seed"], other["images"]) == (parent, TASK, 2, 0)
        for body, code in (
            ({"attempt": "a1"}, "missing_parameter"),
            ({"attempt": "a77", "instruction": "x"}, "not_found"),
            ({"attempt": "../a1", "instruction": "x"}, "invalid_value"),
            ({"nothing": 1}, "unknown_parameter"),
        ):
            assert client.post(f"/v1/runs/{parent}/fork", json=body).json()["error"]["code"] == code


def test_a_run_that_ran_out_of_rounds_goes_on_with_more_and_keeps_its_pictures(tmp_path: Path):
    with serving(scripted_agent(tmp_path, by_picture(FAILS, FAILS, HOLDS))) as served:
        client = served.http()
        run_id = client.post("/v1/runs", json={"task": TASK, "max_rounds": 1}).json()["id"]
        followed(client, run_id)
        first = client.get(f"/v1/runs/{run_id}").json()
        assert first["stop_reason"] == "round_limit"
        assert client.post(f"/v1/runs/{run_id}/resume", json={"max_rounds": 4}).status_code == 200
        told = followed(client, run_id)
        assert [name for name, _, _ in told].count("run_started") == 2
        second = client.get(f"/v1/runs/{run_id}").json()
        assert second["status"] == "accepted" and second["attempts"][: len(first["attempts"])] == first["attempts"]


def test_pictures_and_a_mask_may_come_with_a_run_and_odd_ones_are_refused(tmp_path: Path):
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path, by_picture(HOLDS), texts(plan_draft("edit")), generator=generator)
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (16, 12, 48, 36))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    region = base64.b64encode(buffer.getvalue()).decode()
    with serving(agent) as served:
        client = served.http()
        answer = client.post("/v1/runs", json={"task": "make it red", "images": [uri()], "mask": region})
        assert answer.status_code == 201, answer.text
        followed(client, answer.json()["id"])
        picture = client.get(f"/v1/runs/{answer.json()['id']}/attempts/a1").content
        assert Image.open(io.BytesIO(picture)).convert("RGB").getpixel((2, 2)) == (0, 0, 255)
        for images, more in (
            (["/etc/passwd"], {}),
            (["file:///etc/passwd"], {}),
            (["http://127.0.0.1/a.png"], {}),
            ([URI + "AAAA"], {}),
            ([uri()] * 6, {}),
            ([uri()], {"mask": uri(size=(8, 8))}),
            ([uri()], {"mask": uri("black", (64, 48))}),
            ([], {"mask": region}),
        ):
            refused = client.post("/v1/runs", json={"task": "make it red", "images": images, **more})
            assert refused.status_code == 400, refused.text
    assert len(list((tmp_path / "alice").iterdir())) == 1
