"""What goes wrong, as one shape of JSON, `{"status": 404, "error": "..."}`: where, what was found, what is allowed, what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from qsim.errors import ConflictError, CorruptError, DiskError, QsimError, UsageError, one_line

# It does not end, so that there is nothing of it to be told by headers alone.
STREAM = "/api/events"
STOPS = "the server stops; ask again when it is back"
_MOMENT = "allowed is a tick from 0 on, or a time in India such as 2026-01-01T08:00"
_WRITTEN = {"as_of": _MOMENT, "since": _MOMENT, "until": _MOMENT, "cursor": "allowed is `next` of the page before"}
_logger = logging.getLogger("qsim")


class ProblemError(Exception):
    """An answer that is an error: its status, its line, and headers that go with it."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, dict(headers or {})


class Told(BaseModel):
    """An error."""

    status: int = Field(examples=[404])
    error: str = Field(examples=["platform 'zeptoo': not in this market; allowed: zepto, blinkit; choose one"])


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Told, "description": "The request is refused; `error` says what to mend."},
    "5XX": {"model": Told, "description": "The server cannot answer now; `error` says why."},
}


def told(status: int, line: str, headers: Mapping[str, str] | None = None) -> Response:
    """Give an error as a response."""
    body = {"status": status, "error": one_line(line)[:1000]}
    return JSONResponse(body, status, dict(headers or {}) | {"Cache-Control": "no-store"})


def _of_values(fault: RequestValidationError) -> str:
    """Say what is wrong with a request's values in one line."""
    lines = []
    for error in fault.errors()[:5]:
        # A field of the body may have the name of a place.
        place = error["loc"][error["loc"][0] in ("query", "path") :]
        where = ".".join(map(str, place))
        # A pattern is for programs to read.
        if error["type"] == "missing":
            lines.append(f"{where}: found nothing; it has to be given")
            continue
        if error["type"] == "json_invalid":
            lines.append(f"body: is not JSON: {error['ctx']['error']} at character {error['loc'][-1]}")
            continue
        why = _WRITTEN.get(where) if error["type"] == "string_pattern_mismatch" else None
        lines.append(f"{where}: found {str(error.get('input'))[:60]!r}: {why or error['msg']}")
    return "; ".join(lines) + "; mend the request"


def install(app: FastAPI) -> None:
    """Let every error of an app be told in the one shape."""

    @app.exception_handler(ProblemError)
    async def problem(request: Request, fault: ProblemError) -> Response:
        return told(fault.status, fault.line, fault.headers)

    @app.exception_handler(QsimError)
    async def refused(request: Request, fault: QsimError) -> Response:
        if isinstance(fault, UsageError):
            return told(404, str(fault))
        # These name places on this machine, which are for its keeper alone.
        _logger.error("%s: %s", one_line(request.url.path)[:100], fault)
        status = 503 if isinstance(fault, (ConflictError, CorruptError, DiskError)) else 500
        return told(status, "the market cannot be read as it should; the server's log says how; ask its keeper")

    @app.exception_handler(RequestValidationError)
    async def values(request: Request, fault: RequestValidationError) -> Response:
        return told(422, _of_values(fault))

    @app.exception_handler(HTTPException)
    async def other(request: Request, fault: HTTPException) -> Response:
        path, headers = request.scope["path"][:100], dict(fault.headers or {})
        if "Allow" in headers:
            # What the guard makes of a HEAD no route knows.
            methods = {*headers["Allow"].split(", ")}
            headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods and path != STREAM else set())))
        lines = {
            400: "body: cannot be read; allowed is JSON in UTF-8, not nested deeply; mend it",
            404: f"{path}: nothing is there; see /openapi.json for what is",
            405: f"{request.method} of {path}: not allowed there; use {headers.get('Allow')}",
        }
        return told(fault.status_code, lines.get(fault.status_code, str(fault.detail)), headers)
