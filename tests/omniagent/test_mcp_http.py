"""The MCP server by HTTP: the official client draws through it, and no other web page can reach it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent
from starlette.testclient import TestClient

from omniagent.integrations.mcp import build_server
from omniagent.integrations.mcp.http import http_app, is_loopback, serve_http
from omniagent.model.errors import BadSetting
from tests.support.faces import SCENARIO, TASK, repaired
from tests.support.paths import ROOT
from tests.support.processes import Process

LIMIT = 1024 * 1024
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def server(tmp_path: Path, *words: str, **more: str) -> Process:
    """The command on a free port, in a process of its own."""
    command = [sys.executable, "-m", "tests.support.launch", "mcp", "--transport", "http", "--port", "0"]
    environment = {**os.environ, **more}
    return Process(
        [*command, "--runs-dir", str(tmp_path / "runs"), *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def address_of(process: Process) -> str:
    assert process.stderr is not None
    return next(line.split()[2] for line in process.stderr if line.startswith("MCP at "))


@pytest.mark.slow
def test_the_official_client_uses_every_tool_over_http(tmp_path: Path) -> None:
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        assert total is not None and done <= total
        told.append(done)

    async def use(url: str, key: str) -> None:
        async with (
            httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=300) as web,
            Client(streamable_http_client(url, http_client=web)) as client,
        ):
            made = await client.call_tool(
                "create_image", {"task": TASK, "thread_id": "mine"}, progress_callback=progress
            )
            assert isinstance(made, CallToolResult) and made.structured_content is not None
            assert made.structured_content["status"] == "accepted" and told
            assert any(isinstance(block, ImageContent) for block in made.content)
            assert len(made.model_dump_json(by_alias=True)) < LIMIT
            edited = await client.call_tool("edit_image", {"task": "make it blue", "images": ["mine"]})
            checked = await client.call_tool("check_image", {"image": "mine", "questions": ["Is there a circle?"]})
            described = await client.call_tool("describe_image", {"image": "mine"})
            fetched = await client.call_tool("get_run", {"run_id": "mine"})
            listed = await client.call_tool("list_runs", {})
            for one in (edited, checked, described, fetched, listed):
                assert not one.is_error, one
            assert fetched.structured_content == made.structured_content
            refused = await client.call_tool("describe_image", {"image": "/etc/passwd"})
            assert refused.is_error
            read = await client.read_resource("omniagent://runs/mine/picture.png")
            assert len(read.model_dump_json()) < LIMIT

    with server(tmp_path, OMNIAGENT_MCP_KEY="secret") as process:
        url = address_of(process)
        asyncio.run(use(url, "secret"))
        assert httpx.post(url, json=PING, headers=HEADERS).status_code == 401
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert process.returncode == 0 and out == "" and "Traceback" not in err, err


@pytest.mark.slow
def test_a_run_is_fetched_over_another_connection_after_its_client_has_gone(tmp_path: Path) -> None:
    async def begin(url: str) -> None:
        async with Client(url) as client:
            made = await client.call_tool("create_image", {"task": TASK, "thread_id": "mine"})
            assert made.structured_content is not None and made.structured_content["status"] == "running"

    async def end(url: str) -> dict[str, Any]:
        async with Client(url) as client:
            while True:
                seen = await client.call_tool("get_run", {"run_id": "mine", "wait": 0})
                assert seen.structured_content is not None and seen.structured_content["status"] == "running"
                if seen.structured_content["attempts"]:
                    break
            made = seen
            while made.structured_content is not None and made.structured_content["status"] == "running":
                made = await client.call_tool("get_run", {"run_id": "mine", "cancel": True})
            assert made.structured_content is not None
            return made.structured_content

    with server(tmp_path, "--answer-within", "0.5", **{SCENARIO: "stuck"}) as process:
        url = address_of(process)
        asyncio.run(begin(url))
        assert asyncio.run(end(url))["status"] == "cancelled"
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0


@pytest.fixture
def web(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(
        http_app(build_server(repaired(tmp_path), local=False)), base_url="http://127.0.0.1:8765"
    ) as client:
        yield client


def test_a_web_page_of_another_name_is_refused(web: TestClient) -> None:
    def status(**headers: str) -> int:
        return web.post("/mcp", content=json.dumps(PING), headers={**HEADERS, **headers}).status_code

    assert status(host="evil.example") == status(host="evil.example:8765") == 421
    assert status(host="127.0.0.1.evil.example:8765") == 421
    assert status(origin="http://evil.example") == 403
    assert status() != 421 and status(origin="http://localhost:3000") != 403


def test_further_names_are_let_in_where_they_were_allowed(tmp_path: Path) -> None:
    made = build_server(repaired(tmp_path), local=False)
    app = http_app(made, host="0.0.0.0", names=["pictures.lan", "proxy.lan:80"])
    with TestClient(app, base_url="http://pictures.lan") as client:
        for host, open_to in (
            ("pictures.lan", True), ("pictures.lan:8765", True), ("proxy.lan:80", True), ("proxy.lan:81", False),
            ("evil.lan", False), ("127.0.0.1:1", True),
        ):  # fmt: skip
            found = client.post("/mcp", content=json.dumps(PING), headers={**HEADERS, "host": host})
            assert (found.status_code != 421) is open_to, host


def test_an_address_that_cannot_be_had_and_one_that_everybody_reaches_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: ran.append(sockets))
    made, told = build_server(repaired(tmp_path)), list[str]()
    with pytest.raises(BadSetting, match=r"cannot listen on '192.0.2.1' port 1"):
        serve_http(made, host="192.0.2.1", port=1)
    with pytest.raises(BadSetting, match="cannot listen on 'no such host'"):
        serve_http(made, host="no such host")
    serve_http(made, host="0.0.0.0", port=0, tell=told.append)
    assert ran and told[1].startswith("warning: any client that reaches")
    told.clear()
    serve_http(made, port=0, tell=told.append)
    assert [line.startswith("MCP at http://127.0.0.1:") for line in told] == [True]
    assert is_loopback("::1") and is_loopback("localhost") and not is_loopback("0.0.0.0")
