"""`qsim serve`."""

from __future__ import annotations

from typing import Any

import click

from qsim.cli import logs, options, output


@click.command()
@options.directory
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for a free one.")
@click.option(
    "--token",
    envvar="QSIM_TOKEN",
    metavar="TEXT",
    help="What askers have to show, 16 letters or more; default QSIM_TOKEN.",
)
@click.option(
    "--streams", type=click.IntRange(1, 20_000), default=1000, show_default=True, help="Clients that follow changes."
)
@click.option("--live", is_flag=True, help="Run the market on by the clock as well, in a process of its own.")
@logs.level_option
@logs.file_option
def serve(directory: str | None, **given: Any) -> None:
    """Serve the market in DIR over HTTP at its newest commit, while another process may be writing it. Ctrl-C stops.

    Example: qsim serve shop --port 8000
    """
    logs.set_up(given.pop("log_level"), given.pop("log_file"))
    from qsim.server import verb

    verb.serve(directory, listening=lambda address: output.note(f"serving at {address} (Ctrl-C stops)"), **given)
