"""The MCP server: the official client draws a picture over stdio, and hosts get what they can use."""

import asyncio
import base64
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, ImageContent, ResourceLink, TextContent
from PIL import Image
from typer.testing import CliRunner

import omniagent
from omniagent.agent import Agent
from omniagent.cli import build_app
from omniagent.config import Config
from omniagent.integrations.arguments import CheckArguments, DescribeArguments, GetRunArguments
from omniagent.integrations.hosting import preview_of
from omniagent.integrations.mcp import build_server
from omniagent.integrations.mcp.content import resource_of
from omniagent.model.scripted import ScriptedGenerator
from tests.support.broken_pictures import TORN_PNG
from tests.support.faces import TASK, repaired
from tests.support.paths import ROOT
from tests.support.scripted_runs import QUESTIONS, scripted_agent

LIMIT = 1024 * 1024
TOOLS = {"create_image", "edit_image", "check_image", "describe_image", "get_run", "list_runs"}


def call(agent: Agent, tool: str, **arguments: Any) -> CallToolResult:
    """One call over an in-memory connection that may read every file."""

    async def one() -> CallToolResult:
        async with Client(build_server(agent, roots=[Path("/")], patience=600)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(one())


def text_of(result: CallToolResult) -> str:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    return block.text


def wire_size(result: CallToolResult) -> int:
    return len(result.model_dump_json(by_alias=True))


@pytest.mark.slow
def test_the_official_client_draws_a_picture_over_stdio(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.support.launch", "mcp", "--runs-dir", str(tmp_path / "runs")],
        cwd=ROOT,
        env=dict(os.environ),
    )
    told: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async def draw() -> tuple[CallToolResult, bytes]:
        async with Client(server) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == TOOLS
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
    # A host hears the newest news only: of a quick run perhaps nothing between its beginning and its end.
    assert (told[-1] or "").startswith("done: "), told
    assert wire_size(result) < LIMIT


def test_a_host_that_shows_no_pictures_gets_the_verdicts_as_text(tmp_path: Path) -> None:
    result = call(repaired(tmp_path), "create_image", task=TASK)
    assert "accepted" in text_of(result)
    assert all(question in text_of(result) for question in QUESTIONS)
    assert [check["verdict"] for check in result.structured_content["checks"]] == ["yes", "yes", "yes"]


def test_a_large_picture_is_previewed_under_the_limit_of_hosts(tmp_path: Path) -> None:
    noise = Image.effect_noise((1200, 1200), 90).convert("RGB")
    generator = ScriptedGenerator(lambda request: noise)
    result = call(scripted_agent(tmp_path, generator=generator), "create_image", task=TASK)
    (image,) = [block for block in result.content if isinstance(block, ImageContent)]
    assert Path(result.structured_content["path"]).stat().st_size > LIMIT > wire_size(result)
    with Image.open(io.BytesIO(base64.b64decode(image.data))) as picture:
        assert picture.format == "JPEG" and picture.width == picture.height <= 1024


def test_a_preview_keeps_small_files_as_they_are_and_has_1024_pixels_a_side_at_most(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "red").save(path)
    assert preview_of(path) == (path.read_bytes(), "image/png")
    # Few bytes, many pixels.
    Image.new("RGB", (2048, 512), "red").save(path)
    seen = preview_of(path)
    with Image.open(io.BytesIO(seen.data)) as picture:
        assert (picture.size, seen.mime_type) == ((1024, 256), "image/jpeg")
    assert resource_of(path) == (path.read_bytes(), "image/png")
    path.write_bytes(TORN_PNG)
    with pytest.raises(OSError, match="broken"):
        preview_of(path)


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
            {"question": "Is there a circle?", "verdict": "yes", "probability": 0.9, "evidence": ""},
            {"question": "Is there a cat?", "verdict": "no", "probability": 0.2, "evidence": ""},
        ],
        "unchecked": [],
    }
    planned = call(agent, "check_image", image=str(path), task=TASK)
    assert [check["question"] for check in planned.structured_content["checks"]] == list(QUESTIONS)
    assert list((tmp_path).glob("*/trace.jsonl")) == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("create_image", {"task": " "}, "empty"),
        ("create_image", {"task": TASK, "images": ["/nowhere.png"]}, "/nowhere.png"),
        ("edit_image", {"task": TASK}, "images is missing"),
        ("edit_image", {"task": TASK, "images": []}, "at least 1 item"),
        ("edit_image", {"task": TASK, "images": ["/nowhere.png"], "mode": "edit"}, "'mode' is not known"),
        ("describe_image", {"image": "/nowhere.png", "ask": "?"}, "'ask' is not known"),
        ("create_image", {"task": TASK, "candidates": 99}, "candidates=99"),
        ("create_image", {"task": TASK, "thread_id": "../up"}, "thread_id='../up'"),
        ("get_run", {"run_id": "../../etc"}, "../../etc"),
        ("get_run", {"run_id": "nobody", "wait": -1}, "wait=-1"),
        ("list_runs", {"limit": 51}, "limit=51"),
        ("list_runs", {"page": 2}, "'page' is not known"),
        ("create_image", {"task": TASK, "images": ["a"] * 6}, "5"),
        ("create_image", {"task": TASK, "images": ["data:image/png;base64,!!!"]}, "base64"),
        ("create_image", {"task": TASK, "seed": -2}, "seed=-2"),
        ("create_image", {"task": TASK, "seed": True}, "seed=True"),
        ("create_image", {"task": TASK, "max_rounds": "many"}, "max_rounds='many'"),
        ("create_image", {"task": TASK, "max_rounds": 0}, "max_rounds=0"),
        ("create_image", {"task": TASK, "time_limit": 0}, "time_limit=0"),
        ("create_image", {"task": TASK, "size": "large"}, "WxH"),
        ("create_image", {"task": TASK, "size": "9x9"}, "from 16 to 4096"),
        ("create_image", {"task": TASK, "images": [None, "a.png"]}, "images.0"),
        ("create_image", {}, "task is missing"),
        ("create_image", {"task": TASK, "steps": 3}, "'steps' is not known"),
        ("create_image", {"task": TASK, "image": "a.png"}, "did you mean 'images'?"),
        ("check_image", {"image": "/nowhere.png", "question": "Is it?"}, "did you mean 'questions'?"),
        ("check_image", {"image": ["a.png", "b.png"], "task": "a"}, "image="),
        ("check_image", {"image": "/nowhere.png", "questions": ["Is it?"]}, "/nowhere.png"),
    ],
)
def test_a_wrong_call_is_an_error_result_that_says_what_is_wrong(
    tmp_path: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(repaired(tmp_path), tool, **arguments)
    assert result.is_error and said in text_of(result)
    assert not any(word in text_of(result) for word in ("Traceback", "pydantic", "validation error", "Error executing"))


LONG = "x" * 5_000


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_image", {"task": TASK, LONG: 1}),
        ("create_image", {"task": TASK, "images": [LONG + ".png"]}),
        ("create_image", {"task": TASK, "images": {"path": LONG}}),
        ("create_image", {"task": TASK, "seed": LONG}),
        ("create_image", {"task": TASK, "size": LONG}),
        ("create_image", {"task": [LONG]}),
        ("check_image", {"image": "data:image/png;base64," + LONG, "task": "a"}),
        ("check_image", {"image": 7, "questions": [LONG]}),
    ],
)
def test_an_error_repeats_little_of_what_was_given(tmp_path: Path, tool: str, arguments: dict[str, Any]) -> None:
    result = call(repaired(tmp_path), tool, **arguments)
    assert result.is_error and len(text_of(result)) < 600


