"""The agent as a graph of its own: what `langgraph.json` names, conversations, pictures, and progress."""

import asyncio
import base64
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image

from omniagent.integrations.langgraph import graph_over
from omniagent.model.errors import BadSetting, BadTask
from omniagent.model.requests import GenerationRequest
from omniagent.model.scripted import Drawn, ScriptedGenerator
from tests.support.faces import TASK, repaired
from tests.support.paths import ROOT
from tests.support.scripted_runs import plan_draft, scripted_agent, texts


def encoded(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_the_file_for_langgraphs_server_names_a_graph_that_is_made_once() -> None:
    """As the server reads it: the file by its path, then the name, called for each request."""
    named = json.loads((ROOT / "langgraph.json").read_text())
    assert named["dependencies"] == ["."]
    path, _, name = named["graphs"]["omniagent"].partition(":")
    spec = importlib.util.spec_from_file_location("as_the_server_does", ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = getattr(module, name)
    graph = made()
    assert graph is made() and graph.name == "OmniAgent"
    assert {"messages", "task", "images", "mode", "result"} <= set(graph.get_input_jsonschema()["properties"])


def test_a_message_is_a_task_and_the_answer_holds_picture_and_verdicts(tmp_path: Path) -> None:
    graph = graph_over(repaired(tmp_path))
    told: list[dict[str, Any]] = []

    async def go() -> dict[str, Any]:
        last: dict[str, Any] = {}
        given: Any = {"messages": [{"role": "user", "content": TASK}], "seed": 3}
        async for mode, chunk in graph.astream(given, stream_mode=["custom", "values"]):
            if mode == "custom":
                told.append(chunk)  # pyright: ignore[reportArgumentType]
            else:
                last = chunk  # pyright: ignore[reportAssignmentType]
        return last

    end = asyncio.run(go())
    text, image = end["messages"][-1].content_blocks
    assert "accepted" in text["text"] and "Is the circle red?" in text["text"]
    with Image.open(io.BytesIO(base64.b64decode(image["base64"]))) as picture:
        assert picture.size == (128, 128)
    assert (end["result"]["status"], end["result"]["seed"]) == ("accepted", 3)
    assert told[0]["message"] == "loading the models" and told[-1]["progress"] == told[-1]["total"]
    json.dumps(end["result"])


def test_pictures_of_a_message_are_the_tasks_and_a_thread_goes_on(tmp_path: Path) -> None:
    seen: list[GenerationRequest] = []

    def draw(request: GenerationRequest) -> Drawn:
        seen.append(request)
        return Image.new("RGB", (40, 40), "red")

    agent = scripted_agent(tmp_path, None, texts(plan_draft("edit")), generator=ScriptedGenerator(draw))
    graph = graph_over(agent).copy(update={"checkpointer": InMemorySaver()})
    thread: Any = {"configurable": {"thread_id": "1"}}
    blue = encoded(Image.new("RGB", (24, 16), "blue"))
    message = HumanMessage(
        content=[
            {"type": "text", "text": "make it red"},
            {"type": "image", "base64": blue, "mime_type": "image/png"},
        ]
    )

    async def go() -> None:
        await graph.ainvoke({"messages": [message]}, thread)
        assert [one.size for one in seen[-1].references] == [(24, 16)]
        # "mode" edit and no picture: the one before.
        await graph.ainvoke({"messages": [HumanMessage("and a little brighter")], "mode": "edit"}, thread)
        assert [one.size for one in seen[-1].references] == [(40, 40)]
        url = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{blue}"}}]
        more: Any = [*url, {"type": "text", "text": "make it red"}]
        await graph.ainvoke({"messages": [HumanMessage(more)]}, thread)
        assert [one.size for one in seen[-1].references] == [(24, 16)]

    asyncio.run(go())
    state = graph.get_state(thread).values
    assert len(state["messages"]) == 6 and state["result"]["run_id"] and state.get("task") is None


def test_wrong_input_is_an_error_of_its_own_type(tmp_path: Path) -> None:
    graph = graph_over(repaired(tmp_path))

    def asked(**given: Any) -> None:
        asyncio.run(graph.ainvoke(given))  # pyright: ignore[reportArgumentType]

    with pytest.raises(BadTask, match="neither a task nor a message"):
        asked(messages=[])
    with pytest.raises(BadSetting, match="size"):
        asked(task=TASK, size="large")
    with pytest.raises(BadSetting, match="mode='paint'"):
        asked(task=TASK, mode="paint")
