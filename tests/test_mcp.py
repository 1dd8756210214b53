"""The MCP server: the official client draws a picture over stdio, and hosts get what they can use."""

import asyncio
import base64
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, ImageContent, ResourceLink, TextContent
from PIL import Image

from omniagent.agent import Agent
from omniagent.hosting import preview_of
from omniagent.mcp import build_server
from omniagent.model.scripted import ScriptedGenerator
from tests.faces import TASK, repaired
from tests.scripted_runs import QUESTIONS, scripted_agent

ROOT = Path(__file__).parent.parent
LIMIT = 1024 * 1024


def call(agent: Agent, tool: str, **arguments: Any) -> CallToolResult:
    """One call over an in-memory connection."""

    async def one() -> CallToolResult:
        async with Client(build_server(agent)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(one())


def text_of(result: CallToolResult) -> str:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    return block.text


def wire_size(result: CallToolResult) -> int:
    return len(result.model_dump_json(by_alias=True))


def test_the_official_client_draws_a_picture_over_stdio(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.launch", "mcp", "--runs-dir", str(tmp_path / "runs")],
        cwd=ROOT,
        env=dict(os.environ),
    )
    told: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async def draw() -> tuple[CallToolResult, bytes]:
        async with Client(server) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"create_image", "check_image"}
            result = await client.call_tool("create_image", {"task": TASK, "seed": 3}, progress_callback=progress)
            (link,) = [block for block in result.content if isinstance(block, ResourceLink)]
            contents = (await client.read_resource(link.uri)).contents[0]
            return result, base64.b64decode(json.loads(contents.model_dump_json())["blob"])

    result, full = asyncio.run(draw())
    assert not result.is_error, result
    made = result.structured_content
    assert made["status"] in ("accepted", "best_effort") and made["checks"]
    assert full == Path(made["path"]).read_bytes()
    with Image.open(io.BytesIO(full)) as picture:
        assert picture.size == (made["width"], made["height"])
    assert any(message and message.startswith("drew a1") for message in told)
    assert wire_size(result) < LIMIT


def test_a_host_that_shows_no_pictures_gets_the_verdicts_as_text(tmp_path: Path) -> None:
    result = call(repaired(tmp_path), "create_image", task=TASK)
    assert "accepted" in text_of(result)
    assert all(question in text_of(result) for question in QUESTIONS)
    assert [check["verdict"] for check in result.structured_content["checks"]] == ["yes", "yes", "yes"]


def test_a_large_picture_is_previewed_under_the_limit_of_hosts(tmp_path: Path) -> None:
    noise = Image.effect_noise((1600, 1600), 90).convert("RGB")
    generator = ScriptedGenerator(lambda request: noise)
    result = call(scripted_agent(tmp_path, generator=generator), "create_image", task=TASK)
    (image,) = [block for block in result.content if isinstance(block, ImageContent)]
    assert Path(result.structured_content["path"]).stat().st_size > LIMIT > wire_size(result)
    with Image.open(io.BytesIO(base64.b64decode(image.data))) as picture:
        assert picture.format == "JPEG" and picture.width == picture.height <= 1024


def test_a_preview_keeps_small_files_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "red").save(path)
    assert preview_of(path) == (path.read_bytes(), "image/png")


def test_input_pictures_come_as_paths_or_data_uris(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40), "white").save(path)
    uri = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    agent = repaired(tmp_path / "runs")
    result = call(agent, "create_image", task=TASK, images=[str(path), uri])
    run = json.loads((agent.config.runs_dir / result.structured_content["run_id"] / "result.json").read_text())
    first, second = run["task"]["images"]
    assert first == second


def test_check_image_answers_questions_or_those_of_a_task(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40), "white").save(path)
    agent = scripted_agent(tmp_path, lambda prompt, question: 0.9 if "circle" in question else 0.2)
    asked = call(agent, "check_image", image=str(path), questions=["Is there a circle?", "Is there a cat?"])
    assert asked.structured_content == {
        "accepted": False,
        "checks": [
            {"question": "Is there a circle?", "verdict": "yes", "probability": 0.9},
            {"question": "Is there a cat?", "verdict": "no", "probability": 0.2},
        ],
    }
    planned = call(agent, "check_image", image=str(path), task=TASK)
    assert [check["question"] for check in planned.structured_content["checks"]] == list(QUESTIONS)
    assert list((tmp_path).glob("*/trace.jsonl")) == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("create_image", {"task": " "}, "empty"),
        ("create_image", {"task": TASK, "images": ["/nowhere.png"]}, "/nowhere.png"),
        ("create_image", {"task": TASK, "images": ["a"] * 6}, "5"),
        ("create_image", {"task": TASK, "images": ["data:image/png;base64,!!!"]}, "base64"),
        ("create_image", {"task": TASK, "seed": -1}, "seed"),
        ("check_image", {"image": "/nowhere.png", "questions": ["Is it?"]}, "/nowhere.png"),
    ],
)
def test_a_wrong_call_is_an_error_result_that_says_what_is_wrong(
    tmp_path: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(repaired(tmp_path), tool, **arguments)
    assert result.is_error and said in text_of(result)
    assert "Traceback" not in text_of(result)


def test_the_descriptions_cost_a_host_little(tmp_path: Path) -> None:
    async def tools() -> str:
        async with Client(build_server(repaired(tmp_path))) as client:
            return "".join(
                tool.model_dump_json(exclude={"output_schema"}) for tool in (await client.list_tools()).tools
            )

    assert len(asyncio.run(tools())) < 3_500
