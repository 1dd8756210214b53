"""OmniAgent as one tool of a LangChain or LangGraph agent. Needs `omniagent[langchain]`."""

from typing import Any

from langchain_core.tools import ArgsSchema, StructuredTool, ToolException
from pydantic import ValidationError

from omniagent.agent import Agent
from omniagent.integrations.arguments import CreateArguments, refusal
from omniagent.integrations.hosting import CREATE_IMAGE, request_of
from omniagent.model.errors import OmniAgentError
from omniagent.runs.result import Result
from omniagent.runs.status import describe


def as_langchain_tool(agent: Agent, *, name: str = "create_image", description: str = CREATE_IMAGE) -> StructuredTool:
    """The agent as a tool that draws, for `create_agent` or `bind_tools`.

    The model reads a few lines: status, file path, and the verdict of every requirement. The `Result` with the
    picture is the message's `artifact`, so that no pixels pile up in the conversation. A LangGraph checkpointer keeps
    messages as plain data: from a state that was read back, `Result.model_validate(message.artifact)` is the `Result`
    again. Wrong arguments and errors of the agent come back to the model as the tool's message with status `error`.

    Args:
        agent: Draws; its models load at the first call and are shared by all calls.
        name: The tool's name for the model.
        description: What the model is told of the tool.
    """

    def create_image(task: str, **more: Any) -> tuple[str, Result]:
        try:
            result = agent.run(**request_of(agent, CreateArguments(task=task, **more)))
        except OmniAgentError as error:
            raise ToolException(str(error)) from error
        return describe(result), result

    async def acreate_image(task: str, **more: Any) -> tuple[str, Result]:
        try:
            result = await agent.arun(**request_of(agent, CreateArguments(task=task, **more)))
        except OmniAgentError as error:
            raise ToolException(str(error)) from error
        return describe(result), result

    return _Tool(
        func=create_image,
        coroutine=acreate_image,
        name=name,
        description=description,
        args_schema=CreateArguments,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=_refused,
    )


class _Tool(StructuredTool):
    @property
    def tool_call_schema(self) -> ArgsSchema:
        """The arguments with their strictness, which the subset that LangChain makes of them would lose."""
        return CreateArguments


def _refused(error: Any) -> str:
    return refusal(error, CreateArguments) if isinstance(error, ValidationError) else str(error)
