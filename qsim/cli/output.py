"""Printing: rows as a table, JSON or CSV, chosen in one place; facts as aligned lines; progress on standard error."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from qsim.cli import drop_output, tables, tell
from qsim.cli.tables import Rows, cell, harmless
from qsim.errors import counted
from qsim.queries.values import json_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from qsim.runs.recording import Progress


_MANY_ROWS = 5_000


def to_json(value: Any) -> str:
    """Write a value as JSON: decimals as numbers, times as text, null for what is no finite number."""
    return json_of(value, indent=1)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    data(to_json(value))


def data(text: str, nl: bool = True) -> None:
    """Print what another program reads: in UTF-8 where standard output is no terminal, whatever the locale, so that none is lost;
    on a terminal, harmless to it.
    """
    _as_utf8()
    # Where it is not told that the text has colours, click takes out what looks like them.
    click.echo(_for_output(text), nl=nl, color=True)


def _for_output(text: str) -> str:
    return harmless(text) if sys.stdout.isatty() else text


def _as_utf8() -> None:
    out = sys.stdout
    if isinstance(out, TextIOWrapper) and not out.isatty() and out.encoding.lower() not in ("utf-8", "utf8"):
        out.reconfigure(encoding="utf-8", errors=out.errors)


def json_lines(rows: Rows) -> None:
    """Print rows as JSON, a line each, at once."""
    _as_utf8()
    for row in rows:
        sys.stdout.write(_for_output(json_of(row)) + "\n")
    sys.stdout.flush()


def _csv_cell(value: Any) -> Any:
    # A leading = + - @ would be run as a formula by a spreadsheet.
    text = "" if value is None else text_of(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in tuple("=+-@\t\r\n") else text


def table(rows: Rows, title: str = "", *, right: Collection[str] = (), spare: Collection[str] = ()) -> None:
    """Print rows as a table; numbers, and the columns `right`, to the right; as wide as need be where standard output is
    no terminal. Where the terminal is too narrow for all, the columns `spare` are left out, then the frame; where words
    would still be broken, each row is printed as lines of a name and a value.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console

    if not rows:
        click.echo(f"{title}: no rows" if title else "no rows")
        return
    if title:
        click.echo(title)
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    shown = tables.drawn(rows, right)
    if tables.width_of(console, shown, "max_width") > console.width:
        rows = [{name: row[name] for name in row if name not in spare} for row in rows]
        shown = tables.drawn(rows, right)
    if tables.width_of(console, shown, "min_width") > console.width:
        shown.box, shown.show_edge, shown.padding = SIMPLE_HEAD, False, 0
    if tables.fit(console, shown):
        console.print(shown)
    else:
        tables.records(rows)


def rows_as(rows: Rows, form: str, columns: Sequence[str]) -> None:
    """Print rows of these columns in a form: table, json or csv."""
    if form == "json":
        print_json(list(rows))
    elif form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(_csv_cell, columns))
        writer.writerows(map(_csv_cell, row.values()) for row in rows)
        data(text.getvalue(), nl=False)
    else:
        if len(rows) > _MANY_ROWS:
            note(f"{len(rows):,} rows take a while to be drawn as a table; --csv is quicker")
        table(rows)


def facts(values: Mapping[str, Any], as_json: bool) -> None:
    """Print named values, a line each, or as a JSON object."""
    if as_json:
        print_json(dict(values))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        shown = (
            f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and name != "seed" else cell(value)
        )
        click.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def summary(status: Mapping[str, Any], as_json: bool) -> None:
    """Print where a market stands in two lines, or its status as a JSON object."""
    if as_json:
        facts(status, as_json)
        return
    made_of = (
        f"{counted(status['products'], 'product')}, {counted(status['listings'], 'listing')}, seed {status['seed']}"
    )
    events = counted(status["events"], "event")
    click.echo(f"{status['directory']}: {made_of}, tick {status['tick']:,} ({status['market_time']}), {events}")
    click.echo(f"digest {status['digest']}")


def note(text: str) -> None:
    """Tell something on standard error."""
    tell([text])


@contextmanager
def verdict() -> Iterator[None]:
    """Print what goes with an exit code, which counts where nobody reads the text, too."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        drop_output()


@cache
def error_console() -> Console:
    """Give the console of standard error, which progress and the log share so that neither draws over the other."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[Progress], None]]:
    """Show a run's ticks, events a second and time left on standard error; one line at the end where that is no terminal."""
    from time import perf_counter

    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    begin, last = perf_counter(), None
    columns = (
        TextColumn(description),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ticks  {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=error_console(), disable=not error_console().is_terminal) as bar:
        task = bar.add_task(description, total=None, rate="")

        def show(now: Progress) -> None:
            nonlocal last
            last = now
            rate = now.events / max(perf_counter() - begin, 1e-9)
            behind = f", {now.lag_seconds:,.1f} s behind" if now.lag_seconds >= 1 else ""
            bar.update(task, total=now.wanted, completed=now.done, rate=f"{rate:,.0f} events/s{behind}")

        yield show
    if last is not None:
        seconds = perf_counter() - begin
        events = counted(last.events, "event")
        late = f"; {counted(last.late_ticks, 'tick')} late" if last.late_ticks else ""
        note(f"{counted(last.done, 'tick')}, {events} in {seconds:.1f} s ({last.events / seconds:,.0f} events/s){late}")
