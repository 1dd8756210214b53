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
from omniagent.model.errors import BadImage, BadSetting, BadTask
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
    assert {"messages", "task", "images", "mode"} <= set(graph.get_input_jsonschema()["properties"])


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


def test_a_turn_that_failed_or_set_options_leaves_nothing_of_them_to_the_next(tmp_path: Path) -> None:
    seen: list[GenerationRequest] = []

    def draw(request: GenerationRequest) -> Drawn:
        seen.append(request)
        return Image.new("RGB", (64, 64), "red")

    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(draw))
    graph = graph_over(agent).copy(update={"checkpointer": InMemorySaver()})
    thread: Any = {"configurable": {"thread_id": "1"}}

    async def go() -> dict[str, Any]:
        given: Any = {"task": "a stale one", "images": ["/nowhere.png"], "seed": 7, "size": "64x64"}
        for _ in range(2):
            with pytest.raises(BadImage):
                await graph.ainvoke(given, thread)
            given = None  # Tried again as it was.
        await graph.ainvoke(
            {"messages": [HumanMessage(TASK)], "seed": 5, "size": "256x256", "mode": "generate"}, thread
        )
        await graph.ainvoke({"messages": [HumanMessage("a blue star")]}, thread)
        return graph.get_state(thread).values

    end = asyncio.run(go())
    assert [(one.seeds, one.width) for one in seen] == [((5,), 256), ((0,), None)]
    assert set(end) == {"messages", "result"} and end["result"]["seed"] == 0


def test_no_file_of_the_machine_is_read_unless_its_folder_was_allowed(tmp_path: Path) -> None:
    agent = repaired(tmp_path / "runs")
    picture = tmp_path / "secret.png"
    Image.new("RGB", (32, 32), "blue").save(picture)
    ways: list[Any] = [
        {"task": TASK, "images": [str(picture)]},
        {"task": TASK, "images": [picture.as_uri()]},
        {"messages": [HumanMessage([{"type": "text", "text": TASK}, {"type": "image", "url": str(picture)}])]},
        {"messages": [HumanMessage([TASK, {"type": "image_url", "image_url": {"url": picture.as_uri()}}])]},
        {"messages": [HumanMessage([TASK, {"type": "image_url", "image_url": str(picture)}])]},
    ]
    for given in ways:
        with pytest.raises(BadImage, match="outside the folders"):
            asyncio.run(graph_over(agent).ainvoke(given))
    end = asyncio.run(graph_over(agent, [tmp_path]).ainvoke(ways[0]))
    assert end["result"]["status"] == "accepted"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "image", "file_id": "file-123"}, "'image' \\('file-123'\\)"),
        ({"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}, "'audio'"),
        ({"type": "media", "data": "AAAA"}, "'media'"),
        ({"type": "file", "base64": "JVBERi0xLjcK", "mime_type": "application/pdf"}, "image 1"),
    ],
)
def test_what_a_message_holds_beside_words_and_pictures_is_refused_by_name(
    tmp_path: Path, block: dict[str, Any], said: str
) -> None:
    message = HumanMessage([{"type": "text", "text": TASK}, block])
    with pytest.raises((BadTask, BadImage), match=said):
        asyncio.run(graph_over(repaired(tmp_path)).ainvoke({"messages": [message]}))
