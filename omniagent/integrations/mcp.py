"""OmniAgent as an MCP server: the tools `create_image` and `check_image`. Needs `omniagent[mcp]`.

Every answer stays under the 1 MiB that hosts allow. A result has text for hosts that show no pictures, a preview, a
link to a resource, and the verdicts as structured content. The resource of a picture that is larger is a JPEG of it
that fits; the full file is where `path` says. Over stdio nothing but the protocol is written to stdout: the transport
turns every other writer to stderr.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import (
    CallToolResult,
    ContentBlock,
    ImageContent,
    InputRequiredResult,
    ResourceLink,
    TextContent,
    ToolAnnotations,
)
from pydantic import AnyUrl, BaseModel, ConfigDict, ValidationError

import omniagent
from omniagent.agent import Agent
from omniagent.integrations.arguments import CheckArguments, CreateArguments, refusal
from omniagent.integrations.check import Checked
from omniagent.integrations.check import check_image as check
from omniagent.integrations.hosting import CREATE_IMAGE, Preview, Request, preview_of, request_of
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.model.wording import counted
from omniagent.runs.folder import check_thread_id
from omniagent.runs.result import Result
from omniagent.runs.status import Status, describe, doing, evidence_of, status_of
from omniagent.tools.record.trace import (
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
RESOURCE_BYTES = 720 * 1024
"""Of a picture that is read as a resource; as base64 in its message it stays under 1 MiB."""


class _Face(BaseModel):
    model_config = ConfigDict(frozen=True)


class Check(_Face):
    """One requirement and its verdict; `probability` is that of yes, 0 to 1, `evidence` what it rests on, in words."""

    question: str
    verdict: Answer | None = None
    probability: float | None = None
    evidence: str = ""


class CreatedImage(_Face):
    """What `create_image` made. `path` is None when there is no picture; `unchecked`: what no check asks for."""

    status: Status
    accepted: bool
    stop_reason: StopReason
    message: str
    answer: str | None
    path: str | None
    width: int | None
    height: int | None
    checks: list[Check]
    unchecked: list[str]
    attempts: int
    seed: int
    seconds: float
    run_id: str


class CheckedImage(_Face):
    """What `check_image` saw. `accepted`: every answer is yes, and the checks ask for all of the task."""

    accepted: bool
    checks: list[Check]
    unchecked: list[str]


class _Create(CreateArguments, ArgModelBase):
    pass


class _Look(CheckArguments, ArgModelBase):
    pass


class _Server(MCPServer[Any]):
    """Tells wrong arguments in our own words, and a resource's type by what it holds."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            known = _Create if name == "create_image" else _Look
            return _failed(BadSetting(refusal(error.__cause__, known)))

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        found = await super().read_resource(uri, context)
        if isinstance(found, InputRequiredResult):
            return found
        return [
            replace(one, mime_type="image/jpeg")
            if isinstance(one.content, bytes) and one.content.startswith(b"\xff\xd8")
            else one
            for one in found
        ]


def build_server(agent: Agent) -> MCPServer[Any]:
    """The server over an agent; `run("stdio")` serves it until stdin ends."""

    async def create_image(ctx: Context, **given: Any) -> Annotated[CallToolResult, CreatedImage]:
        try:
            result = await _run(agent, ctx, request_of(agent, CreateArguments.model_construct(**given)))
            return await asyncio.to_thread(_created, result)
        except (OmniAgentError, OSError) as error:
            return _failed(error)

    async def check_image(**given: Any) -> Annotated[CallToolResult, CheckedImage]:
        asked = CheckArguments.model_construct(**given)
        try:
            return _checked(await asyncio.to_thread(check, agent, asked.image, asked.questions, task=asked.task))
        except (OmniAgentError, OSError) as error:
            return _failed(error)

    draws = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    server = _Server(
        "omniagent",
        title="OmniAgent",
        version=omniagent.__version__,
        instructions="Draws pictures from words and pictures, checks them, and repairs them.",
        log_level="WARNING",
        tools=[
            _tool(create_image, _Create, CREATE_IMAGE, draws),
            _tool(check_image, _Look, CHECK_IMAGE, looks),
        ],
    )

    @server.resource("omniagent://runs/{run_id}/picture.png", mime_type="image/png")
    def picture(run_id: str) -> bytes:
        """The best picture of a run; one over 720 KiB as a JPEG under that. The run's folder has the full file."""
        try:
            path = Result.load(agent.config.runs_dir / check_thread_id(run_id)).image_path
        except BadSetting as error:
            raise ResourceNotFoundError(str(error)) from error
        if path is None or not path.is_file():
            raise ResourceNotFoundError(f"the run {run_id} has no picture")
        return _resource(path).data

    _ = picture  # The decorator has registered it; the name serves nobody else.
    return server


def _tool(run: Callable[..., Any], takes: type[ArgModelBase], description: str, hints: ToolAnnotations) -> Tool:
    """A tool whose arguments are those of a model that knows them all, not those that a signature would give."""
    made = Tool.from_function(run, description=description, annotations=hints)
    made.fn_metadata.arg_model = takes
    made.parameters = takes.model_json_schema()
    return made


def _resource(path: Path) -> Preview:
    return preview_of(path, RESOURCE_BYTES, side=4096)


async def _run(agent: Agent, ctx: Context[Any, Any], request: Request) -> Result:
    folder, told = Path(), 0
    stream = agent.astream(**request)
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
            return f"{doing(event.tool)}…"
        case StepProgress():
            return f"{doing(event.tool)}: step {event.step} of {event.steps}"
        case Planned():
            return f"plan: {event.plan.mode}, {counted(len(event.plan.checklist), 'requirement')}"
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
        preview, resource = preview_of(path), _resource(path)
        whole = resource.mime_type == "image/png"
        content.append(ImageContent(data=base64.b64encode(preview.data).decode(), mime_type=preview.mime_type))
        content.append(
            ResourceLink(
                name=f"{result.run_id}.png",
                uri=f"omniagent://runs/{result.run_id}/picture.png",
                description=f"The picture{'' if whole else ', as a smaller JPEG'}; the full file is {path.resolve()}",
                mime_type=resource.mime_type,
                size=len(resource.data),
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
        unchecked=list(result.unchecked),
        attempts=len(result.attempts),
        seed=result.seed,
        seconds=round(result.usage.seconds, 2),
        run_id=result.run_id,
    )
    return CallToolResult(content=content, structured_content=made.model_dump(mode="json"))


def _checked(found: Checked) -> CallToolResult:
    checks = _checks(found.checklist, found.critique)
    made = CheckedImage(
        accepted=found.critique.accepted and not found.unchecked, checks=checks, unchecked=list(found.unchecked)
    )
    lines = [f"{one.verdict} {one.probability:.2f}  {one.question}" for one in checks]
    text = "\n".join((*lines, *(f"not checked: {one}" for one in found.unchecked)))
    return CallToolResult(content=[TextContent(text=text)], structured_content=made.model_dump(mode="json"))


def _checks(checklist: tuple[Requirement, ...], critique: Critique | None) -> list[Check]:
    verdicts = {one.requirement: one for one in critique.verdicts} if critique else {}
    return [
        Check(
            question=need.question,
            verdict=seen.answer,
            probability=round(seen.probability, 4),
            evidence=evidence_of(seen),
        )
        if (seen := verdicts.get(need.id))
        else Check(question=need.question)
        for need in checklist
    ]


def _failed(error: Exception) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=f"{type(error).__name__}: {error}")], is_error=True)
