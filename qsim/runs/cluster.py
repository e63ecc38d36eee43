"""A market's blocks on the workers of a Dask cluster: each writes the files of its windows, the one writer commits.

A task is one block through one window, made of the block and of its state before; the writer holds the states between. So a
worker that is lost costs what it was at: Dask gives that to another, and what the lost one wrote is in no commit.
"""

from __future__ import annotations

import logging
import re
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from multiprocessing import resource_tracker, spawn
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from qsim import versions
from qsim.errors import QsimError, UsageError, one_line
from qsim.market.rules import Rules, Span
from qsim.market.state import Block, State
from qsim.market.tally import Tally
from qsim.runs.windows import Wanted, Written, take
from qsim.runs.writing import Writer
from qsim.storage import files
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place
from qsim.storage.tables import Writing

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+")
_CONNECT_SECONDS = 30
# How often a thread that waits for a task looks whether that can still come, and how long a cluster may be without workers.
_LOOK_SECONDS = 1.0
_LOST_SECONDS = 60.0
# A thread here waits for each task; one waits at a worker while another is worked on.
_TASKS_A_THREAD = 2
_SETTINGS = {
    # Dask warns of what it is given here on purpose: blocks and their states, a few MB each.
    "distributed.admin.large-graph-warning-threshold": "1 GB",
    # Its workers give memory back at once unless told otherwise, and every array of a tick would be new pages.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 28,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 25,
}
_LIBRARIES = ("numpy", "pyarrow", versions.QSIM)

_logger = logging.getLogger("qsim")


@contextmanager
def connected(scheduler: str, workers: int) -> Iterator[Client]:
    """Connect to the Dask scheduler at an address, or start so many workers of one thread on this machine for `local`.

    Raises:
        UsageError: the address is none, or Dask is not installed.
        QsimError: the scheduler does not answer, its workers cannot be started, or they have other versions than this process.
    """
    if scheduler != LOCAL and not _ADDRESS.fullmatch(str(scheduler)):
        raise UsageError(f"scheduler: found {scheduler!r}; allowed are tcp://HOST:PORT and local; mend the address")
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise UsageError(
            "scheduler: distributed is not installed; clusters need it; run: pip install 'quickcommerce-sim[dask]'"
        ) from None
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        where: Any = scheduler
        if scheduler == LOCAL:
            stack.enter_context(_main_left_out())
            # A dashboard is served also where none is asked for: at a port that no other cluster has.
            how = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": "ERROR"}
            try:
                with _interrupts_kept_out():
                    where = stack.enter_context(LocalCluster(n_workers=workers, **how))
            except (OSError, RuntimeError) as fault:
                reason = one_line(f"{fault}: {fault.__cause__}")[:200]
                raise QsimError(f"local: Dask cannot start its workers: {reason}; run without a scheduler") from None
        try:
            client = stack.enter_context(Client(where, timeout=_CONNECT_SECONDS))
        except OSError as fault:
            reason = one_line(str(fault))[:200]
            raise QsimError(f"{scheduler}: no Dask scheduler answers: {reason}; start one there") from None
        _check_versions(client)
        yield client


@contextmanager
def _interrupts_kept_out() -> Iterator[None]:
    """Start programs that Ctrl-C does not reach, which a terminal sends to all: the writer still commits what they are at."""
    if sys.platform == "win32":
        yield
        return
    # It would start with the first program, and let interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Start Dask's workers without this process's main module: a script without a guard would make its markets in each again."""
    given = spawn.get_preparation_data

    def prepared(name: str) -> dict[str, Any]:
        data = given(name)
        return {key: value for key, value in data.items() if not (name.startswith("Dask") and "main" in key)}

    spawn.get_preparation_data = prepared
    try:
        yield
    finally:
        spawn.get_preparation_data = given


def _versions_there(client: Client) -> dict[str, dict[str, str]]:
    """Ask each worker for its versions, by a function that is sent whole: one without qsim could not find any of its own."""
    names, own, unknown = _LIBRARIES, versions.QSIM, versions.UNKNOWN

    def found_there() -> dict[str, str]:
        from importlib import import_module, metadata

        found = dict.fromkeys(names, unknown)
        for name in names:
            with suppress(metadata.PackageNotFoundError):
                found[name] = metadata.version(name)
        try:
            import_module("qsim.runs.cluster")
        except ImportError as fault:
            found[own] = f"none ({fault})"
        return found

    try:
        there: dict[str, dict[str, str]] = client.run(found_there)
    except Exception as fault:
        address = client.scheduler_info()["address"]
        reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
        raise QsimError(f"{address}: its workers cannot be asked for their versions: {reason}; look at them") from None
    return there


