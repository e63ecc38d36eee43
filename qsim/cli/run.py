"""`qsim run`."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from qsim.cli import drop_output, logs, options, output
from qsim.errors import CorruptError, DiskError, QsimError
from qsim.interrupts import STOPPING

if TYPE_CHECKING:
    import pyarrow as pa

# Who tells a process and its group to stop, as `timeout` does, tells it twice.
_ONE_STOP_SECONDS = 0.2


def _takes_words() -> bool:
    """Tell whether standard error takes something now: a terminal that was held (Ctrl-S), or whose connection hangs, does not, and
    who wrote to it would commit nothing any more.
    """
    try:
        return bool(select.select([], [2], [], 0)[1])
    except (OSError, ValueError):
        # Where it cannot be asked.
        return True


def _stop_on_interrupt(at_eof: bool) -> threading.Event:
    """Let the first Ctrl-C, SIGTERM or end of the terminal finish and commit what is under way; a second one stops at once."""
    stop, asked = threading.Event(), [0.0]

    def ask(number: int, frame: object) -> None:
        if asked[0] and monotonic() - asked[0] > _ONE_STOP_SECONDS:
            # A reader who takes nothing any more would hold up the end as well.
            drop_output()
            raise KeyboardInterrupt
        if asked[0]:
            return
        asked[0] = monotonic()
        stop.set()
        if _takes_words():
            output.note("stopping: what is under way is being committed (again to stop at once)")

    for number in STOPPING:
        # Under nohup the end of the terminal is nobody's wish.
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)
    if at_eof:
        threading.Thread(target=_stop_at_eof, args=(stop,), daemon=True).start()
    return stop


def _stop_at_eof(stop: threading.Event) -> None:
    # Not through sys.stdin, whose lock this thread would hold as the process ends.
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()
    output.note("stopping: standard input has ended; what is under way is being committed")


def _printer(
    directory: str | None, to_stdout: bool, sample: int, stop: threading.Event
) -> Callable[[pa.Table], None] | None:
    """Give what prints the events of a commit as JSON lines; when nobody reads any more, the run is stopped and ends well."""
    if not to_stdout:
        if sample:
            raise click.UsageError("--sample acts on --stdout; add it")
        return None
    from qsim.monitoring import feed

    told: list[Any] = []

    def show(events: pa.Table) -> None:
        # Only now, since the first commit may begin an epoch, which tells the time.
        if not told:
            told.append(feed.feed_of(directory))
        if hasattr(signal, "siginterrupt"):
            # Arrow leaves it so that a write that waits for its reader goes on waiting, whatever Ctrl-C says.
            signal.siginterrupt(signal.SIGINT, True)
        try:
            output.json_lines(feed.told(told[0], feed.sampled(events, sample or None)))
        except BrokenPipeError:
            stop.set()
            drop_output()

    return show


@contextmanager
def _reported(directory: str | None, file: str | None) -> Iterator[None]:
    """Write the report in the end, also where the disk or the market fails a run; a file that cannot be one is refused before."""
    if file is None:
        yield
        return
    from qsim.monitoring import report

    def write() -> None:
        output.note(f"{report.write(report.report(directory), file)} written")

    report.check_file(file)
    try:
        yield
    except (DiskError, CorruptError):
        # What failed the run is what is told, whatever else it fails.
        with suppress(QsimError):
            write()
        raise
    write()


@click.command()
@options.directory
@click.option("--ticks", type=int, help="Ticks to run.")
@click.option("--until", type=int, metavar="TICK", help="Run to this tick; nothing is done where it is reached.")
@click.option("--duration", type=float, metavar="MINUTES", help="Minutes of market time to run.")
@click.option(
    "--interval", "update_interval_seconds", type=int, metavar="SECONDS", help="Market seconds a tick, from now on."
)
@click.option("--batch-size", type=options.Count("number of products"), help="Products a tick, from now on, or all.")
@click.option("--max-workers", type=int, help="Threads, capped at the cores (default 5); changes speed only.")
@click.option(
    "--scheduler", metavar="tcp://...|local", help="A Dask cluster whose workers take the blocks; local starts one."
)
@click.option("--realtime", is_flag=True, help="Keep ticks to the clock; each is committed when it is due.")
@click.option("--speed", type=float, metavar="X", help="Keep to the clock, market time X times as fast.")
@click.option("--flush", type=float, metavar="SECONDS", help="With these, commit once in so many seconds.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print events as JSON lines, as they are committed.")
@click.option("--sample", type=options.Count(), default="all", help="Of these, so many of each tick.")
@click.option(
    "--monitoring/--no-monitoring", default=None, help="Count by platform and category (default; ENABLE_MONITORING)."
)
@click.option("--export-report", metavar="FILE", help="Report on the market at the end: .json, .md or .html.")
@click.option("--stop-at-eof", is_flag=True, hidden=True, help="Stop, as on SIGTERM, when standard input ends.")
@logs.level_option
@logs.file_option
@options.scenario
@options.config
@options.settings
@options.as_json
def run(
    directory: str | None,
    config_files: tuple[str, ...],
    assignments: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Run the market in DIR on from where it stands; by default one simulated day. Ctrl-C commits what is done.

    Example: qsim run shop --ticks 288 --interval 300 --batch-size all

    Example: qsim run shop --realtime --interval 5 --duration 60 --stdout --sample 10

    Example: qsim run shop --ticks 500 --set discount_probability=0.3
    """
    from qsim.runs import verbs

    logs.set_up(given.pop("log_level"), given.pop("log_file"))
    reported = _reported(directory, given.pop("export_report"))
    stop, to_stdout = _stop_on_interrupt(given.pop("stop_at_eof")), given.pop("to_stdout")
    printer = _printer(directory, to_stdout, given.pop("sample"), stop)
    values = options.layers(config_files, assignments)
    with reported, output.progress_bar("run") as progress:
        status = verbs.run(directory, config=values, progress=progress, stop=stop, on_events=printer, **given)
    if not to_stdout:
        output.summary(status, as_json)
