"""A server as a program: the app on a port, until it is told to stop."""

from __future__ import annotations

import os

import uvicorn

from qsim.server.app import create_app


def serve(directory: str | os.PathLike[str] | None = None, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve a market until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(create_app(directory), host=host, port=port, access_log=False, server_header=False)
    uvicorn.Server(config).run()