@pytest.mark.parametrize(
    "arguments",
    [
        {"images": None, "seed": None, "max_rounds": None, "size": None, "time_limit": None, "mode": ""},
        {"images": "", "seed": "", "max_rounds": "null", "size": "None", "time_limit": "", "mode": "null"},
        {"images": [], "seed": "7", "max_rounds": "3", "size": "64x64", "time_limit": "60", "mode": "Generate"},
        {"images": [""], "seed": 7.0, "max_rounds": "3.0", "size": "64 × 64", "time_limit": 60},
    ],
)
def test_arguments_are_taken_as_they_are_meant(tmp_path: Path, arguments: dict[str, Any]) -> None:
    made = call(repaired(tmp_path), "create_image", task=TASK, **arguments).structured_content
    assert made["status"] == "accepted"
    if arguments["size"] and "64" in arguments["size"]:
        assert (made["width"], made["height"], made["seed"]) == (64, 64, 7)


@pytest.mark.parametrize("nothing", [None, "", "null", "None"])
def test_what_stands_for_nothing_is_left_out_of_looks_and_runs(nothing: str | None) -> None:
    look = CheckArguments.model_validate({"image": "a.png", "questions": nothing, "task": nothing})
    assert (look.questions, look.task) == ((), None)
    assert DescribeArguments.model_validate({"image": "a.png", "question": nothing}).question is None
    run = GetRunArguments.model_validate({"run_id": "mine", "wait": nothing, "cancel": nothing})
    assert (run.wait, run.cancel) == (None, False)
    assert GetRunArguments.model_validate({"run_id": "mine", "cancel": "true"}).cancel


