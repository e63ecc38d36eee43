"""Where simulation meets storage: generate a market, run it on, tell where it stands."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from qsim import blocks, clock, params, simulation
from qsim.clock import Epoch
from qsim.errors import ConflictError, UsageError
from qsim.market.kernel import Rules, Span
from qsim.market.state import Block, State
from qsim.opening import CATALOG_COLUMNS, Opening, catalog_columns, open_market
from qsim.params import Parameters
from qsim.schema import CATALOG, DISCOUNTS, EVENTS, HISTORY, METRICS, ORDERS, SNAPSHOTS
from qsim.simulation import Campaigns, Course
from qsim.storage import digests, files, lock, log, parquet, tables
from qsim.storage.log import DataFile, Log

DEFAULT_DIRECTORY = "data/market"
DEFAULT_WORKERS = 5
SETTINGS_FILE = "market.toml"
_HISTORY = tuple(table.name for table in HISTORY if table is not ORDERS)
_ROWS_A_WINDOW = 1 << 20
_LONGEST_WINDOW = 1024
_SNAPSHOT_RATIO = 32


@dataclass(frozen=True)
class Progress:
    """How far a run is: the tick reached, the ticks of this call done and wanted, and the events it made."""

    tick: int
    done: int
    wanted: int
    events: int


@dataclass
class _Writer:
    """A market being written: where it is, its log, and its blocks with the states they have reached."""

    market: Path
    log: Log
    course: Course
    campaigns: Campaigns
    blocks: list[Block]
    states: list[State]
    highest_price: int
    workers: int
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def active_products(self) -> int:
        return sum(block.products for block in self.blocks)


def market_directory(directory: str | os.PathLike[str] | None = None) -> Path:
    """Give the market's directory: the one named, else `QSIM_DIR`, else data/market."""
    return Path(directory or os.environ.get("QSIM_DIR") or DEFAULT_DIRECTORY)


def course_of(history: Log) -> Course:
    """Give the epochs of a log with their parameters."""
    epochs = tuple(Epoch(entry["tick"], entry["second"], entry["interval"]) for entry in history.epochs)
    return Course(epochs, tuple(params.check(entry["parameters"]) for entry in history.epochs))


def workers_of(wanted: int | None) -> int:
    """Cap the workers at the cores of the machine."""
    wanted = DEFAULT_WORKERS if wanted is None else wanted
    if wanted < 1:
        raise UsageError(f"max_workers: found {wanted}; allowed is 1 or more; it changes speed only")
    return min(wanted, os.cpu_count() or 1)


def _epoch_entry(epoch: Epoch, parameters: Parameters) -> dict[str, Any]:
    return {
        "tick": epoch.tick,
        "second": epoch.second,
        "interval": epoch.interval,
        "parameters": parameters.model_dump(),
    }


def _epoch_digest(epoch: Epoch, parameters: Parameters) -> int:
    return digests.of_bytes(f"epoch:{epoch.tick}:{epoch.second}", params.digest(parameters))


def _make_place(market: Path) -> None:
    if market.exists() and not market.is_dir():
        raise UsageError(f"{market}: is a file; allowed is a directory for the market; name another")
    if log.exists(market):
        raise ConflictError(
            f"{market}: holds a market already; generate does not overwrite; remove it or name another directory"
        )
    ours = {SETTINGS_FILE, "LOCK", "catalog", log.COMMITS, log.CHECKPOINTS, *_HISTORY}
    strange = sorted({entry.name for entry in market.iterdir()} - ours) if market.exists() else []
    if strange:
        raise ConflictError(
            f"{market}: holds {strange[0]!r}, which is no market's; allowed is an empty or new directory; name another"
        )
    for part in ("catalog", log.COMMITS, log.CHECKPOINTS, *_HISTORY):
        files.make_directory(market / part)


