"""OmniAgent as a graph of its own, for LangGraph's server and for hosts that run graphs. Needs `omniagent[langchain]`.

`langgraph.json` in the project's folder names `make_graph`. A thread of the server is a conversation: each message is a
task, its pictures are the task's, and the answer holds the picture. What the agent is doing goes to the stream mode
`custom`.
"""

import base64
from functools import cache
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.messages.content import create_image_block, create_text_block
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError
from typing_extensions import TypedDict

from omniagent.agent import Agent
from omniagent.integrations.answers import run_answer
from omniagent.integrations.arguments import CreateArguments, refusal
from omniagent.integrations.hosting import Request, arun_heard, preview_of, request_of
from omniagent.integrations.pictures import PictureReader
from omniagent.model.errors import BadSetting, BadTask
from omniagent.runs.awaiting import in_thread
from omniagent.runs.result import Result
from omniagent.runs.status import describe

OPTIONS = ("seed", "size", "mode", "max_rounds", "candidates", "time_limit")


class Conversation(TypedDict, total=False):
    """What the graph is given, and what it keeps. Left out: what suits the model.

    `task` and `images` take the place of the last message's words and pictures; with `mode` `edit` and no pictures the
    last run's picture is changed. `result` is the last run as plain data, as the tools answer it.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    task: str | None
    images: list[str] | None
    seed: int | None
    size: str | None
    mode: str | None
    max_rounds: int | None
    candidates: int | None
    time_limit: float | None
    result: dict[str, Any] | None


Graph = CompiledStateGraph[Conversation, Any, Conversation, Conversation]


@cache
def make_graph() -> Graph:
    """The graph over an agent of the environment's settings; the same one each time, so that models load once."""
    held: list[Agent] = []

    async def agent() -> Agent:
        if not held:
            # Settings are read from files and the environment, which would hold the server's event loop up.
            made = await in_thread(Agent)
            held[:] = held or [made]
        return held[0]

    return _graph(agent)


def graph_over(agent: Agent) -> Graph:
    """The graph over an agent of one's own."""

    async def own() -> Agent:
        return agent

    return _graph(own)


def _graph(agent: Any) -> Graph:
    async def omniagent(state: Conversation) -> Conversation:
        own: Agent = await agent()
        write = get_stream_writer()
        request = await in_thread(lambda: _request(own, state))
        result = await arun_heard(
            own,
            request,
            lambda told: write({"progress": told.done, "total": told.total, "message": told.line}),
        )
        answer = await in_thread(lambda: _answer(result))
        # Words and pictures of this task are no part of the next.
        return {
            "messages": [answer],
            "result": run_answer(result).model_dump(mode="json"),
            "task": None,
            "images": None,
        }

    graph = StateGraph(Conversation)
    graph.add_node("omniagent", omniagent)
    graph.add_edge(START, "omniagent")
    graph.add_edge("omniagent", END)
    return graph.compile(name="OmniAgent")


def _request(agent: Agent, state: Conversation) -> Request:
    last = next((one for one in reversed(state.get("messages") or ()) if isinstance(one, HumanMessage)), None)
    given = state.get("images")
    images = [*(given if given is not None else _pictures(last) if last is not None else ())]
    earlier = state.get("result")
    if not images and state.get("mode") == "edit" and earlier is not None:
        images = [str(earlier["run_id"])]
    words = state.get("task") or (last.text if last is not None else "")
    if not words.strip():
        raise BadTask("neither a task nor a message with words was given; say what you want to see")
    options = {name: state.get(name) for name in OPTIONS if state.get(name) is not None}
    try:
        arguments = CreateArguments.model_validate({"task": words, "images": images, **options})
    except ValidationError as error:
        raise BadSetting(refusal(error, CreateArguments)) from error
    return request_of(agent, arguments, PictureReader(agent.config.runs_dir).read(arguments.images))


def _pictures(message: HumanMessage) -> list[str]:
    """The pictures of a message as texts that stand for them."""
    found: list[str] = []
    for block in message.content_blocks:
        if block["type"] == "image":
            data, url = block.get("base64"), block.get("url")
            if data is not None:
                found.append(f"data:{block.get('mime_type', 'image/png')};base64,{data}")
            elif url is not None:
                found.append(url)
    return found


def _answer(result: Result) -> AIMessage:
    text, path = describe(result), result.image_path
    if path is None:
        return AIMessage(text)
    seen = preview_of(path)
    data = base64.b64encode(seen.data).decode()
    return AIMessage(
        content_blocks=[create_text_block(text), create_image_block(base64=data, mime_type=seen.mime_type)]
    )
