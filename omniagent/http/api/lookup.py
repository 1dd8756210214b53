"""Finding a run: on the desk while it is under way, on disk ever after."""

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
    desk = service.desk
    job = desk.job(order.owner, order.run_id)
    # Every event is written before it is told, so that the folder knows as much as the desk.
    events = await in_thread(lambda: service.folders.events(order))
    if job is not None and not job.over:
        waits = job.state in ("accepted", "waiting")
        return view_of(order, events, position=desk.position(job) if waits else None, at_work=not waits)
    return view_of(order, events, failure=await in_thread(lambda: failure_of(service, order)))


def failure_of(service: Service, order: RunOrder) -> Failure | None:
    """How a run ended without a result, by the desk's memory or by its folder."""
    remembered: ApiError | None = service.desk.failure(order.owner, order.run_id)
    if remembered is not None:
        return Failure(status=remembered.status, error=remembered.detail)
    return service.folders.failure(order)
