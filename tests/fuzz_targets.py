"""What takes text or files from outside, each as a function of bytes: anything but its result or a refusal is a fault.

Hypothesis and the coverage-guided fuzzer call the same functions. An input that fails is run again by
`python -m tests.fuzz_targets SURFACE BASE64`.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import duckdb
import polars as pl

import qsim
from qsim import calendars, params, scenarios
from qsim.catalog.user_file import read_user_catalog
from qsim.catalog.user_groups import read_groups
from qsim.cli import options
from qsim.errors import QsimError, one_line
from qsim.queries import lists, questions
from qsim.storage import log
from tests.catalogs import catalog_tables
from tests.fuzz_words import CSV, DATES, HEADER, JSON, NAMES, NUMBERS, ROWS, TOML

# Of the processor, since a machine may have others to serve; and by the clock, for what waits and does nothing.
LONGEST_SECONDS, LONGEST_WAIT = 5, 60


class EscapedError(AssertionError):
    """An input was answered by something else than a result or a refusal of one line, or too late."""


@cache
def place() -> Path:
    """A folder of this process for what the targets write."""
    return Path(tempfile.mkdtemp(prefix="qsim-fuzz-"))


@cache
def market() -> Path:
    """A market of twelve products with a checkpoint and some commits behind it."""
    where = place() / "market"
    qsim.generate(where, products=12)
    while not list((where / log.CHECKPOINTS).glob("*.json")):
        qsim.run(where, ticks=1)
    qsim.run(where, ticks=5, surge_probability=0.5)
    return where


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return qsim.connect(market())


def written(name: str, data: bytes) -> Path:
    path = place() / name
    path.write_bytes(data)
    return path


def argument(data: bytes) -> str:
    """What a program finds of an argument: no NUL, and bytes that are no UTF-8 as lone surrogates."""
    return os.fsdecode(data.replace(b"\0", b""))


def _resolved(values: dict[str, Any]) -> None:
    for preset in ("classic", "realistic"):
        market_values, _ = params.without_process(values)
        opened = scenarios.opening(preset, market_values)
        made = params.resolve(preset, opened)
        text = params.to_toml(made.model_dump()).encode()
        if len(text) < 200_000:
            again = params.check(params.read_toml(written("again.toml", text)))
            assert again == made, "parameters written as TOML read back otherwise"


def config(data: bytes) -> None:
    """A TOML file of parameters."""
    _resolved(params.read_toml(written("given.toml", data)))


def setting(data: bytes) -> None:
    """The text of --set, and a later one over it."""
    _resolved(options.layers((), (argument(data), "batch_size=3")))


def change(data: bytes) -> None:
    """A TOML file of parameters for a market that runs."""
    values, _ = params.without_process(params.read_toml(written("given.toml", data)))
    now = params.resolve("realistic", {"products": 12})
    params.change(now, scenarios.changes([now], values))


def _whole_catalog(path: Path) -> None:
    for strict in (False, True):
        user = read_user_catalog(path, {}, strict=strict)
    if len(user.products) <= 20:
        made = params.resolve("classic", {"products": len(user.products), "catalog": path.name})
        catalog_tables(made, user.products)


def product_csv(data: bytes) -> None:
    """A product list as CSV."""
    _whole_catalog(written("list.csv", data))


def product_parquet(data: bytes) -> None:
    """A product list as Parquet; nothing but the refusal may be said on standard error."""
    with silent():
        _whole_catalog(written("list.parquet", data))


def group_csv(data: bytes) -> None:
    """A table of categories and their groups."""
    read_groups(written("groups.csv", data))


def calendar_csv(data: bytes) -> None:
    """A calendar of festivals."""
    entries = calendars.read_calendar(written("calendar.csv", data))
    calendars.to_table(entries)


def basket_list(data: bytes) -> None:
    """A shopping list."""
    lists.items_file(written("list.txt", data))


def product_name(data: bytes) -> None:
    """What somebody asks for by name."""
    text, con, refused = argument(data), connection(), []
    asked: list[Callable[[], object]] = [
        lambda: questions.cheapest(con, text),
        lambda: questions.cheapest(con, "onion", city=text),
        lambda: questions.deals(con, category=text),
        lambda: questions.deals(con, platform=text),
        lambda: questions.compare(con, text, "zepto", "blinkit"),
    ]
    for ask in asked:
        try:
            ask()
        except QsimError as refusal:
            check_line(refusal)
            refused.append(refusal)
    if len(refused) == len(asked):
        raise refused[0]


def commit(data: bytes) -> None:
    """A file of the log; the first byte says which one."""
    files = log_files()
    path = files[(data[0] if data else 0) % len(files)]
    kept = path.read_bytes()
    try:
        path.write_bytes(data[1:])
        qsim.status(market())
    finally:
        path.write_bytes(kept)


def log_files() -> list[Path]:
    """The newest checkpoint, and the first, a middle and the newest of the commits after it."""
    checkpoint = max((market() / log.CHECKPOINTS).glob("*.json"))
    after = [path for path in sorted((market() / log.COMMITS).glob("*.json")) if path.name >= checkpoint.name]
    return [checkpoint, after[1], after[len(after) // 2], after[-1]]


@contextmanager
def silent() -> Iterator[None]:
    """Fail where something below Python writes to standard error."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            text = said.read(300)
            if text:
                raise EscapedError(f"said on standard error: {text!r}")


