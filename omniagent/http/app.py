"""The server put together as an ASGI application."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware

import omniagent
from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.http.api import images, runs, status
from omniagent.http.api.bodies import PictureReference
from omniagent.http.api.service import Service
from omniagent.http.desk.desk import Desk
from omniagent.http.desk.engine import Engine, LocalEngine
from omniagent.http.desk.folders import RunFolders
from omniagent.http.guard.gate import Gate
from omniagent.http.guard.handlers import handle_errors
from omniagent.http.guard.keys import Keys
from omniagent.http.guard.limits import RateLimit
from omniagent.http.metrics import Metrics
from omniagent.http.pictures.links import Signer
from omniagent.http.settings import HttpSettings
from omniagent.model.wording import model_name

# The official clients for JavaScript send some x-stainless-… of their own.
_ASKED: Final = (
    "Authorization",
    "Content-Type",
    "Last-Event-ID",
    "X-Request-Id",
    *(f"X-Stainless-{one}" for one in ("Arch", "Async", "Lang", "OS", "Package-Version", "Retry-Count", "Runtime")),
    *(f"X-Stainless-{one}" for one in ("Runtime-Version", "Timeout", "Read-Timeout", "Helper-Method")),
)
_TOLD: Final = ("Location", "Retry-After", "X-Request-Id")

DESCRIPTION = """Draws pictures, looks at them, and repairs them until the words hold.

The images endpoints speak the OpenAI API; `/v1/runs` shows everything that a run does."""


def build_app(agent: Agent, settings: HttpSettings | None = None, engine: Engine | None = None) -> FastAPI:
    """The application over an agent. Its lifespan loads the models and takes up the runs that an earlier one left.

    Args:
        agent: Draws, unless there is another engine; its settings say the budget of runs and where they lie.
        settings: Keys and limits; by default those of the environment.
        engine: Carries runs out in the agent's place.

    Raises:
        BadSetting: the keys cannot be read.
        StorageFull, OutputUnwritable: the folder of the runs cannot be written.
    """
    settings = settings or HttpSettings.read()
    keys, metrics, folders = Keys.read(settings), Metrics(), RunFolders(agent.config.runs_dir)
    engine = engine or LocalEngine(agent)
    desk = Desk(engine, folders, settings, metrics)
    service = Service(
        settings=settings,
        budget=agent.config.budget,
        engine=engine,
        folders=folders,
        desk=desk,
        metrics=metrics,
        signer=Signer.of(agent.config.runs_dir),
        models=names_of(agent.config, settings),
        domain=agent.generator_profile.domain,
    )
    metrics.watch(lambda: desk.active, lambda: desk.waiting, lambda: service.ready)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        loading = asyncio.create_task(service.load())
        await desk.recover()
        try:
            yield
        finally:
            await desk.drain(0)
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
            await engine.close()

    app = FastAPI(
        title="OmniAgent",
        version=omniagent.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # The pages of FastAPI load their scripts from another machine.
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.body_bytes)
    app.add_middleware(
        Gate, keys=keys, rate=RateLimit(settings.requests_per_minute), metrics=metrics, body_bytes=settings.body_bytes
    )
    if settings.origins:
        # Outermost: a browser asks beforehand without a key, and must be able to read refusals.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=_ASKED,
            expose_headers=_TOLD,
        )
    handle_errors(app)
    for part in (images, runs, status):
        app.include_router(part.router)
    document(app, secured=keys.asked_for)
    return app


def names_of(config: Config, settings: HttpSettings) -> tuple[str, ...]:
    """The names by which clients may ask for the model: its own, `omniagent`, and those of the settings."""
    own = model_name(config.model if config.generator == "local" else config.generator_model)
    if Path(config.model).exists() and config.generator == "local":
        own = Path(config.model).name
    return tuple(dict.fromkeys((own, "omniagent", *settings.model_names)))


def document(app: FastAPI, *, secured: bool) -> None:
    """The OpenAPI document as the server behaves: wrong requests are answered with 400, and keys are bearers."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = plain()
            for path, item in made["paths"].items():
                for operation in item.values():
                    operation["responses"].pop("422", None)
                    if secured and path.startswith("/v1/") and not path.startswith("/v1/links/"):
                        operation["security"] = [{"key": []}]
            parts = made.setdefault("components", {})
            for name in ("HTTPValidationError", "ValidationError"):
                parts.get("schemas", {}).pop(name, None)
            # The body of edits is documented by hand, since it comes in two forms.
            parts.setdefault("schemas", {})[PictureReference.__name__] = PictureReference.model_json_schema()
            if secured:
                parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi
