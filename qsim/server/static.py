"""The page: files of `qsim/server/page/`, each under its name, `index.html` at `/`."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath

from fastapi import APIRouter, Request
from fastapi.responses import Response

from qsim.server.answers import sent, unchanged
from qsim.server.problems import ProblemError

router = APIRouter(include_in_schema=False)


def _named(place: Traversable, prefix: str = "") -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for entry in place.iterdir():
        if entry.is_dir():
            found |= _named(entry, f"{prefix}{entry.name}/")
        else:
            found[prefix + entry.name] = entry
    return found


# What is asked for is looked up by its name here, so that no path leads anywhere else.
_FILES = _named(files("qsim").joinpath("server", "page"))
# Not those that the system has for endings: a browser runs no script that is told to be plain text, as Windows may tell it.
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/")
async def index(request: Request) -> Response:
    """Give the page."""
    return await file(request, "index.html")


@router.get("/page/{name:path}")
async def file(request: Request, name: str) -> Response:
    """Give a file of the page."""
    if name not in _FILES:
        raise ProblemError(404, f"page/{name[:60]}: no such file; see / for the page and /openapi.json for the API")
    content = _FILES[name].read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return unchanged(request, tag) or sent(content, tag, _KINDS.get(PurePath(name).suffix, "text/plain"))
