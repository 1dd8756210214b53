"""The server: six tools, and the pictures of runs as resources."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.server.mcpserver.resolve import ListRoots, Resolve
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import CallToolResult, InputRequiredResult, ListRootsResult, Resource, ToolAnnotations
from pydantic import AnyUrl, ValidationError

import omniagent
from omniagent.agent import Agent, Picture
from omniagent.integrations.answers import (
    CheckedImage,
    DescribedImage,
    ListedRuns,
    RunAnswer,
    checked_answer,
    checked_lines,
    listed_answer,
    listed_lines,
)
from omniagent.integrations.arguments import (
    CheckArguments,
    CreateArguments,
    DescribeArguments,
    EditArguments,
    GetRunArguments,
    ListRunsArguments,
    refusal,
)
from omniagent.integrations.hosting import CHECK_IMAGE, CREATE_IMAGE, DESCRIBE_IMAGE, EDIT_IMAGE, request_of
from omniagent.integrations.jobs import Job, Jobs, stored_run
from omniagent.integrations.mcp.content import (
    failed_content,
    part_of,
    picture_path,
    picture_uri,
    plain_content,
    resource_of,
    run_content,
    running_content,
    unfinished_content,
)
from omniagent.integrations.mcp.schemas import tool
from omniagent.integrations.pictures import PictureReader
from omniagent.model.errors import BadImage, BadSetting, OmniAgentError
from omniagent.model.wording import cut
from omniagent.runs.awaiting import in_thread
from omniagent.runs.listing import RunSummary, runs_in
from omniagent.tools.intake.addresses import path_in

PATIENCE: Final = 40.0
"""Seconds after which a run that is still at work is answered by a handle: many hosts give a call up after 60."""
_LISTED: Final = 20
_WAIT: Final = 20.0
GET_RUN = "Wait for a run that create_image or edit_image began, and get its result; or stop it."
LIST_RUNS = "List earlier runs, the newest first."


class _Create(CreateArguments, ArgModelBase):
    pass


class _Edit(EditArguments, ArgModelBase):
    pass


class _Check(CheckArguments, ArgModelBase):
    pass


class _Describe(DescribeArguments, ArgModelBase):
    pass


class _GetRun(GetRunArguments, ArgModelBase):
    pass


class _ListRuns(ListRunsArguments, ArgModelBase):
    pass


_TAKES: Final = {
    "create_image": _Create,
    "edit_image": _Edit,
    "check_image": _Check,
    "describe_image": _Describe,
    "get_run": _GetRun,
    "list_runs": _ListRuns,
}


class _Server(MCPServer[Any]):
    """Tells wrong arguments in our own words, a resource's type by what it holds, and the newest runs as resources."""

    def __init__(self, agent: Agent, **more: Any) -> None:
        super().__init__(
            "omniagent",
            title="OmniAgent",
            version=omniagent.__version__,
            instructions="Draws pictures from words and pictures, checks and repairs them. A call that takes long is "
            "answered by a run_id: call get_run until the run has ended.",
            log_level="WARNING",
            **more,
        )
        self._agent = agent

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError) or name not in _TAKES:
                raise
            return failed_content(BadSetting(refusal(error.__cause__, _TAKES[name])))

    async def list_resources(self) -> list[Resource]:
        runs = await in_thread(lambda: _newest(self._agent.config.runs_dir, _LISTED))
        return [
            Resource(uri=picture_uri(run.run_id), name=f"{run.run_id}.png", title=cut(run.task, 100))
            for run in runs
            if run.picture is not None
        ]

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


