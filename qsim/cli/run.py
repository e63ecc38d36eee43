"""`qsim run`."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any

import click

from qsim.cli import options, output

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _level(given: str | None) -> str:
    level = (given or os.environ.get("LOG_LEVEL") or "WARNING").upper()
    if level not in LEVELS:
        raise click.UsageError(f"LOG_LEVEL: found {level!r}; allowed are {', '.join(LEVELS)}")
    return level


def _stop_on_interrupt() -> threading.Event:
    """Let the first Ctrl-C or SIGTERM finish and commit what is under way; a second Ctrl-C stops at once."""
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        output.note("stopping: what is under way is being committed (again to stop at once)")
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return stop


@click.command()
@options.directory
@click.option("--ticks", type=int, help="Ticks to run.")
@click.option("--until", type=int, metavar="TICK", help="Run to this tick; nothing is done where it is reached.")
@click.option("--duration", type=float, metavar="MINUTES", help="Minutes of market time to run.")
@click.option(
    "--interval", "update_interval_seconds", type=int, metavar="SECONDS", help="Market seconds a tick, from now on."
)
@click.option("--batch-size", type=options.BatchSize(), help="Products a tick, from now on, or all.")
@click.option("--max-workers", type=int, help="Threads, capped at the cores (default 5); changes speed only.")
@click.option(
    "--scheduler", metavar="tcp://...|local", help="A Dask cluster whose workers take the blocks; local starts one."
)
@click.option("--log-level", type=click.Choice(LEVELS, case_sensitive=False), help="Default LOG_LEVEL, else WARNING.")
@options.scenario
@options.config
@options.settings
@options.as_json
def run(
    directory: str | None,
    log_level: str | None,
    config_files: tuple[str, ...],
    assignments: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Run the market in DIR on from where it stands; by default one simulated day. Ctrl-C commits what is done.

    Example: qsim run shop --ticks 288 --interval 300 --batch-size all

    Example: qsim run shop --scenario monsoon --ticks 500
    """
    from qsim import runs

    logging.basicConfig(level=_level(log_level), format="%(asctime)s %(levelname)s %(message)s")
    values = options.layers(config_files, assignments)
    with output.progress_bar("run") as progress:
        status = runs.run(directory, config=values, progress=progress, stop=_stop_on_interrupt(), **given)
    output.summary(status, as_json)
