"""The LangChain tool: an agent with a scripted chat model draws one picture through it."""

import asyncio
import base64
import io
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image

from omniagent.agent import Agent
from omniagent.integrations.langchain import as_langchain_tool, as_langchain_tools, result_of
from omniagent.model.errors import BadSetting
from omniagent.runs.result import Result
from tests.support.faces import TASK, repaired, stuck


class ScriptedChatModel(GenericFakeChatModel):
    """Says its messages in order, whatever tools it is given."""

    def bind_tools(self, tools: Any, **more: Any) -> "ScriptedChatModel":
        return self


def order(**arguments: Any) -> dict[str, Any]:
    return {"name": "create_image", "args": arguments, "id": "call-1", "type": "tool_call"}


def test_a_langgraph_agent_draws_a_picture_through_the_tool(agent: Agent) -> None:
    model = ScriptedChatModel(
        messages=iter([AIMessage("", tool_calls=[order(task=TASK, seed=3)]), AIMessage("Here it is.")])
    )
    outer = create_agent(model, tools=[as_langchain_tool(agent)])
    messages = outer.invoke({"messages": [("user", "I want a red circle")]})["messages"]
    (answer,) = [message for message in messages if isinstance(message, ToolMessage)]
    assert answer.status == "success" and messages[-1].content == "Here it is."
    assert isinstance(answer.artifact, Result) and answer.artifact.image is not None
    assert answer.artifact.seed == 3
    assert str(answer.artifact.image_path) in answer.text


def test_the_model_reads_text_only_and_the_artifact_holds_the_picture(tmp_path: Path) -> None:
    message = asyncio.run(as_langchain_tool(repaired(tmp_path)).ainvoke(order(task=TASK)))
    assert isinstance(message.content, str) and "0.97  Is the circle red?" in message.content
    assert len(message.content) < 1_000
    assert message.artifact.accepted


def test_an_error_comes_back_to_the_model_as_a_message(tmp_path: Path) -> None:
    message = as_langchain_tool(repaired(tmp_path)).invoke(order(task=TASK, images=["/nowhere.png"]))
    assert message.status == "error" and "/nowhere.png" in message.content


def test_the_schema_tells_every_argument_and_its_range(tmp_path: Path) -> None:
    tool = as_langchain_tool(repaired(tmp_path), name="draw", description="Draws.")
    schema = tool.tool_call_schema.model_json_schema()
    assert (tool.name, tool.description) == ("draw", "Draws.")
    common = {"task", "images", "seed", "max_rounds", "size", "time_limit", "candidates", "thread_id"}
    assert set(schema["properties"]) == {*common, "mode"}
    assert schema["required"] == ["task"]
    assert schema["properties"]["images"]["maxItems"] == 5
    assert all("description" in one for one in schema["properties"].values())
    told = convert_to_openai_tool(tool)["function"]
    assert (told["name"], told["description"]) == ("draw", "Draws.")
    assert told["parameters"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        {"images": None, "seed": None, "max_rounds": None, "size": None, "time_limit": None},
        {"images": "", "seed": "-1", "max_rounds": "3", "size": "64x64", "time_limit": "60"},
    ],
)
def test_arguments_are_taken_as_they_are_meant(tmp_path: Path, arguments: dict[str, Any]) -> None:
    for answer in (
        as_langchain_tool(repaired(tmp_path / "a")).invoke(order(task=TASK, **arguments)),
        asyncio.run(as_langchain_tool(repaired(tmp_path / "b")).ainvoke(order(task=TASK, **arguments))),
    ):
        assert answer.status == "success", answer.content
        assert f"seed {answer.artifact.seed}" in answer.content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sizes": "512x512"}, "did you mean 'size'?"),
        ({"image": "a.png"}, "'image' is not known"),
        ({"seed": "seven"}, "seed='seven'"),
        ({"max_rounds": 1000}, "max_rounds=1000"),
        ({"size": "x" * 5_000}, "WxH"),
        ({"task": None}, "task=None"),
    ],
)
def test_wrong_arguments_come_back_to_the_model_as_a_message(
    tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    tool = as_langchain_tool(repaired(tmp_path))
    asked = order(**{"task": TASK, **arguments})
    for message in (tool.invoke(asked), asyncio.run(tool.ainvoke(asked))):
        assert message.status == "error" and said in message.content
        assert "pydantic" not in message.content and len(message.content) < 600


def test_a_result_that_went_through_a_checkpointer_is_read_back_as_a_result(tmp_path: Path) -> None:
    model = ScriptedChatModel(messages=iter([AIMessage("", tool_calls=[order(task=TASK)]), AIMessage("Done.")]))
    outer = create_agent(model, tools=[as_langchain_tool(repaired(tmp_path))], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    said = outer.invoke({"messages": [("user", "I want a red circle")]}, thread)["messages"]
    for messages in (said, outer.get_state(thread).values["messages"]):
        (answer,) = [one for one in messages if isinstance(one, ToolMessage)]
        result = result_of(answer)
        assert result.accepted and result.image is not None and str(result.image_path) in answer.text
    with pytest.raises(BadSetting, match="no result of a run"):
        result_of(ToolMessage("a", tool_call_id="1"))


def call_of(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{name}", "type": "tool_call"}])


def test_a_langgraph_agent_draws_checks_describes_and_edits_what_it_has_drawn(tmp_path: Path) -> None:
    model = ScriptedChatModel(
        messages=iter(
            [
                call_of("create_image", task=TASK, thread_id="mine"),
                call_of("check_image", image="mine", questions=["Is there a circle?"]),
                call_of("describe_image", image="mine"),
                call_of("edit_image", task="make the circle red", images="mine"),
                call_of("edit_image", task="make it red", images=[str(tmp_path / "elsewhere.png")]),
                AIMessage("Here it is."),
            ]
        )
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "elsewhere.png")
    tools = as_langchain_tools(repaired(tmp_path / "runs"), pictures=True, roots=[tmp_path / "mine"])
    outer = create_agent(model, tools=tools)
    told: list[dict[str, Any]] = []
    messages: list[Any] = []

    async def go() -> None:
        stream = outer.astream({"messages": [("user", "I want a circle")]}, stream_mode=["custom", "values"])
        async for mode, chunk in stream:
            if mode == "custom":
                told.append(chunk)  # pyright: ignore[reportArgumentType]
            else:
                messages[:] = chunk["messages"]

    asyncio.run(go())
    drawn, checked, described, edited, refused = [one for one in messages if isinstance(one, ToolMessage)]
    assert messages[-1].content == "Here it is."
    text, image = drawn.content_blocks
    assert text["type"] == "text" and "accepted" in text["text"] and image["type"] == "image"
    with Image.open(io.BytesIO(base64.b64decode(image.get("base64", "")))) as picture:
        assert picture.size == (128, 128) and image.get("mime_type") == "image/png"
    assert checked.artifact.accepted and "Is there a circle?" in checked.content
    assert (described.content, described.artifact.text) == ("two", "two")
    first, second = result_of(drawn), result_of(edited)
    assert second.task.images[0].sha256 == first.best.image.sha256  # pyright: ignore[reportOptionalMemberAccess]
    assert refused.status == "error" and "lies outside the folders" in refused.text
    assert {one["tool"] for one in told} == {"create_image", "edit_image"}
    steps = [one for one in told if one["tool"] == "create_image"]
    assert steps[0]["message"] == "loading the models" and steps[-1]["progress"] == steps[-1]["total"]


def test_the_synchronous_tool_tells_the_custom_stream_too(tmp_path: Path) -> None:
    model = ScriptedChatModel(messages=iter([call_of("create_image", task=TASK), AIMessage("Done.")]))
    outer = create_agent(model, tools=as_langchain_tools(repaired(tmp_path)))
    told = list(outer.stream({"messages": [("user", "a circle")]}, stream_mode="custom"))
    assert len(told) > 5 and all(set(one) == {"tool", "progress", "total", "message"} for one in told)  # pyright: ignore


def test_cancelling_the_asyncio_task_cancels_the_run(tmp_path: Path) -> None:
    agent = stuck(tmp_path)

    async def go() -> None:
        task = asyncio.create_task(as_langchain_tool(agent).ainvoke(order(task=TASK, thread_id="mine")))
        while not (tmp_path / "mine" / "attempts" / "a1.png").exists():
            await asyncio.to_thread(gone.wait, 0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    gone = threading.Event()
    asyncio.run(go())
    assert Result.load(tmp_path / "mine").stop_reason == "cancelled"
