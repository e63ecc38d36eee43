"""Generate a market and run it on: the verbs of the command line for Python."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsim import allocation, clock, given, params, scenarios, threads
from qsim.clock import Epoch
from qsim.errors import ConflictError, UsageError
from qsim.runs import calls, cluster, forecast, recording, writing
from qsim.runs.epochs import course_of, epoch_digest, epoch_entry
from qsim.runs.recording import Manner, Progress
from qsim.scalars import number, whole_number
from qsim.standing import SETTINGS_FILE, market_directory, status
from qsim.storage import digests, files, leftovers, lock, log, tables
from qsim.storage.pieces import DataFile
from qsim.storage.places import ObjectPath, Place, held
from qsim.streams import FORMAT_VERSION

if TYPE_CHECKING:
    import pyarrow as pa
    from distributed import Client

    from qsim.runs.opening import Opening, Part

DEFAULT_WORKERS = 5
# Ticks beyond any market, of which it is of no use to tell what they would take.
_MOST_TOLD = 10**15
_Wanted = tuple[int | None, int | None, float | None]
_How = tuple[int, str | None, bool, threading.Event | None]


def workers_of(wanted: int | None) -> int:
    """Cap the workers at the cores of the machine."""
    return min(DEFAULT_WORKERS if wanted is None else params.worker_count(wanted), os.cpu_count() or 1)


def _refuse_taken(market: Place) -> None:
    """Make sure that a market may be made in a directory: nothing is in it but what a killed generation left."""
    found = files.look(market)
    if found is not None and not found.is_directory and not files.leads_to_directory(market):
        kind = "a file" if found.is_file else "neither a directory nor a link to one"
        raise UsageError(f"{market}: is {kind}; allowed is a directory for the market; name another")
    if log.exists(market):
        raise ConflictError(
            f"{market}: holds a market already; generate does not overwrite; remove it or name another directory"
        )
    names = set(files.names(market))
    ours = {SETTINGS_FILE, lock.LOCK, *writing.DIRECTORIES} if lock.LOCK in names else set()
    strange = sorted(
        name for name in names - ours if not (files.is_temporary(name) or (ours and leftovers.is_settings(name)))
    )
    if strange:
        raise ConflictError(
            f"{market}: holds {strange[0]!r}, which is no market's; allowed is an empty or new directory; name another"
        )


@contextmanager
def new_place(market: Place) -> Iterator[None]:
    """Hold the lock of a directory where a market may be made, with its folders made and cleared."""
    _refuse_taken(market)
    files.make_path(market.absolute())
    with lock.writer_lock(market):
        # Another generation may have come first, before this one had the lock.
        _refuse_taken(market)
        # A folder without a lock is taken for somebody else's, so that the lock has to be on disk first.
        files.sync_directory(market)
        files.make_missing(market, writing.DIRECTORIES)
        left = leftovers.found(market, writing.DIRECTORIES, writing.CATALOG_TABLES, log.EMPTY, clock.MAX_TICK)
        if isinstance(market, Path):
            leftovers.clear(market, writing.DIRECTORIES, left)
        yield
        if isinstance(market, ObjectPath):
            # Another generation may be under way: only behind a commit is it sure that it will not name them.
            leftovers.clear(market, writing.DIRECTORIES, left)


def generate(
    directory: str | os.PathLike[str] | None = None,
    *,
    preset: str | None = None,
    config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    catalog: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    groups: str | os.PathLike[str] | None = None,
    calendar: str | os.PathLike[str] | None = None,
    strict: bool = False,
    warn: Callable[[str], None] = lambda line: None,
    **parameters: Any,
) -> dict[str, Any]:
    """Generate a market in an empty or new directory and commit it at tick 0; give its `status`.

    Args:
        directory: where: a local folder or an object store's URL; None is `QSIM_DIR`, else data/market.
        preset: `classic` (default), `realistic`, `supermarket`; `config`: parameters over it, as tables or a TOML file's path.
        catalog: your own product list, CSV or Parquet; `columns`: column -> field; `groups`: CSV of category,subcategory,group.
        calendar: CSV of festivals, `india` or `none`; `strict`: refuse a list with faulty rows, else `warn` is told of each.
        parameters: by their names in `qsim config show` (`products`, `seed` ...), and `scenario`; they win over `config`.

    Raises UsageError (a name or value), InputError (a file), ConflictError (something is there), DiskError.
    """
    # What makes lists takes long to import, and a run needs none of it.
    from qsim.runs.opening import open_market

    allocation.keep_freed_memory()
    market = market_directory(directory)
    catalog, groups, calendar = calls.files(catalog=catalog, groups=groups, calendar=calendar)
    values = _opening_values(config, catalog, calls.parameters({**parameters, "calendar": calendar}, generate))
    preset = values.get("preset", "classic") if preset is None else given.text("preset", preset)
    given.check_called("warn", warn)
    chosen = catalog, calls.columns_of(columns), groups, given.flag("strict", strict)
    with held(market) as whole:
        opening = open_market(preset, [scenarios.opening(preset, values)], *chosen, warn)
        forecast.warn_of_demand(market, opening.parameters)
        _commit_opening(whole, opening)
        return status(whole) | {"directory": str(market)}


def _opening_values(
    config: Mapping[str, Any] | str | os.PathLike[str] | None, catalog: str | None, named: Mapping[str, Any]
) -> dict[str, Any]:
    if catalog is not None and "products" in named:
        raise UsageError(
            f"products: found {given.shown(named['products'])} with a catalog; its rows are the products; leave one of them out"
        )
    return params.without_process(params.merge(params.configured(config), named))[0]


def _write_parts(market: Place, parts: list[Part]) -> tuple[list[DataFile], int]:
    """Write the tables of a piece of the opening; give their files and the sum of their digests."""
    written = [
        tables.write_history(market, name, rows, (0, 0), block)
        if name in writing.HISTORY_TABLES
        else tables.write_catalog(market, name, rows, block)
        for name, block, rows in parts
    ]
    return written, sum(digests.of_opening(name, block, rows) for name, block, rows in parts)


def _commit_opening(market: Place, opening: Opening) -> None:
    with new_place(market):
        fixed = {"format_version": FORMAT_VERSION, "products_per_block": opening.products_per_block}
        text = params.to_toml({**fixed, **opening.parameters.model_dump()}).encode()
        name = files.own_name(market, SETTINGS_FILE)
        added = [DataFile(name, "settings", 0, len(text), files.put(market / name, text), 0, 0, 0)]
        epoch = Epoch(0, 0, opening.parameters.update_interval_seconds)
        digest = epoch_digest(epoch, opening.parameters)
        parts = threads.for_each(lambda piece: _write_parts(market, piece()), opening.pieces, workers=workers_of(None))
        for written, part_digest in parts:
            added += written
            digest += part_digest
        entry = epoch_entry(epoch, opening.parameters)
        log.append(market, log.EMPTY, tick=0, digest=digest % digests.MODULUS, added=added, epoch=entry)


def ticks_wanted(
    tick: int,
    interval: int,
    ticks: int | None,
    until: int | None,
    duration: float | None,
    need: Callable[[int], str] = lambda wanted: "",
) -> int:
    """Turn one of ticks, until (a tick) and duration (minutes of market time) into ticks to run; default one simulated day.

    UsageError where that is none or more than a market may have; it says what `need` tells of so many ticks.
    """
    named = [name for name, value in (("ticks", ticks), ("until", until), ("duration", duration)) if value is not None]
    if len(named) > 1:
        raise UsageError(
            f"{' and '.join(named)}: found both; allowed is one of ticks, until and duration; leave one out"
        )
    ticks = None if ticks is None else whole_number("ticks", ticks)
    until = None if until is None else whole_number("until", until)
    duration = None if duration is None else number("duration", duration)
    if duration is not None and not abs(duration) <= clock.MAX_SECOND / 60:
        most = f"{clock.MAX_SECOND // 60:,}, {clock.MAX_YEARS} years"
        raise UsageError(f"duration: found {duration}; allowed is a number of minutes up to {most}; mend the number")
    asked = {"ticks": ticks, "until": until, "duration": duration}
    if until is not None:
        wanted = max(0, until - tick)
    elif duration is not None:
        # In floats 2.05 minutes are a little less than the 123 seconds that they are.
        wanted = int(round(duration * 60, 6) // interval)
    else:
        wanted = ticks if ticks is not None else max(1, clock.DAY // interval)
    least = 0 if until is not None else 1
    if not least <= wanted <= clock.MAX_TICK - tick:
        name = named[0] if named else "ticks"
        allowed = f"allowed are {least} to {clock.MAX_TICK - tick}"
        takes = need(wanted) if 0 < wanted < _MOST_TOLD else ""
        found = f"{given.shown(asked[name])}: {given.shown(wanted)} ticks of {interval} s{takes}"
        raise UsageError(f"{name}: found {found}; {allowed}; mend the number")
    return wanted


def _refuse_early(
    market: Place,
    values: Mapping[str, Any],
    ticks: int | None,
    until: int | None,
    duration: float | None,
    paced: bool,
) -> None:
    """Refuse a run before the market is locked, which alone would alter a file of it, and before its blocks are read."""
    history = log.read(market)
    course = course_of(history).parameters
    parameters = params.change(course[-1], scenarios.changes(course, values))

    def need(wanted: int) -> str:
        return f", {forecast.told(wanted, wanted * forecast.rows_a_tick(history, parameters))}"

    wanted = ticks_wanted(history.tick, parameters.update_interval_seconds, ticks, until, duration, need)
    forecast.check(market, history, parameters, wanted, paced)


def run(
    directory: str | os.PathLike[str] | None = None,
    *,
    ticks: int | None = None,
    until: int | None = None,
    duration: float | None = None,
    max_workers: int | None = None,
    scheduler: str | None = None,
    config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    realtime: bool = False,
    speed: float | None = None,
    flush: float | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
    on_events: Callable[[pa.Table], None] | None = None,
    stop: threading.Event | None = None,
    monitoring: bool | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Run a market on by `ticks`, to the tick `until`, or by `duration` minutes of market time, else a day; give its `status`.

    Args:
        max_workers: threads; `scheduler`: a Dask cluster's address, or `local`, for its workers to take the blocks.
        config: parameters from the next tick on, as nested tables or the path of a TOML file.
        realtime: keep to the clock; `speed`: so many market seconds a second; `flush`: seconds between commits.
        progress: is told a `recording.Progress`; `on_events`: each Arrow table of events, once committed.
        stop: when any thread sets it, what is under way is finished and committed.
        monitoring: count by platform and category; None is as `ENABLE_MONITORING` says, else True.
        changes: parameters over `config`, `update_interval_seconds` among them; `scenario`: an overlay, or `none`.

    Raises UsageError, ConflictError (another writes the market, or none is there), CorruptError, DiskError.
    """
    market, monitoring = market_directory(directory), recording.monitoring_wanted(monitoring)
    manner = calls.manner(progress, on_events, realtime, speed, flush, stop)
    values, from_config = params.without_process(params.configured(config))
    workers = workers_of(max_workers if max_workers is not None else from_config)
    values, wanted = params.merge(values, calls.parameters(changes, run)), (ticks, until, duration)
    with held(market) as whole:
        _refuse_early(market, values, *wanted, manner.speed is not None)
        return _run(whole, values, wanted, (workers, scheduler, monitoring, stop), manner) | {"directory": str(market)}


def _run(market: Place, values: dict[str, Any], wanted: _Wanted, how: _How, manner: Manner) -> dict[str, Any]:
    workers, scheduler, monitoring, stop = how
    with writing.locked(market), _cluster(scheduler, workers) as client:
        writer = writing.open_writer(market, workers, monitoring, stop)
        if client is not None:
            cluster.hand_over(writer, client)
        epoch = writing.change_parameters(writer, scenarios.changes(writer.world.course.parameters, values))
        scenarios.warn_of_idle(values.get("scenario"), writer.world.course.parameters[-1])
        ticks = ticks_wanted(writer.tip.tick, writer.world.course.epochs[-1].interval, *wanted)
        recording.run_on(writer, ticks, epoch, manner)
    return status(market)


def _cluster(scheduler: str | None, workers: int) -> AbstractContextManager[Client | None]:
    return nullcontext() if scheduler is None else cluster.connected(scheduler, workers)
