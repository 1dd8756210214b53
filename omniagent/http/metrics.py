"""What Prometheus reads: requests, runs, pictures, the queue. Each server has a registry of its own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 120.0)
_RUN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Metrics:
    """The counters of one server. Labels have few values: no name of a key and no text of a request is among them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        one = self._registry
        self._requests = Counter(
            "omniagent_http_requests", "Requests answered.", ("route", "method", "status"), registry=one
        )
        self._seconds = Histogram(
            "omniagent_http_request_seconds",
            "Time to the end of an answer.",
            ("route",),
            buckets=_REQUEST_SECONDS,
            registry=one,
        )
        self._runs = Counter("omniagent_runs", "Runs that are over, by status.", ("status",), registry=one)
        self._refused = Counter("omniagent_refused", "Requests refused before a run.", ("code",), registry=one)
        self._pictures = Counter("omniagent_pictures", "Pictures drawn.", registry=one)
        self._run_seconds = Histogram("omniagent_run_seconds", "Time at work.", buckets=_RUN_SECONDS, registry=one)
        self._wait_seconds = Histogram(
            "omniagent_queue_wait_seconds", "Time in the queue.", buckets=_RUN_SECONDS, registry=one
        )
        self._active = Gauge("omniagent_runs_active", "Runs at work.", registry=one)
        self._waiting = Gauge("omniagent_runs_waiting", "Runs in the queue.", registry=one)
        self._ready = Gauge("omniagent_ready", "1 when models are loaded and runs are taken.", registry=one)

    def watch(self, active: Callable[[], float], waiting: Callable[[], float], ready: Callable[[], float]) -> None:
        """Read the gauges from these when they are asked for."""
        self._active.set_function(active)
        self._waiting.set_function(waiting)
        self._ready.set_function(ready)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str) -> None:
        """A run was not taken."""
        self._refused.labels(code).inc()

    def began(self, waited: float) -> None:
        """A run left the queue."""
        self._wait_seconds.observe(waited)

    def drew(self) -> None:
        """A picture was drawn."""
        self._pictures.inc()

    def ended(self, status: str, seconds: float) -> None:
        """A run is over."""
        self._runs.labels(status).inc()
        self._run_seconds.observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
