"""Around attacks by SQL: the places that they aim at, what would show that one got through, and the processes that answer them."""

from __future__ import annotations

import ctypes
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from qsim.queries import guard
from qsim.queries.guard import Limits
from qsim.startup import same_modules
from tests.stored import tree

TOKEN = "kept-outside-7f3a9c"


@dataclass
class Place:
    """A market, and files outside it that no query may open."""

    market: Path
    outside: Path
    names: dict[str, str] = field(default_factory=dict)

    def text(self, attack: str) -> str:
        return attack.format_map(self.names)

    def state(self) -> dict[str, str]:
        """Every file of the market and outside by its hash."""
        return {
            str(top / name): found
            for top in (self.market, self.outside)
            for name, found in tree(top, without=()).items()
        }


def place_around(market: Path, outside: Path) -> Place:
    outside.mkdir()
    (outside / "secret.txt").write_text(TOKEN)
    (outside / "secret.csv").write_text(f"a,b\n1,{TOKEN}\n2,{TOKEN}\n")
    pq.write_table(pa.table({"x": [TOKEN]}), outside / "secret.parquet")
    link = market.parent / "link.txt"
    link.symlink_to(outside / "secret.txt")
    listed = min((market / "events").glob("*.parquet"))
    kinds = {"secret": "txt", "secret_csv": "csv", "secret_parquet": "parquet"}
    names = {name: str(outside / f"secret.{end}") for name, end in kinds.items()}
    names |= {"outside": str(outside), "link": str(link), "new": str(outside / "new.txt")}
    return Place(market, outside, names | {"listed": str(listed), "market": str(market)})


class Watch:
    """What the kernel tells of files opened outside and of files of the market written, while the block runs."""

    OPENED, WRITTEN = 0x20 | 0x1, 0x2 | 0x8 | 0x100 | 0x200 | 0x40 | 0x80

    def __init__(self, place: Place) -> None:
        self.place = place
        self.events: list[str] = []

    def __enter__(self) -> Watch:
        libc = ctypes.CDLL(None)
        self.file = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self.file, str(self.place.outside).encode(), self.OPENED | self.WRITTEN)
        for folder in (self.place.market, *(one for one in self.place.market.iterdir() if one.is_dir())):
            libc.inotify_add_watch(self.file, str(folder).encode(), self.WRITTEN)
        return self

    def __exit__(self, *_: object) -> None:
        while select.select([self.file], [], [], 0)[0]:
            self.events += [part.decode() for part in os.read(self.file, 65536).split(b"\0") if part.isascii()]
        os.close(self.file)

    @property
    def seen(self) -> bool:
        return bool(self.events)


# Layers are tried over a few views: the rest costs time at every statement and adds no door.
FEW = ("CREATE SCHEMA", "CREATE OR REPLACE VIEW raw.events ", "CREATE OR REPLACE VIEW raw.newest_snapshot ")
STAND_INS = [
    "CREATE VIEW prices AS SELECT listing_id, price_paise * 0.01 AS price, 'Onion' AS product, 'zepto' AS platform"
    " FROM raw.newest_snapshot",
    "CREATE MACRO prices_at(ts) AS TABLE SELECT * FROM prices",
]


def few(asked: dict[str, Any]) -> dict[str, Any]:
    """Cut a request down to a few views."""
    kept = [text for text in asked["statements"] if text.startswith(FEW)]
    scans = {name: scan for name, scan in asked["scans"].items() if any(f" {name}" in f"{text} " for text in kept)}
    return {**asked, "statements": kept + STAND_INS, "scans": scans}


def answers(
    place: Place, queries: Sequence[str], on: frozenset[str], limits: Limits
) -> Iterator[dict[str, Any] | None]:
    """Put many queries to few processes over a few views; None where a process ended without an answer."""
    for line in lines(few(guard.request(place.market, "", limits, on)), queries):
        yield json.loads(line) if line else None


def lines(base: dict[str, Any], queries: Sequence[str], most: int = 200) -> Iterator[bytes | None]:
    """Put many queries to few processes and give their answers as written.

    Queries that change what others meet have a DuckDB each, the others share one that was laid out and locked once; so do
    all where the statement check, which leaves nothing of the kind, goes first.
    """
    checked = "statement" in base["layers"]
    words = [sys.executable, "-m", "tests.attacked"]
    environment = same_modules() | guard.NO_THREADS
    rest = list(queries)
    while rest:
        part = rest[:most]
        asked = [{**base, "query": query, "alone": not checked and alone(query)} for query in part]
        given = "".join(json.dumps(one) + "\n" for one in asked).encode()
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/"
        ) as process:
            try:
                out, _ = process.communicate(given, timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
        told = [line for line in out.splitlines(keepends=True) if line.endswith(b"}\n")]
        yield from told
        if len(told) < len(part):
            yield None
        rest = rest[min(len(part), len(told) + 1) :]


def alone(query: str) -> bool:
    """Tell whether a query needs a DuckDB of its own: it is no SELECT, or is about the variables of Python."""
    first = query.lstrip("( \n").split(None, 1)[0].upper() if query.strip() else ""
    plain = first in ("SELECT", "FROM", "DESCRIBE", "SUMMARIZE", "SHOW", "TABLE", "VALUES") and ";" not in query
    return not plain or any(f" {name}" in query for name in ("request", "connection", "enable_", "query", "log"))
