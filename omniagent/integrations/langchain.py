"""OmniAgent as tools of a LangChain or LangGraph agent. Needs `omniagent[langchain]`."""

import base64
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.messages import ToolMessage
from langchain_core.messages.content import create_image_block, create_text_block
from langchain_core.tools import ArgsSchema, StructuredTool, ToolException
from pydantic import ValidationError

from omniagent.agent import Agent, Picture
from omniagent.integrations.answers import CheckedImage, DescribedImage, checked_answer, checked_lines
from omniagent.integrations.arguments import (
    Arguments,
    CheckArguments,
    CreateArguments,
    DescribeArguments,
    EditArguments,
    refusal,
)
from omniagent.integrations.hosting import (
    CHECK_IMAGE,
    CREATE_IMAGE,
    DESCRIBE_IMAGE,
    EDIT_IMAGE,
    Request,
    arun_heard,
    preview_of,
    request_of,
    run_heard,
)
from omniagent.integrations.pictures import PictureReader
from omniagent.integrations.progress import Told
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.model.wording import shown
from omniagent.runs.awaiting import in_thread
from omniagent.runs.looking import Checked
from omniagent.runs.result import Result
from omniagent.runs.status import describe

Content = str | list[dict[str, Any]]
PREVIEW_SIDE = 1024
"""Pixels; of the picture that a model sees, in bytes as MCP's preview."""


def as_langchain_tool(
    agent: Agent,
    *,
    name: str = "create_image",
    description: str = CREATE_IMAGE,
    pictures: bool = False,
    roots: Sequence[Path] | None = None,
) -> StructuredTool:
    """The agent as a tool that draws, for `create_agent` or `bind_tools`.

    The model reads a few lines: status, file path, and the verdict of every requirement. The `Result` with the
    picture is the message's `artifact`, so that no pixels pile up in the conversation. A LangGraph checkpointer keeps
    messages as plain data; `result_of(message)` gives the `Result` before and after that. Progress goes to LangGraph's
    stream mode `custom`. Wrong arguments and errors of the agent come back to the model as the tool's message with
    status `error`.

    Args:
        agent: Draws; its models load at the first call and are shared by all calls.
        name: The tool's name for the model.
        description: What the model is told of the tool.
        pictures: Whether the message also holds the picture, for a model that sees, as a content block of at most
            1024 pixels a side.
        roots: Folders whose files the model may name as pictures, beside earlier runs; None: any that can be read.
    """
    return _Tools(agent, pictures, roots).drawing(name, description, CreateArguments)


def as_langchain_tools(
    agent: Agent, *, pictures: bool = False, roots: Sequence[Path] | None = None
) -> list[StructuredTool]:
    """The tools `create_image`, `edit_image`, `check_image` and `describe_image`; arguments as of `as_langchain_tool`.

    The artifact of `check_image` is a `CheckedImage`, of `describe_image` a `DescribedImage`.
    """
    tools = _Tools(agent, pictures, roots)
    return [
        tools.drawing("create_image", CREATE_IMAGE, CreateArguments),
        tools.drawing("edit_image", EDIT_IMAGE, EditArguments),
        tools.looking("check_image", CHECK_IMAGE, CheckArguments, tools.check, tools.acheck),
        tools.looking("describe_image", DESCRIBE_IMAGE, DescribeArguments, tools.describe, tools.adescribe),
    ]


def result_of(message: ToolMessage) -> Result:
    """The `Result` behind a message of `create_image` or `edit_image`, also when a checkpointer kept it as plain data.

    Raises:
        BadSetting: the message holds none.
    """
    try:
        return Result.model_validate(message.artifact)
    except ValidationError as error:
        raise BadSetting(f"the message {shown(message.tool_call_id)} holds no result of a run") from error


