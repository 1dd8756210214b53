"""The files of the chat: pictures and reports of a visitor's own runs, and the files that they sent."""

import re
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from omniagent.demo.page.access import visitor_in
from omniagent.demo.state.threads import Shelves
from omniagent.model.errors import BadSetting
from omniagent.runs.listing import attempt_in
from omniagent.runs.request import check_thread_id

_STORED: Final = re.compile(r"[0-9a-f]{64}\.png")
_KINDS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
}
# Whatever a file claims to be, a browser runs nothing of it.
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=3600",
}


def add_files(app: FastAPI, runs: Path, shelves: Shelves, *, logins: bool) -> None:
    """Serve `pictures/<run>/<file>` and `sent/<file>`, to the visitor alone whose they are.

    Anybody else is told that there is no such file.
    """

    @app.get("/pictures/{run}/{name}")
    def picture(request: Request, run: str, name: str) -> Response:
        visitor = visitor_in(request.headers, logins=logins)
        path = _run_file(runs, run, name)
        if visitor is None or path is None or not shelves.of(visitor).owns(run) or not path.is_file():
            return PlainTextResponse("no such file", 404)
        if path.suffix == ".html":
            # A run that goes on writes its report anew.
            return FileResponse(path, media_type="text/html", headers={**_SAFE, "Cache-Control": "private, no-cache"})
        return FileResponse(path, media_type="image/png", headers=_SAFE)

    @app.get("/sent/{name}")
    def sent(request: Request, name: str) -> Response:
        visitor = visitor_in(request.headers, logins=logins)
        path = None if visitor is None else shelves.of(visitor).file(name)
        if path is None:
            return PlainTextResponse("no such file", 404)
        return FileResponse(path, media_type=_KINDS.get(path.suffix, "application/octet-stream"), headers=_SAFE)

    _ = (picture, sent)


def _run_file(runs: Path, run: str, name: str) -> Path | None:
    try:
        check_thread_id(run)
    except BadSetting:
        return None
    if name == "report.html":
        return runs / run / name
    if (attempt := attempt_in(runs, run, name.removesuffix(".png"))) is not None and name.endswith(".png"):
        return attempt
    return runs / run / "images" / name if _STORED.fullmatch(name) else None
