"""The LangChain tool: an agent with a scripted chat model draws one picture through it."""

import asyncio
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage

from omniagent.agent import Agent
from omniagent.langchain import as_langchain_tool
from omniagent.result import Result
from tests.faces import TASK, repaired


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
    assert set(schema["properties"]) == {"task", "images", "seed", "max_rounds"}
    assert schema["required"] == ["task"]
    assert schema["properties"]["images"]["maxItems"] == 5
    assert all("description" in one for one in schema["properties"].values())