def build_server(
    agent: Agent, *, roots: Sequence[Path] | None = None, local: bool = True, patience: float = PATIENCE
) -> MCPServer[Any]:
    """The server over an agent; `run("stdio")` serves it until stdin ends, `serve_http` by HTTP.

    Args:
        agent: Draws; its models load at the first call and are shared by all calls.
        roots: Folders whose files may be given as pictures, beside the runs' own. None: those that the client names
            as its roots, and the working folder where it names none; from a client that is not local, none.
        local: Whether the client runs on this machine for the person who started the server.
        patience: Seconds after which a run is answered by a handle.
    """
    host = _Host(agent, roots, local, patience)
    draws = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    async def many_roots(ctx: Context, images: tuple[str, ...]) -> ListRoots | ListRootsResult | None:
        return host.ask_roots(ctx, images)

    async def one_root(ctx: Context, image: str) -> ListRoots | ListRootsResult | None:
        return host.ask_roots(ctx, (image,))

    async def create_image(
        ctx: Context, roots: Annotated[ListRootsResult | None, Resolve(many_roots)], images: Any, **given: Any
    ) -> Annotated[CallToolResult, RunAnswer]:
        return await host.draw(ctx, roots, CreateArguments.model_construct(images=images, **given))

    async def edit_image(
        ctx: Context, roots: Annotated[ListRootsResult | None, Resolve(many_roots)], images: Any, **given: Any
    ) -> Annotated[CallToolResult, RunAnswer]:
        return await host.draw(ctx, roots, EditArguments.model_construct(images=images, **given).as_create())

    async def check_image(
        roots: Annotated[ListRootsResult | None, Resolve(one_root)], image: Any, **given: Any
    ) -> Annotated[CallToolResult, CheckedImage]:
        return await host.check(roots, CheckArguments.model_construct(image=image, **given))

    async def describe_image(
        roots: Annotated[ListRootsResult | None, Resolve(one_root)], image: Any, **given: Any
    ) -> Annotated[CallToolResult, DescribedImage]:
        return await host.describe(roots, DescribeArguments.model_construct(image=image, **given))

    async def get_run(ctx: Context, **given: Any) -> Annotated[CallToolResult, RunAnswer]:
        return await host.get_run(ctx, GetRunArguments.model_construct(**given))

    async def list_runs(**given: Any) -> Annotated[CallToolResult, ListedRuns]:
        return await host.list_runs(ListRunsArguments.model_construct(**given))

    server = _Server(
        agent,
        tools=[
            tool(create_image, _Create, CREATE_IMAGE, draws),
            tool(edit_image, _Edit, EDIT_IMAGE, draws),
            tool(check_image, _Check, CHECK_IMAGE, looks),
            tool(describe_image, _Describe, DESCRIBE_IMAGE, looks),
            tool(get_run, _GetRun, GET_RUN, draws),
            tool(list_runs, _ListRuns, LIST_RUNS, looks),
        ],
    )

    @server.resource("omniagent://runs/{run_id}/picture.png", mime_type="image/png")
    def picture(run_id: str) -> bytes:
        """The best picture of a run; one over 720 KiB as a JPEG under that. The run's folder has the full file."""
        return _found(lambda: resource_of(picture_path(agent.config.runs_dir, run_id)).data)

    @server.resource("omniagent://runs/{run_id}/parts/{part}", mime_type="application/octet-stream")
    def part(run_id: str, part: str) -> bytes:
        """The full file of a run's picture in parts of 720 KiB, from 1."""
        return _found(lambda: part_of(picture_path(agent.config.runs_dir, run_id), part))

    _ = picture, part  # The decorator has registered them.
    return server


