"""Finding a run: on the desk while it is under way, on disk ever after."""

from collections.abc import Sequence

from omniagent.http.api.replies import RunView, view_of
from omniagent.http.api.service import Service
from omniagent.http.desk.folders import Failure
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError
from omniagent.runs.awaiting import in_thread


async def order_of(service: Service, owner: str, run_id: str) -> RunOrder:
    """The order of a run of this owner.

    Raises:
        ApiError: 404; this owner has no such run.
    """
    job = service.desk.job(owner, run_id)
    return job.order if job is not None else await in_thread(lambda: service.folders.order(owner, run_id))


async def view(service: Service, order: RunOrder) -> RunView:
    """The run as it is now."""
    return (await views(service, [order]))[0]


async def views(service: Service, orders: Sequence[RunOrder]) -> list[RunView]:
    """The runs as they are now; all files are read in one thread."""
    desk = service.desk
    jobs = [desk.job(order.owner, order.run_id) for order in orders]
    places = [desk.position(job) if job and job.state in ("accepted", "waiting") else None for job in jobs]
    remembered = [desk.failure(order.owner, order.run_id) for order in orders]

    def read() -> list[RunView]:
        made: list[RunView] = []
        for order, job, place, failed in zip(orders, jobs, places, remembered, strict=True):
            # Every event is written before it is told, so that the folder knows as much as the desk.
            events = service.folders.events(order)
            if job is not None and not job.over:
                made.append(view_of(order, events, position=place, at_work=place is None))
            else:
                made.append(view_of(order, events, failure=_failure(service, order, failed)))
        return made

    return await in_thread(read)


def failure_of(service: Service, order: RunOrder) -> Failure | None:
    """How a run ended without a result, by the desk's memory or by its folder."""
    return _failure(service, order, service.desk.failure(order.owner, order.run_id))


def _failure(service: Service, order: RunOrder, remembered: ApiError | None) -> Failure | None:
    if remembered is not None:
        return Failure(status=remembered.status, error=remembered.detail)
    return service.folders.failure(order)