class _Tools(NamedTuple):
    agent: Agent
    pictures: bool
    roots: Sequence[Path] | None

    def drawing(self, name: str, description: str, takes: type[CreateArguments | EditArguments]) -> StructuredTool:
        def draw(**given: Any) -> tuple[Content, Result]:
            write = _writer(name)
            with _told():
                result = run_heard(self.agent, self._request(takes(**given)), write)
                return self._content(result), result

        async def adraw(**given: Any) -> tuple[Content, Result]:
            write = _writer(name)
            with _told():
                request = await in_thread(lambda: self._request(takes(**given)))
                result = await arun_heard(self.agent, request, write)
                return await in_thread(lambda: self._content(result)), result

        return _tool(name, description, takes, draw, adraw)

    def looking(
        self,
        name: str,
        description: str,
        takes: type[Arguments],
        look: Callable[[Any], tuple[str, Any]],
        alook: Callable[[Any], Awaitable[tuple[str, Any]]],
    ) -> StructuredTool:
        def see(**given: Any) -> tuple[str, Any]:
            with _told():
                return look(takes(**given))

        async def asee(**given: Any) -> tuple[str, Any]:
            with _told():
                return await alook(takes(**given))

        return _tool(name, description, takes, see, asee)

    def check(self, arguments: CheckArguments) -> tuple[str, CheckedImage]:
        picture = self._picture(arguments.image)
        return _checked(self.agent.check(picture, arguments.questions, task=arguments.task))

    async def acheck(self, arguments: CheckArguments) -> tuple[str, CheckedImage]:
        picture = await in_thread(lambda: self._picture(arguments.image))
        return _checked(await self.agent.acheck(picture, arguments.questions, task=arguments.task))

    def describe(self, arguments: DescribeArguments) -> tuple[str, DescribedImage]:
        return _described(self.agent.describe(self._picture(arguments.image), arguments.question))

    async def adescribe(self, arguments: DescribeArguments) -> tuple[str, DescribedImage]:
        picture = await in_thread(lambda: self._picture(arguments.image))
        return _described(await self.agent.adescribe(picture, arguments.question))

    def _request(self, arguments: CreateArguments | EditArguments) -> Request:
        asked = arguments.as_create() if isinstance(arguments, EditArguments) else arguments
        return request_of(self.agent, asked, self._reader().read(asked.images))

    def _picture(self, text: str) -> Picture:
        (picture,) = self._reader().read((text,))
        return picture

    def _reader(self) -> PictureReader:
        return PictureReader.of(self.agent, self.roots)

    def _content(self, result: Result) -> Content:
        text, path = describe(result), result.image_path
        if not self.pictures or path is None:
            return text
        seen = preview_of(path, side=PREVIEW_SIDE)
        data = base64.b64encode(seen.data).decode()
        image = create_image_block(base64=data, mime_type=seen.mime_type)
        # An id of each block would change what is sent for the same result.
        return [{"type": "text", "text": create_text_block(text)["text"]}, {**image, "id": f"{result.run_id}.png"}]


@contextmanager
def _told() -> Generator[None]:
    """Errors of the agent as those that the tool tells the model."""
    try:
        yield
    except (OmniAgentError, OSError) as error:
        raise ToolException(str(error)) from error


def _checked(found: Checked) -> tuple[str, CheckedImage]:
    answer = checked_answer(found)
    return checked_lines(answer), answer


def _described(text: str) -> tuple[str, DescribedImage]:
    return text, DescribedImage(text=text)


class _Tool(StructuredTool):
    @property
    def tool_call_schema(self) -> ArgsSchema:
        """The arguments with their strictness, which the subset that LangChain makes of them would lose."""
        assert self.args_schema is not None, "it is given where the tool is made"
        return self.args_schema


def _tool(
    name: str,
    description: str,
    takes: type[Arguments],
    run: Callable[..., tuple[Any, Any]],
    arun: Callable[..., Awaitable[tuple[Any, Any]]],
) -> StructuredTool:
    def refused(error: Any) -> str:
        return refusal(error, takes) if isinstance(error, ValidationError) else str(error)

    return _Tool(
        func=run,
        coroutine=arun,
        name=name,
        description=description,
        args_schema=takes,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=refused,
    )


def _writer(tool: str) -> Callable[[Told], None]:
    """What tells LangGraph's `custom` stream how far a run is; None where the tool is called outside a graph."""
    from langgraph.config import get_stream_writer

    try:
        write = get_stream_writer()
    except (RuntimeError, KeyError):
        # Within a runnable of LangChain's alone there is a configuration, but no graph's runtime in it.
        return lambda told: None
    return lambda told: write({"tool": tool, "progress": told.done, "total": told.total, "message": told.line})