def generate(
    directory: str | os.PathLike[str] | None = None,
    *,
    preset: str = "classic",
    config: Mapping[str, Any] | None = None,
    catalog: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    groups: str | os.PathLike[str] | None = None,
    strict: bool = False,
    warn: Callable[[str], None] = lambda line: None,
    **parameters: Any,
) -> dict[str, Any]:
    """Generate a market in an empty or new directory and commit it at tick 0; give its status.

    `parameters` are those of the preset by name; `catalog` is the user's own product list with its `columns` mapped
    to fields. `warn` is told what the list gave cause to say, a line each. ConflictError where a market is there.
    """
    market = market_directory(directory)
    layers = [config or {}, {key: value for key, value in parameters.items() if value is not None}]
    opening = open_market(preset, layers, catalog, columns or {}, groups, strict, warn)
    _make_place(market)
    with lock.writer_lock(market):
        _commit_opening(market, opening)
    return status(market)


def _commit_opening(market: Path, opening: Opening) -> None:
    def write(part: tuple[str, int, pa.Table]) -> DataFile:
        name, block, rows = part
        if name in _HISTORY:
            return tables.write_history(market, name, rows, (0, 0), block)
        return tables.write_catalog(market, name, rows)

    text = params.to_toml(
        {
            "format_version": log.FORMAT_VERSION,
            "products_per_block": opening.products_per_block,
            **opening.parameters.model_dump(),
        }
    ).encode()
    settings = DataFile(SETTINGS_FILE, "settings", 0, len(text), files.put(market / SETTINGS_FILE, text), 0, 0, 0)
    with ThreadPoolExecutor(workers_of(None)) as pool:
        added = [settings, *pool.map(write, opening.parts())]
        hashes = pool.map(lambda part: digests.of_columns(f"{part[0]}:{part[1]}:0", part[2]), opening.parts())
        epoch = Epoch(0, 0, opening.parameters.update_interval_seconds)
        digest = (sum(hashes) + _epoch_digest(epoch, opening.parameters)) % digests.MODULUS
    log.append(market, log.EMPTY, tick=0, digest=digest, added=added, epoch=_epoch_entry(epoch, opening.parameters))


def _window_ticks(writer: _Writer, parameters: Parameters) -> tuple[int, int]:
    """Give the ticks between commits and between snapshots: a commit holds about a million rows a block at most, and
    snapshots add about 3 % of rows. Both follow from the market and its parameters alone, never from the machine.
    """
    per = writer.blocks[0].listings_per_product
    taken = min(parameters.batch_size or writer.active_products, writer.active_products)
    in_block = max(1, min(taken, max(block.products for block in writer.blocks)) * per)
    commit = _LONGEST_WINDOW
    while commit > 1 and commit * in_block > _ROWS_A_WINDOW:
        commit //= 2
    snapshot = commit
    while snapshot * taken < _SNAPSHOT_RATIO * writer.active_products:
        snapshot *= 2
    return commit, snapshot


def _open_writer(market: Path, workers: int) -> _Writer:
    history = log.read(market)
    log.drop_unfinished(market, history)
    for table in _HISTORY:
        files.remove_unnamed(market / table, {Path(file.path).name for file in history.of_table(table)})
    columns, campaigns = catalog_columns(
        {name: tables.read(market, history.of_table(name), needed) for name, needed in CATALOG_COLUMNS.items()}
    )
    cut = blocks.make_blocks(columns)
    writer = _Writer(market, history, course_of(history), campaigns, cut, [], 2 * int(columns.anchor.max()), workers)
    _restore(writer)
    return writer


def _restore(writer: _Writer) -> None:
    """Bring every block's state to the head of the log: from the last snapshot, stepped on again where it lies behind."""
    snapshots = writer.log.of_table(SNAPSHOTS.name)
    tick = max(file.last for file in snapshots)
    seconds = clock.seconds_of(writer.course.epochs, tick, tick)
    running = writer.campaigns.running(seconds)[0]
    of_block = {file.block: file for file in snapshots if file.last == tick}
    writer.states = [
        blocks.state_of(block, tables.read(writer.market, [of_block[block.number]]), running) for block in writer.blocks
    ]
    while tick < writer.log.tick:
        last = writer.course.last_tick_of(tick + 1, writer.log.tick)
        rules = _rules(writer, tick + 1)
        step = lambda at, window: simulation.advance(writer.blocks[at], writer.states[at], rules, window)  # noqa: E731, B023 - used within this turn
        for _ in simulation.run_windows(len(writer.blocks), _windows(writer, tick + 1, last), step, writer.workers):
            pass
        tick = last


