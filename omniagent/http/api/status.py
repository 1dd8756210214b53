"""What is there and how it does: models, health, metrics, and links to pictures."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from omniagent.http.api.documented import refusals
from omniagent.http.api.replies import Reply
from omniagent.http.api.service import Here, Owner
from omniagent.http.guard.errors import ApiError
from omniagent.http.pictures.links import Link
from omniagent.http.pictures.output import MEDIA, OutputFormat, encoded
from omniagent.runs.awaiting import in_thread
from omniagent.runs.result import attempt_file

router = APIRouter()


class Model(Reply):
    """A name that requests may ask for."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="seconds since 1970: when the server was started")
    owned_by: str = "omniagent"


class ModelList(Reply):
    """All names of the model that is served."""

    object: Literal["list"] = "list"
    data: tuple[Model, ...]


class Ready(Reply):
    """Whether runs begin now."""

    status: Literal["ready", "loading", "draining", "broken"]
    active: int = Field(description="runs at work")
    waiting: int = Field(description="runs in the queue")


@router.get("/v1/models", tags=["models"], responses=refusals(401, 429))
async def models(service: Here, owner: Owner) -> ModelList:
    """The names of the model that is served here."""
    return ModelList(data=tuple(Model(id=name, created=service.began) for name in service.models))


@router.get("/v1/models/{name:path}", tags=["models"], responses=refusals(400, 401, 404, 429))
async def model(name: Annotated[str, InPath(max_length=200)], service: Here, owner: Owner) -> Model:
    """One name of the model."""
    service.check_model(name)
    return Model(id=name, created=service.began)


@router.get("/healthz", tags=["health"])
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", tags=["health"], responses={503: {"model": Ready, "description": "Not ready"}})
async def readyz(service: Here, response: Response) -> Ready:
    """Models are loaded, and runs are taken."""
    desk = service.desk
    if not service.ready:
        response.status_code = 503
    broken = "broken" if service.broken else "loading"
    status = "draining" if desk.draining else "ready" if service.engine.ready else broken
    return Ready(status=status, active=desk.active, waiting=desk.waiting)


@router.get("/metrics", tags=["health"], response_class=PlainTextResponse)
async def metrics(service: Here) -> Response:
    """Counters in Prometheus' text format."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/v1/links/{owner}/{run_id}/{attempt}.{form}",
    tags=["images"],
    response_class=Response,
    responses={200: {"content": {one: {} for one in MEDIA.values()}}, **refusals(400, 403, 404)},
)
async def linked(
    owner: Annotated[str, InPath(max_length=100)],
    run_id: Annotated[str, InPath(max_length=100)],
    attempt: Annotated[str, InPath(pattern=r"^a\d{1,6}$")],
    form: OutputFormat,
    service: Here,
    expires: Annotated[int, Query(ge=0, lt=2**53)],
    signature: Annotated[str, Query(max_length=64)],
    compression: Annotated[int | None, Query(ge=0, le=100)] = None,
) -> Response:
    """A picture by a link that an answer of the images API gave. It needs no key, and expires."""
    link = Link(owner=owner, run_id=run_id, attempt=attempt, form=form, compression=compression, expires=expires)
    service.signer.check(link, signature)
    folder = service.folders.folder(owner, run_id)
    data = await in_thread(lambda: encoded(attempt_file(folder, attempt), form, compression))
    if not data:
        raise ApiError(404, "the picture is gone", code="not_found")
    return Response(data, media_type=MEDIA[form], headers={"Cache-Control": "private, max-age=3600"})