def test_one_picture_and_one_question_need_no_list(tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    Image.new("RGB", (40, 40), "white").save(path)
    data = base64.b64encode(path.read_bytes()).decode()
    for one in (str(path), path.as_uri(), json.dumps([str(path)]), f"data:;base64,{data}", data):
        made = call(repaired(tmp_path / "runs"), "create_image", task=TASK, images=one)
        assert not made.is_error, text_of(made)
        seen = call(repaired(tmp_path / "runs"), "check_image", image=one, questions="Is there a circle?")
        assert len(seen.structured_content["checks"]) == 1, text_of(seen)


def test_no_seed_at_all_is_zero_and_minus_one_a_random_one_that_is_told(tmp_path: Path) -> None:
    agent = repaired(tmp_path)
    assert call(agent, "create_image", task=TASK).structured_content["seed"] == 0
    drawn = [call(agent, "create_image", task=TASK, seed=seed) for seed in (-1, None)]
    seeds = {one.structured_content["seed"] for one in drawn}
    assert len(seeds) == 2 and 0 not in seeds
    assert all(f"seed {one.structured_content['seed']}" in text_of(one) for one in drawn)


def test_a_time_limit_is_the_runs_own(tmp_path: Path) -> None:
    made = call(repaired(tmp_path), "create_image", task=TASK, time_limit=1e-6).structured_content
    assert made["stop_reason"] == "time_limit"


def test_the_schemas_say_that_no_other_argument_is_known(tmp_path: Path) -> None:
    async def schemas() -> dict[str, Any]:
        async with Client(build_server(repaired(tmp_path))) as client:
            return {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}

    found = asyncio.run(schemas())
    assert all(schema["additionalProperties"] is False for schema in found.values())
    arguments = {"task", "images", "seed", "max_rounds", "size", "time_limit", "mode", "candidates", "thread_id"}
    assert set(found["create_image"]["properties"]) == arguments
    assert found["create_image"]["required"] == ["task"] and found["check_image"]["required"] == ["image"]


def test_a_large_picture_is_read_as_a_resource_under_the_limit_of_hosts(tmp_path: Path) -> None:
    noise = Image.effect_noise((1200, 1200), 90).convert("RGB")
    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(lambda request: noise))

    async def read() -> tuple[CallToolResult, Any]:
        async with Client(build_server(agent, patience=600)) as client:
            made = await client.call_tool("create_image", {"task": TASK})
            return made, await client.read_resource(f"omniagent://runs/{made.structured_content['run_id']}/picture.png")

    made, read_out = asyncio.run(read())
    (contents,) = read_out.contents
    assert len(read_out.model_dump_json(by_alias=True)) < LIMIT
    with Image.open(io.BytesIO(base64.b64decode(contents.blob))) as picture:
        assert (picture.format, contents.mime_type) == ("JPEG", "image/jpeg")
    (link,) = [block for block in made.content if isinstance(block, ResourceLink)]
    assert (link.mime_type, link.size) == ("image/jpeg", len(base64.b64decode(contents.blob)))
    assert made.structured_content["path"] in str(link.description)


def test_all_tool_definitions_cost_a_host_less_than_2500_tokens(tmp_path: Path) -> None:
    async def tools() -> str:
        async with Client(build_server(repaired(tmp_path))) as client:
            listed = await client.list_tools()
            assert {tool.name for tool in listed.tools} == TOOLS and all(tool.output_schema for tool in listed.tools)
            return listed.model_dump_json(by_alias=True, exclude_none=True)

    assert len(asyncio.run(tools())) / 4 < 2_500


def test_the_registrys_description_names_this_version_and_options_that_are_there() -> None:
    told = json.loads((ROOT / "server.json").read_text())
    (package,) = told["packages"]
    assert told["version"] == package["version"] == omniagent.__version__
    assert re.fullmatch(r"[a-z0-9.-]+/[a-z0-9-]+", told["name"]) and len(told["description"]) <= 100
    words = [one.get("name") or one["value"] for one in package["packageArguments"]]
    shown = CliRunner().invoke(build_app(), [words[0], "--help"])
    assert shown.exit_code == 0 and all(word in shown.stdout for word in words[1:])
    named = [one["name"].removeprefix("OMNIAGENT_").lower() for one in package["environmentVariables"]]
    assert set(named) <= set(Config.model_fields)