class _Host:
    """What the tools do."""

    def __init__(self, agent: Agent, roots: Sequence[Path] | None, local: bool, patience: float) -> None:
        self._agent, self._jobs = agent, Jobs(agent)
        self._roots, self._local, self._patience = roots, local, patience

    def ask_roots(self, ctx: Context[Any, Any], texts: tuple[str, ...]) -> ListRoots | None:
        """The client's roots, where it has any and they count: those of another machine say nothing of this one."""
        capabilities = ctx.client_capabilities
        if self._roots is not None or not self._local or capabilities is None or capabilities.roots is None:
            return None
        return ListRoots() if any(_is_path(text) for text in texts) else None

    async def draw(
        self, ctx: Context[Any, Any], roots: ListRootsResult | None, arguments: CreateArguments
    ) -> CallToolResult:
        try:
            pictures = await in_thread(lambda: self._reader(roots).read(arguments.images))
            job = self._jobs.start(request_of(self._agent, arguments, pictures))
        except (OmniAgentError, OSError) as error:
            return failed_content(error)
        try:
            return await self._followed(ctx, job, self._patience)
        except asyncio.CancelledError:
            # Without a handle the picture could not be fetched later.
            job.cancel()
            raise

    async def check(self, roots: ListRootsResult | None, arguments: CheckArguments) -> CallToolResult:
        try:
            picture = await self._picture(roots, arguments.image)
            answer = checked_answer(await self._agent.acheck(picture, arguments.questions, task=arguments.task))
        except (OmniAgentError, OSError) as error:
            return failed_content(error)
        return plain_content(checked_lines(answer), answer)

    async def describe(self, roots: ListRootsResult | None, arguments: DescribeArguments) -> CallToolResult:
        try:
            picture = await self._picture(roots, arguments.image)
            text = await self._agent.adescribe(picture, arguments.question)
        except (OmniAgentError, OSError) as error:
            return failed_content(error)
        return plain_content(text, DescribedImage(text=text))

    async def get_run(self, ctx: Context[Any, Any], arguments: GetRunArguments) -> CallToolResult:
        job = self._jobs.get(arguments.run_id)
        try:
            if job is None:
                result = await in_thread(lambda: stored_run(self._agent.config.runs_dir, arguments.run_id))
                if result is None:
                    return unfinished_content(arguments.run_id, cancel=arguments.cancel)
                return await in_thread(lambda: run_content(result))
        except (OmniAgentError, OSError) as error:
            return failed_content(error)
        if arguments.cancel and not job.over:
            job.cancel()
        wait = _WAIT if arguments.wait is None else arguments.wait
        return await self._followed(ctx, job, min(wait, self._patience))

    async def list_runs(self, arguments: ListRunsArguments) -> CallToolResult:
        runs = await in_thread(lambda: _newest(self._agent.config.runs_dir, arguments.limit + 1))
        answer = listed_answer(runs[: arguments.limit], len(runs) > arguments.limit)
        return plain_content(listed_lines(answer), answer)

    async def _followed(self, ctx: Context[Any, Any], job: Job, seconds: float) -> CallToolResult:
        async with aclosing(job.follow(seconds)) as news:
            async for told in news:
                await ctx.report_progress(told.done, told.total, told.line)
        if not job.over:
            told = job.told
            line, share = ("beginning", 0.0) if told is None else (told.line, round(told.done / told.total, 3))
            return running_content(job.run_id, line, share, job.attempts, job.seed)
        try:
            result = await job.result()
            return await in_thread(lambda: run_content(result))
        except (OmniAgentError, OSError) as error:
            return failed_content(error)

    async def _picture(self, roots: ListRootsResult | None, text: str) -> Picture:
        (picture,) = await in_thread(lambda: self._reader(roots).read((text,)))
        return picture

    def _reader(self, roots: ListRootsResult | None) -> PictureReader:
        return PictureReader.of(self._agent, self._folders(roots))

    def _folders(self, roots: ListRootsResult | None) -> Iterable[Path]:
        if self._roots is not None:
            return self._roots
        if roots is not None:
            return [path for root in roots.roots if (path := path_in(str(root.uri), "a root")) is not None]
        here = Path.cwd()
        # Hosts start servers in the root of the disk or in the home, neither of which was chosen for pictures.
        return [here] if self._local and here not in (Path(here.anchor), Path.home()) else []


def _is_path(text: str) -> bool:
    try:
        return path_in(text, "image") is not None
    except BadImage:
        return False


def _newest(folder: Path, count: int) -> list[RunSummary]:
    runs = runs_in(folder)
    return [run for run, _ in zip(runs, range(count), strict=False)]


def _found(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (BadSetting, OSError) as error:
        raise ResourceNotFoundError(str(error)) from error
