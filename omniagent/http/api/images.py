"""The OpenAI images API: pictures from words, and changes of pictures."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from PIL import Image
from pydantic import ValidationError

from omniagent.http.api.bodies import EditBody, EditOptions, GenerateBody, ImageOptions, asked_mode
from omniagent.http.api.documented import EVENTS, refusals
from omniagent.http.api.forms import edit_form, edit_schema
from omniagent.http.api.image_replies import ImagesReply, Pictures
from omniagent.http.api.image_stream import Family, picture_events
from omniagent.http.api.service import Here, Owner, Service, seeds_of, while_connected
from omniagent.http.api.sse import HEADERS, MEDIA_TYPE
from omniagent.http.desk.job import Job
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError
from omniagent.http.guard.handlers import refusal_of_fields
from omniagent.http.pictures.intake import bytes_of, mask_of, pictures_of
from omniagent.runs.awaiting import in_thread
from omniagent.runs.options import size_of
from omniagent.tools.intake.task import read_instruction
from omniagent.tools.record.store import ref_of

router = APIRouter(prefix="/v1/images", tags=["images"])

_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ImagesReply,
        "description": "The pictures, or with stream=true their events",
        "content": EVENTS,
    },
    **refusals(400, 401, 404, 409, 413, 429, 500, 503, 507),
}


@router.post("/generations", responses=_ANSWER, response_model=ImagesReply)
async def generations(request: Request, body: GenerateBody, service: Here, owner: Owner) -> Response:
    """Draw pictures from words. Each is checked against the words and repaired until it fits or a budget ends."""
    return await _answer(request, service, owner, body, "image_generation", (), None)


@router.post(
    "/edits",
    responses=_ANSWER,
    response_model=ImagesReply,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": edit_schema(EditOptions.model_json_schema())},
                "application/json": {"schema": EditBody.model_json_schema(ref_template="#/components/schemas/{model}")},
            },
        }
    },
)
async def edits(request: Request, service: Here, owner: Owner) -> Response:
    """Change a picture, or put several together. With a mask only its transparent region of image 1 changes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        body = await _json(request)
        settings = service.settings
        data = await in_thread(
            lambda: [bytes_of(one.image_url, f"image {i}", settings) for i, one in enumerate(body.images, start=1)]
        )
        mask = body.mask
        cut = None if mask is None else await in_thread(lambda: bytes_of(mask.image_url, "the mask", settings))
        options: EditOptions = body
    else:
        options, data, cut = await edit_form(request, service.settings)
    pictures = await in_thread(lambda: pictures_of(data, service.settings))
    region = None if cut is None else await in_thread(lambda: mask_of(cut, pictures, service.settings))
    return await _answer(request, service, owner, options, "image_edit", pictures, region)


async def _json(request: Request) -> EditBody:
    try:
        return EditBody.model_validate_json(await request.body())
    except ValidationError as error:
        raise refusal_of_fields(error.errors(include_url=False), EditBody.model_fields) from error


async def _answer(
    request: Request,
    service: Service,
    owner: str,
    options: ImageOptions,
    family: Family,
    pictures: Sequence[Image.Image],
    mask: Image.Image | None,
) -> Response:
    _check(options, service)
    orders = await in_thread(lambda: _orders(service, owner, options, pictures, mask))
    base = service.settings.public_url or str(request.base_url)
    made = Pictures(service, options, base)
    jobs = await service.desk.submit(orders, pictures, mask)
    if options.stream:
        events = picture_events(family, jobs, options, made, service.desk)
        return StreamingResponse(events, media_type=MEDIA_TYPE, headers=HEADERS)
    await while_connected(request, _all_over(jobs), jobs, service.desk)
    reply = await in_thread(lambda: made.reply(jobs).model_dump_json())
    return Response(reply, media_type="application/json")


def _check(options: ImageOptions, service: Service) -> None:
    service.check_model(options.model)
    if options.output_compression is not None and options.form == "png":
        raise ApiError(
            400,
            "output_compression says nothing of png, which loses nothing; give output_format jpeg or webp, or leave it",
            code="invalid_value",
            param="output_compression",
        )
    if options.partial_images and not options.stream:
        raise ApiError(
            400, "partial_images come with stream=true alone; add that", code="invalid_value", param="partial_images"
        )
    if options.stream and options.response_format == "url":
        raise ApiError(
            400, "a stream carries pictures as base64; leave response_format out", code="invalid_value", param="stream"
        )


def _orders(
    service: Service,
    owner: str,
    options: ImageOptions,
    pictures: Sequence[Image.Image],
    mask: Image.Image | None,
) -> list[RunOrder]:
    """One order for each picture; they differ in their seeds."""
    task, settings = read_instruction(options.prompt), size_of(options.size)
    budget = service.budget_for(options.max_rounds, options.time_limit, options.quality)
    refs = tuple(ref_of(picture) for picture in pictures)
    cut = None if mask is None else ref_of(mask)
    orders = [
        RunOrder(
            owner=owner,
            kind="images",
            task=task,
            images=refs,
            mask=cut,
            seed=seed,
            settings=settings,
            budget=budget,
            mode=asked_mode(options.mode, service.mode_for(len(pictures))),
        )
        for seed in seeds_of(options.seed, options.n or 1)
    ]
    return [service.folders.placed(order) for order in orders]


async def _all_over(jobs: Sequence[Job]) -> None:
    await asyncio.gather(*(job.until_over() for job in jobs))