def _check_versions(client: Client) -> None:
    """Make sure that there are workers, and that they write the same bytes as this process."""
    own, found = {name: versions.of(name) for name in _LIBRARIES}, _versions_there(client)
    if not found:
        raise QsimError(f"{client.scheduler_info()['address']}: has no workers; start some there")
    for address, theirs in found.items():
        for name in _LIBRARIES:
            if theirs[name] != own[name]:
                raise QsimError(
                    f"{address}: has {name} {theirs[name]}; allowed is {own[name]}, as here; install it there"
                )


def hand_over(writer: Writer, client: Client) -> None:
    """Let a cluster take a writer's blocks through their windows."""
    threads = sum(client.nthreads().values())
    writer.workers = max(1, min(len(writer.blocks), _TASKS_A_THREAD * threads))
    run = secrets.token_hex(4)
    sent: dict[int, tuple[Any, Future]] = {}
    watch = _Watch(client)

    def once(value: Any, name: str) -> Future:
        """Send what stays as it is one time; a worker that needs it gets it from another, or again where that was lost."""
        if id(value) not in sent:
            # The value is kept, or another could come to have its id.
            sent[id(value)] = value, client.submit(_same, value, key=f"{name}-{run}-{id(value)}")
        return sent[id(value)][1]

    def take_there(writer: Writer, rules: Rules, snapshot_every: int, at: int, window: Span) -> Written:
        of_block = once(writer.blocks[at], "block"), _bare(writer.states[at]), once(rules, "rules")
        given = *of_block, snapshot_every, window, writer.wanted(at, Writing(shared=True))
        task = client.submit(_take, writer.market.absolute(), *given, key=f"window-{run}-{at}-{window.ticks[0]}")
        written: Written
        written, writer.states[at], tally = _result(task, watch)
        if writer.counts is not None:
            writer.counts.tallies[at] = tally
        _check_there(writer.market, written.files)
        return written

    writer.take, writer.give_up = take_there, watch.given_up.set


def _same(value: Any) -> Any:
    return value


def _bare(state: State) -> State:
    """Give a state without what is worked out from it anew."""
    return replace(state, costs=None, prepared=None)


def _take(
    market: Place, block: Block, state: State, rules: Rules, snapshot_every: int, window: Span, wanted: Wanted
) -> tuple[Written, State, Tally | None]:
    """Do a task, at a worker; give the state and the counts after it."""
    # What a task was given is given again where it has to be done again.
    columns = {field.name: getattr(state, field.name) for field in fields(state)}
    state = replace(state, **{name: column.copy() for name, column in columns.items() if column is not None})
    tally = None if wanted.tally is None else replace(wanted.tally)
    written = take(market, block, state, rules, snapshot_every, window, replace(wanted, tally=tally))
    for folder in sorted({(market / file.path).parent for file in written.files}):
        files.sync_directory(folder)
    return written, _bare(state), tally


@dataclass
class _Watch:
    """Looks, for all threads that wait for tasks, whether these can still come: since when a cluster has no workers."""

    client: Client
    given_up: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    looked: float = field(default_factory=monotonic)
    lost: float | None = None

    def wait(self, future: Future) -> None:
        """Wait until a task is done; QsimError where it is given up or the cluster has had no workers for long."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(_LOOK_SECONDS):
            self.look(future)

    def look(self, future: Future) -> None:
        """Look whether a task can still come; QsimError where it is given up or the cluster has had no workers for long."""
        if self.given_up.is_set():
            raise QsimError(f"{future.key}: was given up; what was committed stays; run again")
        with self.lock:
            self._look()

    def _look(self) -> None:
        now = monotonic()
        if now - self.looked < _LOOK_SECONDS:
            return
        self.looked = now
        if self.client.nthreads():
            self.lost = None
        elif self.lost is None:
            self.lost = now
            _logger.warning("the cluster has no workers left; waiting %.0f s for one to come", _LOST_SECONDS)
        elif now - self.lost > _LOST_SECONDS:
            raise QsimError(
                f"the cluster has had no workers for {_LOST_SECONDS:.0f} s; what was committed stays; start some, then"
                " run again"
            )


def _result(future: Future, watch: _Watch) -> Any:
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    seconds = _LOOK_SECONDS
    try:
        while True:
            watch.wait(future)
            # A worker that is lost once its task is done takes the result with it: then the task is done again, or waits.
            with suppress(TimeoutError):
                return future.result(seconds)
            watch.look(future)
            seconds *= 2
    except (KilledWorker, CancelledError, CommClosedError) as fault:
        raise QsimError(
            f"the cluster gave up {future.key}: {one_line(str(fault))[:200]}; what was committed stays; look at its"
            " workers, then run again"
        ) from None


def _check_there(market: Place, written: Sequence[DataFile]) -> None:
    """Make sure that a worker's files are in this market: another machine may have a folder of the same name."""
    if not isinstance(market, Path):
        return
    for file in written:
        found = files.look(market / file.path)
        if found is None or found.bytes != file.bytes:
            raise QsimError(
                f"{market / file.path}: was written by a worker and is not here; allowed is a directory that all machines"
                " share, or an object store"
            )
