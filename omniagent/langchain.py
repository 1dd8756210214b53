"""OmniAgent as one tool of a LangChain or LangGraph agent. Needs `omniagent[langchain]`."""

from langchain_core.tools import StructuredTool, ToolException

from omniagent.agent import Agent
from omniagent.hosting import CREATE_IMAGE, Images, Rounds, Seed, TaskText, budget_of, pictures_of
from omniagent.model.errors import OmniAgentError
from omniagent.outcome import describe
from omniagent.result import Result


def as_langchain_tool(agent: Agent, *, name: str = "create_image", description: str = CREATE_IMAGE) -> StructuredTool:
    """The agent as a tool that draws, for `create_agent` or `bind_tools`.

    The model reads a few lines: status, file path, and the verdict of every requirement. The `Result` with the
    picture is the message's `artifact`, so that no pixels pile up in the conversation. An error of the agent comes
    back to the model as the tool's message with status `error`.

    Args:
        agent: Draws; its models load at the first call and are shared by all calls.
        name: The tool's name for the model.
        description: What the model is told of the tool.
    """

    def create_image(
        task: TaskText,
        images: Images = (),
        seed: Seed = 0,
        max_rounds: Rounds = None,
    ) -> tuple[str, Result]:
        try:
            result = agent.run(task, pictures_of(images), seed=seed, budget=budget_of(agent, max_rounds))
        except OmniAgentError as error:
            raise ToolException(str(error)) from error
        return describe(result), result

    async def acreate_image(
        task: TaskText,
        images: Images = (),
        seed: Seed = 0,
        max_rounds: Rounds = None,
    ) -> tuple[str, Result]:
        try:
            result = await agent.arun(task, pictures_of(images), seed=seed, budget=budget_of(agent, max_rounds))
        except OmniAgentError as error:
            raise ToolException(str(error)) from error
        return describe(result), result

    return StructuredTool.from_function(
        func=create_image,
        coroutine=acreate_image,
        name=name,
        description=description,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
