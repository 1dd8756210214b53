"""Runs: begin one, look at it, follow its events, stop it, go on from it."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response, StreamingResponse

from omniagent.http.api.bodies import ForkBody, ResumeBody, RunBody, asked_mode
from omniagent.http.api.documented import EVENTS, refusals
from omniagent.http.api.lookup import order_of, view, views
from omniagent.http.api.replies import Account, RunList, RunView
from omniagent.http.api.run_events import run_events
from omniagent.http.api.service import Here, Owner, Service, seeds_of
from omniagent.http.api.sse import HEADERS, MEDIA_TYPE
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError, missing
from omniagent.http.pictures.intake import bytes_of, mask_of, pictures_of
from omniagent.http.pictures.output import MEDIA, OutputFormat, encoded
from omniagent.runs.awaiting import in_thread
from omniagent.runs.options import size_of
from omniagent.runs.result import REPORT_FILE, attempt_file
from omniagent.tools.intake.task import read_instruction
from omniagent.tools.record.store import ref_of

router = APIRouter(prefix="/v1/runs", tags=["runs"])
RunId = Annotated[str, InPath(max_length=100, description="the id of a run of this key")]
AttemptId = Annotated[str, InPath(pattern=r"^a\d{1,6}$", description="an attempt of the run: a1, a2, …")]
_BEGUN: dict[int | str, dict[str, Any]] = refusals(400, 401, 404, 409, 413, 429, 500, 503, 507)


@router.post("", status_code=201, responses=_BEGUN)
async def create(body: RunBody, service: Here, owner: Owner, response: Response) -> RunView:
    """Begin a run. It goes on whether or not anybody waits, and also after the server was started anew."""
    settings = service.settings
    data = await in_thread(
        lambda: [bytes_of(text, f"image {number}", settings) for number, text in enumerate(body.images, start=1)]
    )
    pictures = await in_thread(lambda: pictures_of(data, settings))
    given = body.mask
    mask = None
    if given is not None:
        mask = await in_thread(lambda: mask_of(bytes_of(given, "the mask", settings), pictures, settings))
    order = await in_thread(
        lambda: service.folders.placed(
            RunOrder(
                owner=owner,
                kind="run",
                task=read_instruction(body.task),
                images=tuple(ref_of(picture) for picture in pictures),
                mask=None if mask is None else ref_of(mask),
                seed=seeds_of(body.seed, 1)[0],
                settings=size_of(body.size),
                budget=service.budget_for(body.max_rounds, body.time_limit),
                mode=asked_mode(body.mode, None),
            )
        )
    )
    await service.desk.submit([order], pictures, mask)
    response.headers["Location"] = f"/v1/runs/{order.run_id}"
    return await view(service, order)


@router.get("", responses=refusals(400, 401, 429))
async def listing(
    service: Here,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=100, description="the id of the last run seen")] = None,
) -> RunList:
    """The runs of this key, the newest first."""
    orders = await in_thread(lambda: service.folders.page(owner, after, limit + 1))
    return RunList(data=tuple(await views(service, orders[:limit])), has_more=len(orders) > limit)


@router.get("/{run_id}", responses=refusals(400, 401, 404, 429))
async def get(run_id: RunId, service: Here, owner: Owner) -> RunView:
    """A run as far as it is known now."""
    return await view(service, await order_of(service, owner, run_id))


@router.get(
    "/{run_id}/events",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": EVENTS},
        **refusals(400, 401, 404, 429),
    },
)
async def events(
    run_id: RunId,
    service: Here,
    owner: Owner,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
    after: Annotated[int, Query(ge=0, le=2**53, description="as Last-Event-ID")] = 0,
) -> StreamingResponse:
    """The events of a run, from the first or after an id, up to its end. Going away stops nothing."""
    order = await order_of(service, owner, run_id)
    if last_event_id is not None and last_event_id.strip().isdecimal():
        after = int(last_event_id)
    stream: AsyncGenerator[str] = run_events(service, order, after)
    return StreamingResponse(stream, media_type=MEDIA_TYPE, headers=HEADERS)


@router.post("/{run_id}/cancel", responses=refusals(400, 401, 404, 429))
async def cancel(run_id: RunId, service: Here, owner: Owner) -> RunView:
    """Ask a run to stop with its best picture. Asking again, or of a run that is over, changes nothing."""
    order = await order_of(service, owner, run_id)
    if (job := service.desk.job(owner, run_id)) is not None:
        await service.desk.cancel(job)
    return await view(service, order)


@router.post("/{run_id}/fork", status_code=201, responses=_BEGUN)
async def fork(run_id: RunId, body: ForkBody, service: Here, owner: Owner, response: Response) -> RunView:
    """Begin a new run from one: a change of one of its attempts, or the same task with another seed or size."""
    order = await order_of(service, owner, run_id)
    made = await in_thread(lambda: _forked(service, order, body))
    pictures = await in_thread(lambda: [order.store.get(one) for one in made.images])
    mask = None if made.mask is None else await in_thread(order.mask_picture)
    await service.desk.submit([made], pictures, mask)
    response.headers["Location"] = f"/v1/runs/{made.run_id}"
    return await view(service, made)


@router.post("/{run_id}/resume", responses=_BEGUN)
async def resume(run_id: RunId, body: ResumeBody, service: Here, owner: Owner) -> RunView:
    """Go on with a run that came to a stop, with more rounds or time where those had ended; its pictures are kept."""
    order = await order_of(service, owner, run_id)
    if service.desk.job(owner, run_id) is not None:
        raise ApiError(409, f"the run {run_id} is still under way; cancel it or wait", code="run_under_way")
    budget = service.budget_for(body.max_rounds, body.time_limit)
    await service.desk.resume(order.model_copy(update={"budget": budget, "kind": "run"}))
    return await view(service, order)


@router.get(
    "/{run_id}/attempts/{attempt}",
    response_class=Response,
    responses={200: {"content": {one: {} for one in MEDIA.values()}}, **refusals(400, 401, 404, 429)},
)
async def picture(
    run_id: RunId, attempt: AttemptId, service: Here, owner: Owner, output_format: OutputFormat = "png"
) -> Response:
    """The picture of an attempt, drafts among them."""
    order = await order_of(service, owner, run_id)
    path = attempt_file(order.folder, attempt)
    data = await in_thread(lambda: encoded(path, output_format, None))
    return Response(data, media_type=MEDIA[output_format])


@router.get(
    "/{run_id}/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}, **refusals(400, 401, 404, 429)},
)
async def report(run_id: RunId, service: Here, owner: Owner) -> Response:
    """The whole run on one page, once it is over."""
    order = await order_of(service, owner, run_id)
    path = order.folder / REPORT_FILE
    if not path.is_file():
        raise missing(f"the run {run_id} has no report yet; wait for its end")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": "sandbox"})


def _forked(service: Service, order: RunOrder, body: ForkBody) -> RunOrder:
    if body.attempt is not None and body.instruction is None:
        raise ApiError(
            400,
            "instruction is missing: say how the attempt is to change, or leave attempt out to run the same task again",
            code="missing_parameter",
            param="instruction",
        )
    images = order.images
    if body.attempt is not None:
        chosen = Account(service.folders.events(order)).attempts.get(body.attempt)
        if chosen is None:
            raise ApiError(
                404, f"the run {order.run_id} has no attempt {body.attempt}", code="not_found", param="attempt"
            )
        images = (chosen.image,)
    fresh = body.attempt is not None or body.instruction is not None
    made = RunOrder(
        owner=order.owner,
        kind="run",
        task=order.task if body.instruction is None else read_instruction(body.instruction),
        images=images,
        mask=None if body.attempt is not None else order.mask,
        seed=order.seed if body.seed is None and fresh else seeds_of(body.seed, 1)[0],
        settings=order.settings if body.size is None else size_of(body.size),
        budget=service.budget_for(body.max_rounds, body.time_limit),
        mode=asked_mode(body.mode, None if fresh else order.mode),
        parent=order.run_id,
    )
    return service.folders.placed(made)
