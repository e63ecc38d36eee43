"""`qsim serve`."""

from __future__ import annotations

import click

from qsim.cli import options


@click.command()
@options.directory
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for a free one.")
def serve(directory: str | None, host: str, port: int) -> None:
    """Serve the market in DIR over HTTP, at its newest commit, while another process may be writing it.

    Example: qsim serve shop --port 8000
    """
    from qsim.server import running

    running.serve(directory, host=host, port=port)
