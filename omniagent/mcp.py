"""OmniAgent as an MCP server: the tools `create_image` and `check_image`. Needs `omniagent[mcp]`.

A result stays under the 1 MiB that hosts allow: text for hosts that show no pictures, a preview, a link to the full
file, and the verdicts as structured content. Over stdio nothing but the protocol is written to stdout: the transport
turns every other writer to stderr.
"""

import asyncio
import base64
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

import omniagent
from omniagent.agent import Agent
from omniagent.check import Checked
from omniagent.check import check_image as check
from omniagent.folder import check_thread_id
from omniagent.hosting import CREATE_IMAGE, Images, Rounds, Seed, TaskText, budget_of, pictures_of, preview_of
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.outcome import Status, describe, status_of
from omniagent.result import Result
from omniagent.tools.trace import (
    AttemptMade,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunStarted,
    StepProgress,
    ToolStarted,
)
from omniagent.tools.types import Answer, Critique, Requirement, StopReason

CHECK_IMAGE = (
    "Look at a picture and answer yes/no questions about it, each with a probability. "
    "Give questions, or a task whose requirements are checked."
)
_ImagePath = Annotated[str, Field(description="The picture: a file path or a data: URI")]
_Questions = Annotated[tuple[str, ...], Field(description="Yes/no questions, at most 32", max_length=32)]
_TaskToFit = Annotated[str | None, Field(description="Without questions: the words that the picture should fit")]


class _Face(BaseModel):
    model_config = ConfigDict(frozen=True)


class Check(_Face):
    """One requirement and its verdict; `probability` is that of yes, 0 to 1."""

    question: str
    verdict: Answer | None = None
    probability: float | None = None


class CreatedImage(_Face):
    """What `create_image` made. `path` is None when there is no picture."""

    status: Status
    accepted: bool
    stop_reason: StopReason
    message: str
    answer: str | None
    path: str | None
    width: int | None
    height: int | None
    checks: list[Check]
    attempts: int
    seconds: float
    run_id: str


class CheckedImage(_Face):
    """What `check_image` saw. `accepted`: every answer is yes."""

    accepted: bool
    checks: list[Check]


def build_server(agent: Agent) -> MCPServer[Any]:
    """The server over an agent; `run("stdio")` serves it until stdin ends."""
    server: MCPServer[Any] = MCPServer(
        "omniagent",
        title="OmniAgent",
        version=omniagent.__version__,
        instructions="Draws pictures from words and pictures, checks them, and repairs them.",
        log_level="WARNING",
    )

    @server.tool(
        description=CREATE_IMAGE,
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False),
    )
    async def create_image(
        task: TaskText,
        ctx: Context,
        images: Images = (),
        seed: Seed = 0,
        max_rounds: Rounds = None,
    ) -> Annotated[CallToolResult, CreatedImage]:
        try:
            result = await _run(agent, ctx, task, images, seed, max_rounds)
            return await asyncio.to_thread(_created, result)
        except (OmniAgentError, OSError) as error:
            return _failed(error)

    @server.tool(description=CHECK_IMAGE, annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def check_image(
        image: _ImagePath,
        questions: _Questions = (),
        task: _TaskToFit = None,
    ) -> Annotated[CallToolResult, CheckedImage]:
        try:
            return _checked(await asyncio.to_thread(check, agent, pictures_of([image])[0], questions, task=task))
        except (OmniAgentError, OSError) as error:
            return _failed(error)

    @server.resource("omniagent://runs/{run_id}/picture.png", mime_type="image/png")
    def picture(run_id: str) -> bytes:
        """The best picture of a run, at full size."""
        try:
            path = Result.load(agent.config.runs_dir / check_thread_id(run_id)).image_path
        except BadSetting as error:
            raise ResourceNotFoundError(str(error)) from error
        if path is None or not path.is_file():
            raise ResourceNotFoundError(f"the run {run_id} has no picture")
        return path.read_bytes()

    # The decorators have registered them; the names serve nobody else.
    _ = create_image, check_image, picture
    return server


async def _run(
    agent: Agent, ctx: Context, task: str, images: tuple[str, ...], seed: int, max_rounds: int | None
) -> Result:
    folder, told = Path(), 0
    stream = agent.astream(task, pictures_of(images), seed=seed, budget=budget_of(agent, max_rounds))
    async with aclosing(stream) as events:
        async for event in events:
            if isinstance(event, RunStarted):
                folder = Path(event.folder)
            if (line := _progress_line(event)) is not None:
                told += 1
                await ctx.report_progress(told, message=line)
    return await asyncio.to_thread(Result.load, folder)


def _progress_line(event: Event) -> str | None:
    match event:
        case ToolStarted():
            return f"{event.tool}…"
        case StepProgress():
            return f"{event.tool}: step {event.step} of {event.steps}"
        case Planned():
            return f"plan: {event.plan.mode}, {len(event.plan.checklist)} requirements"
        case AttemptMade():
            return f"drew {event.attempt.id}"
        case Critiqued():
            return f"looked at {event.critique.attempt}: {event.critique.passed} of {len(event.critique.verdicts)} hold"
        case Decided():
            return f"{event.decision.action.replace('_', ' ')}: {event.decision.reason}"
        case _:
            return None


def _created(result: Result) -> CallToolResult:
    path, best = result.image_path, result.best
    content: list[ContentBlock] = [TextContent(text=describe(result))]
    if path is not None:
        preview = preview_of(path)
        content.append(ImageContent(data=base64.b64encode(preview.data).decode(), mime_type=preview.mime_type))
        content.append(
            ResourceLink(
                name=f"{result.run_id}.png",
                uri=f"omniagent://runs/{result.run_id}/picture.png",
                description=f"The picture at full size; the file is {path.resolve()}",
                mime_type="image/png",
                size=path.stat().st_size,
            )
        )
    made = CreatedImage(
        status=status_of(result),
        accepted=result.accepted,
        stop_reason=result.stop_reason,
        message=result.message,
        answer=result.answer,
        path=None if path is None else str(path.resolve()),
        width=None if best is None else best.image.width,
        height=None if best is None else best.image.height,
        checks=_checks(result.checklist, result.critique),
        attempts=len(result.attempts),
        seconds=round(result.usage.seconds, 2),
        run_id=result.run_id,
    )
    return CallToolResult(content=content, structured_content=made.model_dump(mode="json"))


def _checked(found: Checked) -> CallToolResult:
    checks = _checks(found.checklist, found.critique)
    made = CheckedImage(accepted=found.critique.accepted, checks=checks)
    text = "\n".join(f"{one.verdict} {one.probability:.2f}  {one.question}" for one in checks)
    return CallToolResult(content=[TextContent(text=text)], structured_content=made.model_dump(mode="json"))


def _checks(checklist: tuple[Requirement, ...], critique: Critique | None) -> list[Check]:
    verdicts = {one.requirement: one for one in critique.verdicts} if critique else {}
    return [
        Check(question=need.question, verdict=seen.answer, probability=round(seen.probability, 4))
        if (seen := verdicts.get(need.id))
        else Check(question=need.question)
        for need in checklist
    ]


def _failed(error: Exception) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=f"{type(error).__name__}: {error}")], is_error=True)