@dataclass(frozen=True)
class Surface:
    """A target with inputs that it takes, and words that inputs are made of."""

    target: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...]


def _presets() -> list[bytes]:
    folder = Path(qsim.__file__).parent / "presets"
    return [path.read_bytes() for path in sorted(folder.rglob("*.toml"))] + [
        b"batch_size = 3\n[platforms.zepto]\nlow_percent = 91\n",
        b'[demand]\nclosed = ["zepto"]\n[sales.days]\n7 = 1.0\n',
    ]


def _settings() -> list[bytes]:
    return [b"batch_size=100", b"category_volatility.fruits=1.0", b'start="2026-03-01"', b"time_of_day.07:00-09:00=3",
            b"platforms.zepto.name=Zepto", b"scenario=diwali", b"sales.days={7=1.0}", b"max_workers=2"]  # fmt: skip


def _parquets() -> list[bytes]:
    rows = pl.read_csv(HEADER + ROWS, infer_schema=False)
    priced = rows.with_columns(pl.col("mrp", "price").cast(pl.Float64))
    made = []
    for frame in (rows, priced, priced.with_columns(pl.col("brand").cast(pl.Categorical))):
        for compression in ("uncompressed", "zstd"):
            out = io.BytesIO()
            frame.write_parquet(out, compression=compression)
            made.append(out.getvalue())
    return made


def _commits() -> list[bytes]:
    return [bytes([at]) + path.read_bytes() for at, path in enumerate(log_files())]


SURFACES = {
    "config": Surface(config, _presets, TOML),
    "change": Surface(change, _presets, TOML),
    "setting": Surface(setting, _settings, TOML),
    "product_csv": Surface(product_csv, lambda: [HEADER + ROWS, b"\xef\xbb\xbf" + (HEADER + ROWS).replace(b"\n", b"\r\n")], CSV),
    "product_parquet": Surface(product_parquet, _parquets, (b"PAR1", b"\0" * 8, b"\xff" * 8, *NUMBERS)),
    "group_csv": Surface(group_csv, lambda: [b"category,subcategory,group\nDairy,,dairy\nFruit,Fresh,fruits\n"], CSV),
    "calendar_csv": Surface(calendar_csv, lambda: [calendars.shipped_text().encode()], (*CSV, *DATES)),
    "basket_list": Surface(basket_list, lambda: [b"2 toned milk\nonion # red\n1 atta\n"], (*NUMBERS, *NAMES, *CSV[:12])),
    "product_name": Surface(product_name, lambda: [b"onions", b"toned milk 500 ml", b"fruits"], (*NUMBERS, *NAMES)),
    "commit": Surface(commit, _commits, JSON),
}  # fmt: skip


def check_line(refusal: QsimError) -> None:
    """What the command line prints of a refusal is a line, not too long to be read, that a terminal shows as it is."""
    text = one_line(str(refusal))
    if len(text) > 1_500 or not text.isprintable():
        raise EscapedError(f"said {text[:300]!r}, {len(text)} letters")


def _late(number: int, frame: object) -> None:
    raise EscapedError(f"took more than {LONGEST_WAIT} s")


def take(surface: str, data: bytes) -> bool:
    """Give an input to a surface and tell whether it was taken, not refused; EscapedError says how to run it again."""
    kept = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT)
    begin = process_time()
    try:
        SURFACES[surface].target(data)
    except QsimError as refusal:
        try:
            check_line(refusal)
        except EscapedError as fault:
            raise EscapedError(f"{surface}: {fault}; {replay(surface, data)}") from refusal
        return False
    except BaseException as fault:
        raise EscapedError(f"{surface}: {type(fault).__name__}: {str(fault)[:300]}; {replay(surface, data)}") from fault
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)
    if process_time() - begin > LONGEST_SECONDS:
        raise EscapedError(f"{surface}: took {process_time() - begin:.1f} s; {replay(surface, data)}")
    return True


def replay(surface: str, data: bytes) -> str:
    return f"replay: python -m tests.fuzz_targets {surface} {base64.b64encode(data).decode()}"


def clean() -> None:
    """Remove what the targets of this process wrote."""
    connection.cache_clear()
    market.cache_clear()
    shutil.rmtree(place(), ignore_errors=True)
    place.cache_clear()


if __name__ == "__main__":
    connection()
    print("taken" if take(sys.argv[1], base64.b64decode(sys.argv[2])) else "refused")
    clean()
