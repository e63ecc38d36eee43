"""SQL from outside: one SELECT over a market, checked, run in a locked DuckDB, in a process closed off by the kernel.

Each of the three layers keeps queries from writing and from reading outside by itself; the process also keeps time and
memory. `qsim.connect` is for those who may use the machine anyway, this is for those who may not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

from qsim.errors import CorruptError, QsimError, UsageError
from qsim.given import shown
from qsim.queries import sandbox, statement, texts, values, views
from qsim.queries.scans import Scans
from qsim.runs.epochs import course_of
from qsim.scalars import number, whole_number
from qsim.standing import market_directory
from qsim.startup import same_modules
from qsim.storage import integrity
from qsim.storage.log import Log
from qsim.storage.places import ObjectPath, Place

LAYERS = frozenset(("statement", "locked", "process"))
# Address space that DuckDB and Arrow reserve for threads and arenas without using it.
SPARE_MB = 1024
_SLACK = 2**20
# Threads that libraries would start when imported, before the kernel's limits, which would not hold for them.
NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Answer:
    """What a query gave: names and DuckDB types of its columns, its rows, and whether a cap cut them short."""

    columns: list[str]
    types: list[str]
    rows: list[dict[str, object]]
    truncated: bool


@dataclass(frozen=True)
class Limits:
    """What a query may take: wall time, rows and bytes (as JSON) of its answer, memory, threads."""

    seconds: float = 30.0
    rows: int = 100_000
    bytes: int = 64 * 2**20
    memory_mb: int = 512
    threads: int = 2

    def __post_init__(self) -> None:
        """Refuse limits that are none."""
        for name, least, most in (
            ("seconds", 0.1, 3600), ("rows", 1, 10_000_000), ("bytes", 1, 2**31), ("memory_mb", 64, 2**20), ("threads", 1, 64),
        ):  # fmt: skip
            found = (number if name == "seconds" else whole_number)(name, getattr(self, name))
            if not least <= found <= most:
                raise UsageError(f"{name}: found {found}; allowed is from {least} to {most:,}; set it within")
            # Also what goes to the process as JSON, which knows none of numpy's numbers.
            object.__setattr__(self, name, found)


def guarded_sql(
    directory: str | os.PathLike[str] | None,
    query: str,
    *,
    seconds: float = Limits.seconds,
    rows: int = Limits.rows,
    bytes: int = Limits.bytes,
    memory_mb: int = Limits.memory_mb,
    threads: int = Limits.threads,
) -> Answer:
    """Run one SELECT of somebody who is not trusted, over a market at its newest commit.

    Args:
        directory: The market; None is `QSIM_DIR`, else data/market.
        query: One SELECT (or DESCRIBE, SUMMARIZE, SHOW TABLES) over views, macros and functions of values.
        seconds: Wall time after which the query is killed.
        rows: The most rows of the answer; `truncated` tells that there were more.
        bytes: The most bytes of the answer, counted as JSON; likewise.
        memory_mb: The memory of DuckDB; the whole process may take about 1 GB of addresses more.
        threads: Threads of DuckDB.

    Returns:
        `columns` and `types` (DuckDB's), `rows` (a dict each) and `truncated`, its attributes.

    Raises:
        UsageError: the query or a limit is refused (exit code 2).
        CorruptError: a file of the market is not what was committed (exit code 5).
        QsimError: it failed, or took more time or memory than allowed (exit code 1).
    """
    if _is_folder(query):
        raise UsageError(
            f"guarded_sql: found {shown(query)}, a folder, for the query; allowed is guarded_sql(directory, query); name the"
            " market first"
        )
    return guarded(directory, query, Limits(seconds, rows, bytes, memory_mb, threads), LAYERS)


def _is_folder(query: object) -> bool:
    """Tell whether what is given for a query is where a market may be."""
    try:
        return isinstance(query, os.PathLike) or (isinstance(query, str) and query != "" and Path(query).is_dir())
    except (OSError, ValueError):
        # Too long, or not of this locale, as queries may be and no names of folders.
        return False


def layers() -> dict[str, str]:
    """Tell which layers are in force here, and what is missing where the system has no Landlock."""
    version = sandbox.landlock_version()
    limits = "deadline" if sys.platform == "win32" else "deadline, memory, CPU and file size limits"
    shut = f"Landlock {version}" if version else "no Landlock here: files are closed off by the other two layers alone"
    return {
        "statement": "one SELECT, of listed parts, views, macros and functions",
        "locked": "DuckDB without files, network, extensions and settings",
        "process": f"a process of its own; {limits}; {shut}",
    }


def guarded(
    directory: str | os.PathLike[str] | None,
    query: str,
    limits: Limits,
    on: frozenset[str],
    python: str = sys.executable,
) -> Answer:
    """Run a query behind the layers that are on; for the tests of each, all others use `guarded_sql`."""
    until = monotonic() + limits.seconds
    if "statement" in on:
        statement.bound(query)
    asked = request(market_directory(directory), query, limits, on)
    with started(python) as process:
        return answer_of(sent(process, asked, limits, until), limits)


def guarded_at(
    market: Place,
    history: Log,
    query: str,
    limits: Limits,
    begun: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
) -> Answer:
    """Run a query as `guarded_sql` does, at the commit that a log ends with whose files were held against it; `begun` is given
    the process, which the caller may end.
    """
    statement.bound(query)
    until = monotonic() + limits.seconds
    asked = request_at(market.absolute(), history, query, limits, LAYERS)
    with started() as process:
        begun(process)
        return answer_of(sent(process, asked, limits, until), limits)


def request(market: Place, query: str, limits: Limits, on: frozenset[str]) -> dict[str, Any]:
    """Put together all that the process needs to know of a market at its newest commit and of the query."""
    if isinstance(market, ObjectPath):
        raise UsageError(
            f"{market}: guarded queries have no network; allowed is a local folder; copy the market to one"
        )
    market = market.absolute()
    try:
        history = integrity.read_log(market)
    except CorruptError as fault:
        # Whoever asks is not to learn where the market is.
        raise CorruptError(str(fault).replace(str(market), "the market")) from None
    return request_at(market, history, query, limits, on)


def request_at(market: Place, history: Log, query: str, limits: Limits, on: frozenset[str]) -> dict[str, Any]:
    """Put together all that the process needs to know of a market at the commit that a log ends with."""
    scans = Scans()
    select = scans.select if "locked" in on else texts.files
    return {
        "market": str(market),
        "query": query,
        "layers": sorted(on),
        "statements": [
            f"SET threads = {limits.threads}",
            *views.all_statements(market, history, course_of(history), select),
        ],
        "scans": scans.named,
        "files": [str(market / file.path) for file in history.files],
        "cpu_seconds": int(limits.seconds * limits.threads) + 2,
        "spare_mb": SPARE_MB,
        **{name: getattr(limits, name) for name in ("seconds", "rows", "bytes", "memory_mb")},
    }


def started(python: str = sys.executable) -> subprocess.Popen[bytes]:
    """Start a process that waits for a request; it inherits no environment and no open file."""
    environment = same_modules() | NO_THREADS
    if sys.platform == "win32":
        environment["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", "")
    return subprocess.Popen(
        [python, "-P", "-m", "qsim.queries.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=Path.cwd().anchor,
    )


def sent(process: subprocess.Popen[bytes], asked: dict[str, Any], limits: Limits, until: float) -> bytes:
    """Send a request to a process, kill it when `monotonic` reaches `until`, and give what it wrote until then."""
    assert process.stdin and process.stdout
    late = Timer(max(0.0, until - monotonic()), process.kill)
    late.start()
    try:
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.close()
        line = process.stdout.read(limits.bytes + _SLACK)
    except BrokenPipeError:
        line = b""
    finally:
        in_time = late.is_alive()
        late.cancel()
        process.kill()
        process.wait()
    if not line.endswith(b"\n"):
        raise _ended(in_time, limits)
    return line


def _ended(in_time: bool, limits: Limits) -> QsimError:
    if not in_time:
        return QsimError(
            f"sql: the query ran for the {limits.seconds:g} s allowed and was ended; narrow it, or allow more"
        )
    return QsimError(
        f"sql: the query's process ended without an answer, having taken all its CPU time or more than the"
        f" {limits.memory_mb} MB allowed; narrow the query"
    )


def answer_of(line: bytes, limits: Limits) -> Answer:
    """Read an answer as data that may be forged: QsimError where it is not one."""
    try:
        told, rows = _read(line)
        if "refused" in told:
            raise UsageError(_one_line(told["refused"]))
        if "failed" in told:
            raise QsimError(_one_line(told["failed"]))
        columns, types = values.distinct(map(str, told["columns"])), list(map(str, told["types"]))
        named = [dict(zip(columns, row, strict=True)) for row in rows[: limits.rows]]
        return Answer(columns, types, named, told["truncated"] is not False)
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        raise QsimError("sql: the query's process gave no readable answer; narrow the query") from None


def _read(line: bytes) -> tuple[dict[str, Any], list[Any]]:
    """Give an answer and its rows, which are read one by one: no other thread runs while a text is read."""
    head, *texts = line.split(b"\t")
    tail = texts.pop() if texts else b""
    told = values.loaded(head + tail)
    if not isinstance(told, dict):
        raise TypeError("an answer that is no object")
    return told, [*told.get("rows", ()), *(values.loaded(text.removesuffix(b",")) for text in texts if text)]


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:500]
