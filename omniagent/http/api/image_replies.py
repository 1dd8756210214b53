"""Answers of the images API: each picture with its seed, its run and what was found of it."""

import base64
import time
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

from pydantic import Field

from omniagent.http.api.bodies import ImageOptions
from omniagent.http.api.replies import Account, Check, Reply, without_paths
from omniagent.http.api.service import Service
from omniagent.http.desk.job import Job
from omniagent.http.guard.errors import ApiError, ErrorDetail
from omniagent.http.pictures.links import Link
from omniagent.http.pictures.output import OutputFormat, encoded
from omniagent.runs.result import attempt_file
from omniagent.runs.status import STOPS, Status, status_of
from omniagent.tools.record.trace import RunEnded
from omniagent.tools.types import Attempt, StopReason

Quality = Literal["low", "medium", "high"]


class TokenDetails(Reply):
    """Tokens that the critic read: words and pictures are not told apart, so all of them are under text."""

    image_tokens: int = 0
    text_tokens: int = 0


class Tokens(Reply):
    """Tokens of the critic, which plans and looks; drawing takes none."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()


class Found(Reply):
    """What is told of a picture beside it."""

    run_id: str = Field(description="for /v1/runs")
    attempt: str
    seed: int
    status: Status
    accepted: bool = Field(description="whether every requirement holds")
    stop_reason: StopReason
    message: str
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]
    warnings: tuple[str, ...]
    attempts: int = Field(description="pictures that were drawn for it")
    width: int
    height: int
    revised_prompt: str = Field(description="the instruction that it was drawn by")


class ImageView(Found):
    """One picture, as base64 or as a link."""

    b64_json: str | None = None
    url: str | None = None


class Missed(Reply):
    """A run that left no picture, beside others that did."""

    run_id: str
    seed: int
    error: ErrorDetail


class ImagesReply(Reply):
    """The answer to a request for pictures."""

    created: int
    data: tuple[ImageView, ...]
    failures: tuple[Missed, ...] = Field(default=(), description="runs of this request that left no picture")
    background: Literal["opaque"] = "opaque"
    output_format: OutputFormat
    quality: Quality
    size: str | None = Field(description="of the first picture, WxH")
    safety_identifier: str | None = None
    usage: Tokens


def quality_of(options: ImageOptions) -> Quality:
    """The quality as it is told back."""
    return "low" if options.quality == "low" else "medium" if options.quality == "medium" else "high"


class Pictures:
    """Makes the answers of one request out of its runs; reads files, so call it in a thread."""

    def __init__(self, service: Service, options: ImageOptions, base_url: str) -> None:
        self._service = service
        self._options = options
        self._base_url = base_url

    def reply(self, jobs: Sequence[Job]) -> ImagesReply:
        """The answer of runs that are over.

        Raises:
            ApiError: none of them left a picture; it tells why the first did not.
        """
        views: list[ImageView] = []
        missed: list[tuple[Job, ApiError]] = []
        for job in jobs:
            try:
                views.append(self.view(job))
            except ApiError as refusal:
                missed.append((job, refusal))
        if not views:
            raise missed[0][1]
        return ImagesReply(
            created=int(time.time()),
            data=tuple(views),
            failures=tuple(
                Missed(run_id=job.order.run_id, seed=job.order.seed, error=one.detail) for job, one in missed
            ),
            output_format=self._options.form,
            quality=quality_of(self._options),
            size=f"{views[0].width}x{views[0].height}",
            safety_identifier=self._options.identifier,
            usage=tokens_of(jobs),
        )

    def view(self, job: Job) -> ImageView:
        """The best picture of a run.

        Raises:
            ApiError: there is none.
        """
        found, attempt = found_of(job)
        if self._options.response_format == "url":
            return ImageView(url=self._link(job, attempt), **found.model_dump())
        return ImageView(b64_json=self.base64(job, attempt), **found.model_dump())

    def base64(self, job: Job, attempt: Attempt) -> str:
        """A picture of a run in the format that was asked for."""
        path = attempt_file(job.order.folder, attempt.id)
        return base64.b64encode(encoded(path, self._options.form, self._options.output_compression)).decode()

    def _link(self, job: Job, attempt: Attempt) -> str:
        link = Link(
            owner=job.order.owner,
            run_id=job.order.run_id,
            attempt=attempt.id,
            form=self._options.form,
            compression=self._options.output_compression,
            expires=int(time.time() + self._service.settings.link_seconds),
        )
        query = {"expires": str(link.expires), "signature": self._service.signer.sign(link)}
        if link.compression is not None:
            query["compression"] = str(link.compression)
        path = f"v1/links/{link.owner}/{link.run_id}/{link.attempt}.{link.form}"
        return f"{self._base_url.rstrip('/')}/{path}?{urlencode(query)}"


def found_of(job: Job) -> tuple[Found, Attempt]:
    """What is told of a run's best picture, and the picture.

    Raises:
        ApiError: the run left none, in words that say what became of it.
    """
    if job.failure is not None:
        raise job.failure
    account = Account(job.events)
    ended, best = account.ended, account.best
    assert ended is not None, "a run that is over without a failure has an end"
    if best is None:
        raise _pictureless(job, ended)
    found = Found(
        run_id=job.order.run_id,
        attempt=best.id,
        seed=job.order.seed,
        status=status_of(ended),
        accepted=ended.accepted,
        stop_reason=ended.stop_reason,
        message=without_paths(ended.message, job.order) or STOPS[ended.stop_reason],
        checks=account.checks(),
        unchecked=account.plan.unchecked if account.plan else (),
        warnings=tuple(account.warnings),
        attempts=sum(not one.restored for one in account.attempts.values()),
        width=best.image.width,
        height=best.image.height,
        revised_prompt=best.instruction,
    )
    return found, best


def tokens_of(jobs: Sequence[Job]) -> Tokens:
    """What the critic read and wrote in these runs."""
    usages = [job.ended.usage for job in jobs if job.ended is not None]
    read, written = sum(one.prompt_tokens for one in usages), sum(one.completion_tokens for one in usages)
    return Tokens(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_tokens_details=TokenDetails(text_tokens=read),
    )


def _pictureless(job: Job, ended: RunEnded) -> ApiError:
    name, why = job.order.run_id, without_paths(ended.message, job.order) or STOPS[ended.stop_reason]
    if ended.answer is not None:
        return ApiError(
            400, f"the task is a question, and draws nothing; its answer: {ended.answer}", code="no_picture"
        )
    match ended.stop_reason:
        case "refused":
            return ApiError(400, f"the task was refused: {why}", code="task_refused", param="prompt")
        case "cancelled":
            return ApiError(
                409,
                f"the run {name} was cancelled before it drew a picture",
                code="cancelled",
                headers={"x-should-retry": "false"},
            )
        case "critic_unavailable":
            return ApiError(
                503, f"the run {name} has no picture: {why}", code="critic_unavailable", kind="server_error"
            )
        case "time_limit":
            return ApiError(
                400,
                f"the run {name} has no picture after {job.order.budget.time_limit:g} seconds; give it more time, "
                "or ask for less",
                code="time_limit",
                param="time_limit",
            )
        case _:
            return ApiError(
                500,
                f"the run {name} has no picture: {why}",
                code=ended.stop_reason,
                kind="server_error",
                headers={"x-should-retry": "false"},
            )