def _rules(writer: _Writer, tick: int) -> Rules:
    return simulation.rules(writer.course.at(tick)[1], writer.active_products, writer.highest_price)


def _windows(writer: _Writer, first: int, last: int) -> Iterator[Span]:
    """Cut the ticks first..last of one epoch at the fixed ticks where commits fall, until a stop is asked for."""
    every = _window_ticks(writer, writer.course.at(first)[1])[0]
    while first <= last and not writer.stop.is_set():
        end = min(last, (first - 1) // every * every + every)
        yield simulation.span(writer.course, writer.campaigns, first, end)
        first = end + 1


def _change_parameters(writer: _Writer, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Start an epoch at the market's tick where the changes differ from what it ran under; give its entry for the commit."""
    tick = writer.log.tick
    epoch, current = writer.course.epochs[-1], writer.course.parameters[-1]
    parameters = params.change(current, changes)
    if parameters == current:
        return None
    new = Epoch(tick, epoch.second_of(tick), parameters.update_interval_seconds)
    writer.course = Course((*writer.course.epochs, new), (*writer.course.parameters, parameters))
    return _epoch_entry(new, parameters)


def _write_tile(
    writer: _Writer, rules: Rules, snapshot_every: int, at: int, window: Span
) -> tuple[list[DataFile], int, pa.Table]:
    """Take one block through a window and write what changed: its files, their digest, and its rows of metrics."""
    block, state = writer.blocks[at], writer.states[at]
    encoder = parquet.Encoder(EVENTS.arrow())
    switches, counts, digest = [], [], 0
    for tile in simulation.tiles(block, state, rules, window):
        encoder.add(tile.events)
        switches.append(tile.discounts)
        counts.append(tile.metrics)
        digest += digests.of_ticks(EVENTS.name, block.number, tile.events)
    discounts = pa.concat_tables(switches)
    digest += digests.of_ticks(DISCOUNTS.name, block.number, discounts)
    ticks = (window.ticks[0], window.ticks[-1])
    written = []
    if encoder.rows:
        written.append(
            tables.put_history(writer.market, EVENTS.name, encoder.finish(), encoder.rows, ticks, block.number)
        )
    if discounts.num_rows:
        written.append(tables.write_history(writer.market, DISCOUNTS.name, discounts, ticks, block.number))
    if ticks[1] % snapshot_every == 0:
        written.append(_write_snapshot(writer, at, ticks[1]))
    return written, digest, pa.concat_tables(counts)


def _write_snapshot(writer: _Writer, at: int, tick: int) -> DataFile:
    rows = blocks.snapshot_table(writer.blocks[at], writer.states[at], tick)
    return tables.write_history(writer.market, SNAPSHOTS.name, rows, (tick, tick), writer.blocks[at].number)


def _commit_window(
    writer: _Writer, window: Span, results: list[tuple[list[DataFile], int, pa.Table]], epoch: dict[str, Any] | None
) -> int:
    """Commit a window of all blocks; give the number of its events."""
    ticks = (window.ticks[0], window.ticks[-1])
    metrics = pa.concat_tables([rows for _, _, rows in results]).sort_by(
        [("tick", "ascending"), ("block", "ascending")]
    )
    added = [file for written, _, _ in results for file in written]
    added.append(tables.write_history(writer.market, METRICS.name, metrics, ticks, 0))
    digest = writer.log.digest + sum(part for _, part, _ in results)
    if epoch is not None:
        digest += _epoch_digest(writer.course.epochs[-1], writer.course.parameters[-1])
    writer.log = log.append(
        writer.market, writer.log, tick=ticks[1], digest=digest % digests.MODULUS, added=added, epoch=epoch
    )
    return sum(file.rows for file in added if file.table == EVENTS.name)


def _commit_snapshot(writer: _Writer) -> None:
    """Keep the states at the head of the log, unless they are kept already, so that the next call starts from them."""
    tick = writer.log.tick
    if any(file.first == tick for file in writer.log.of_table(SNAPSHOTS.name)):
        return
    with ThreadPoolExecutor(writer.workers) as pool:
        added = list(pool.map(lambda at: _write_snapshot(writer, at, tick), range(len(writer.blocks))))
    writer.log = log.append(writer.market, writer.log, tick=tick, digest=writer.log.digest, added=added, epoch=None)


def ticks_wanted(tick: int, interval: int, ticks: int | None, until: int | None, duration: float | None) -> int:
    """Turn one of ticks, until (a tick) and duration (minutes of market time) into ticks to run; default one simulated day."""
    given = [name for name, value in (("ticks", ticks), ("until", until), ("duration", duration)) if value is not None]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(given)}: found both; allowed is one of ticks, until and duration; leave one out"
        )
    if until is not None:
        wanted = max(0, until - tick)
    elif duration is not None:
        wanted = int(duration * 60 // interval)
    else:
        wanted = ticks if ticks is not None else max(1, clock.DAY // interval)
    least = 0 if until is not None else 1
    if not least <= wanted <= clock.MAX_TICK - tick:
        name = given[0] if given else "ticks"
        raise UsageError(
            f"{name}: found {locals()[name]}, which makes {wanted} ticks of {interval} s; allowed are {least} to {clock.MAX_TICK - tick}; mend the number"
        )
    return wanted


def run(
    directory: str | os.PathLike[str] | None = None,
    *,
    ticks: int | None = None,
    until: int | None = None,
    duration: float | None = None,
    max_workers: int | None = None,
    config: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
    stop: threading.Event | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Run a market on by `ticks`, or to the tick `until`, or by `duration` minutes of market time; give its status.

    `changes` are run parameters that hold from the next tick on. When `stop` is set, what is under way is finished
    and committed. ConflictError where another process writes the market or none is there.
    """
    market = market_directory(directory)
    workers = workers_of(max_workers)
    if not log.exists(market):
        raise ConflictError(f"{market}: holds no market; make one with: qsim generate {market}")
    with lock.writer_lock(market):
        writer = _open_writer(market, workers)
        writer.stop = stop or writer.stop
        epoch = _change_parameters(
            writer, params.merge(config or {}, {key: value for key, value in changes.items() if value is not None})
        )
        wanted = ticks_wanted(writer.log.tick, writer.course.epochs[-1].interval, ticks, until, duration)
        _run_on(writer, wanted, epoch, progress)
    return status(market)


def _run_on(writer: _Writer, wanted: int, epoch: dict[str, Any] | None, progress: Callable[[Progress], None]) -> None:
    start, events = writer.log.tick, 0
    if wanted:
        rules = _rules(writer, start + 1)
        every = _window_ticks(writer, writer.course.parameters[-1])[1]
        windows = _windows(writer, start + 1, start + wanted)
        work = lambda at, window: _write_tile(writer, rules, every, at, window)  # noqa: E731 - binds this call's rules
        for window, results in simulation.run_windows(len(writer.blocks), windows, work, writer.workers):
            events += _commit_window(writer, window, results, epoch)
            epoch = None
            progress(Progress(writer.log.tick, writer.log.tick - start, wanted, events))
    _commit_snapshot(writer)


def status(directory: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Tell what a market holds and where it stands, from its log alone."""
    market = market_directory(directory)
    history = log.read(market)
    course = course_of(history)
    epoch, parameters = course.epochs[-1], course.parameters[-1]
    rows = {table.name: sum(file.rows for file in history.of_table(table.name)) for table in (*CATALOG, *HISTORY)}
    return {
        "directory": str(market),
        "preset": parameters.preset,
        "seed": parameters.seed,
        "catalog": parameters.catalog,
        "products": rows["products"],
        "stores": rows["stores"],
        "listings": rows["listings"],
        "campaigns": rows["campaigns"],
        "tick": history.tick,
        "market_time": clock.timestamp(clock.parse_start(parameters.start), epoch.second_of(history.tick)).isoformat(
            " "
        ),
        "interval_seconds": epoch.interval,
        "events": rows["events"],
        "snapshots": len({file.first for file in history.of_table("snapshots")}),
        "commits": history.number + 1,
        "files": len(history.files),
        "bytes": sum(file.bytes for file in history.files),
        "digest": f"{history.digest:032x}",
        "head": history.head,
    }
