"""OmniAgent as a graph of its own, for LangGraph's server and for hosts that run graphs. Needs `omniagent[langchain]`.

`langgraph.json` in the project's folder names `make_graph`. A thread of the server is a conversation: each message is a
task, its pictures are the task's, and the answer holds the picture. What the agent is doing goes to the stream mode
`custom`. Files of this machine are read as pictures only where `graph_over` was given their folders.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.messages.content import create_image_block, create_text_block
from langgraph.channels import EphemeralValue
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
from omniagent.model.wording import shown
from omniagent.runs.awaiting import in_thread
from omniagent.runs.result import Result
from omniagent.runs.status import describe

OPTIONS = ("seed", "size", "mode", "max_rounds", "candidates", "time_limit")


class Asked(TypedDict, total=False):
    """What the graph is given, beside `messages` for one turn alone. Left out: what suits the model.

    `task` and `images` take the place of the last message's words and pictures; with `mode` `edit` and no pictures the
    last run's picture is changed.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    task: Annotated[str | None, EphemeralValue]
    images: Annotated[list[str] | None, EphemeralValue]
    seed: Annotated[int | None, EphemeralValue]
    size: Annotated[str | None, EphemeralValue]
    mode: Annotated[str | None, EphemeralValue]
    max_rounds: Annotated[int | None, EphemeralValue]
    candidates: Annotated[int | None, EphemeralValue]
    time_limit: Annotated[float | None, EphemeralValue]


class Told(TypedDict, total=False):
    """What the graph answers, and all that a thread keeps: its messages, and the last run as the tools answer it."""

    messages: Annotated[list[AnyMessage], add_messages]
    result: dict[str, Any] | None


class Conversation(Asked, Told, total=False):
    """The state of a thread."""


Graph = CompiledStateGraph[Conversation, Any, Asked, Told]


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


def graph_over(agent: Agent, roots: Sequence[Path] = ()) -> Graph:
    """The graph over an agent of one's own.

    Args:
        agent: Draws; its models load at the first task and are shared by all threads.
        roots: Folders whose files may be named as pictures, beside earlier runs and pictures within a message.
    """

    async def own() -> Agent:
        return agent

    return _graph(own, roots)


def _graph(agent: Any, roots: Sequence[Path] = ()) -> Graph:
    async def omniagent(state: Conversation) -> Told:
        own: Agent = await agent()
        write = get_stream_writer()
        request = await in_thread(lambda: _request(own, state, roots))
        result = await arun_heard(
            own,
            request,
            lambda told: write({"progress": told.done, "total": told.total, "message": told.line}),
        )
        answer = await in_thread(lambda: _answer(result))
        return {"messages": [answer], "result": run_answer(result).model_dump(mode="json")}

    graph = StateGraph(Conversation, input_schema=Asked, output_schema=Told)
    graph.add_node("omniagent", omniagent)
    graph.add_edge(START, "omniagent")
    graph.add_edge("omniagent", END)
    return graph.compile(name="OmniAgent")


def _request(agent: Agent, state: Conversation, roots: Sequence[Path]) -> Request:
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
    return request_of(agent, arguments, PictureReader.of(agent, roots).read(arguments.images))


def _pictures(message: HumanMessage) -> Iterator[str]:
    """The pictures of a message as texts that stand for them.

    Raises:
        BadTask: it holds something that is neither words nor a picture that can be read.
    """
    for block in message.content_blocks:
        match block:
            case {"type": "text"}:
                continue
            case {"type": "image" | "file", "base64": str(data)}:
                # What a file holds is told by its bytes, whatever its type is called.
                yield f"data:{block.get('mime_type', 'image/png')};base64,{data}"
            case {"type": "image" | "file", "url": str(url)}:
                yield url
            case {"type": "non_standard", "value": {"type": "image_url", "image_url": str(url)}}:
                yield url
            case {"type": "non_standard", "value": {"type": kind}}:
                raise _unread(kind, {})
            case _:
                raise _unread(block["type"], block)


def _unread(kind: object, block: Mapping[str, Any]) -> BadTask:
    named = f" ({shown(block['file_id'])})" if "file_id" in block else ""
    return BadTask(
        f"the message has a block of type {shown(kind)}{named} that is not read; give words as text blocks, and "
        "pictures as image blocks with base64 or url"
    )


def _answer(result: Result) -> AIMessage:
    text, path = describe(result), result.image_path
    if path is None:
        return AIMessage(text)
    seen = preview_of(path)
    data = base64.b64encode(seen.data).decode()
    return AIMessage(
        content_blocks=[create_text_block(text), create_image_block(base64=data, mime_type=seen.mime_type)]
    )
