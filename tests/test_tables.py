"""Files of rows: the rows of few listings are found in them, tables are written under their own names, and only where held."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qsim.errors import ConflictError, CorruptError
from qsim.storage import lock, log, rows, tables
from qsim.storage.pieces import DataFile
from tests.files_of_commits import data_file

# Row groups of two files: the ticks and listings of each. The third has no row of an odd listing.
LAYOUT = [[((0, 9), (0, 4, 1)), ((0, 7), (5, 9, 1))], [((10, 19), (0, 8, 2)), ((12, 14), (6, 9, 1))]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[DataFile]]:
    """A market's folder with two files of history, and one that lies after them and is not there."""
    market = tmp_path_factory.mktemp("rows")
    (market / "events").mkdir()
    named = []
    for number, groups in enumerate(LAYOUT):
        with pq.ParquetWriter(
            market / f"events/{number}.parquet",
            pa.schema({"tick": pa.uint32(), "listing_id": pa.uint32(), "price": pa.int32()}),
        ) as writer:
            for (first, last), (low, high, step) in groups:
                pairs = list(itertools.product(range(low, high + 1, step), range(first, last + 1)))
                columns = {"tick": [tick for _, tick in pairs], "listing_id": [one for one, _ in pairs]}
                writer.write_table(
                    pa.table({**columns, "price": [100 * one + tick for one, tick in pairs]}, writer.schema)
                )
        named.append(data_file(f"events/{number}.parquet", first=10 * number, last=10 * number + 9))
    return market, [*named, data_file("events/2.parquet", first=20, last=29)]


RANGES = [(0, 10), (4, 5), (5, 6), (4, 6), (7, 8), (8, 9), (9, 10), (0, 1), (3, 4), (10, 12)]
TICKS = [(0, 19), (0, 0), (7, 9), (8, 9), (9, 10), (10, 10), (14, 19), (15, 19), (19, 19), (3, 12)]


@pytest.mark.parametrize(("listings", "ticks"), [*itertools.product(RANGES, TICKS)])
def test_the_rows_of_few_listings_are_those_of_the_groups_that_may_hold_them_the_newest_first(
    stored: tuple[Path, list[DataFile]], listings: tuple[int, int], ticks: tuple[int, int]
) -> None:
    (start, stop), (first, last) = listings, ticks
    may = [
        (of_ticks, range(low, high + 1, step))
        for groups in LAYOUT
        for of_ticks, (low, high, step) in groups
        if low < stop and high >= start and of_ticks[0] <= last and of_ticks[1] >= first
    ]
    may.sort(key=lambda group: -group[0][1])
    wanted = []
    for at, ((low, high), of) in enumerate(may):
        pairs = [
            (tick, one) for one in of if start <= one < stop for tick in range(max(low, first), min(high, last) + 1)
        ]
        if pairs:
            wanted.append((pairs, min(may[at + 1][0][1], last) if at + 1 < len(may) else -1))
    market, named = stored
    found = [
        (list(zip(got["tick"].tolist(), got["listing_id"].tolist(), strict=True)), later)
        for got, later in rows.newest(market, named, range(start, stop), ticks, ("tick", "price"))
        if np.array_equal(got["price"], 100 * got["listing_id"].astype(np.int64) + got["tick"])
    ]
    assert found == wanted


def test_a_file_of_rows_that_is_no_parquet_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events/1.parquet").write_bytes(b"PAR1 no such PAR1")
    with pytest.raises(
        CorruptError, match=r"events/1.parquet: is not the Parquet file it was: [^\n]{1,120}; restore"
    ) as caught:
        list(rows.newest(tmp_path, [data_file()], range(1), (0, 0), ()))
    assert "\n" not in str(caught.value)


def test_of_what_is_wrong_with_a_file_of_rows_120_characters_are_told(tmp_path: Path) -> None:
    market = tmp_path / ("a" * 100) / ("b" * 100)
    with pytest.raises(CorruptError) as caught:
        list(rows.newest(market, [data_file()], range(1), (0, 0), ()))
    told = str(caught.value).partition("is not the Parquet file it was: ")[2]
    assert len(told.removesuffix("; restore it from a copy")) == 120


TABLE = pa.table({"tick": pa.array([1, 2, 3], pa.uint32())})


@pytest.mark.parametrize(
    ("write", "path", "covers"),
    [
        (lambda market: tables.write_catalog(market, "parts", TABLE, 0), "catalog/parts", (0, 0, 0)),
        (lambda market: tables.write_catalog(market, "parts", TABLE, 7), "catalog/parts-00007", (0, 0, 7)),
        (
            lambda market: tables.write_history(market, "events", TABLE, (4, 15), 6),
            "events/0000000004-0000000015-00006",
            (4, 15, 6),
        ),
    ],
    ids=["catalog", "later catalog", "history"],
)
def test_a_table_is_written_under_a_name_of_its_own_and_told_with_what_it_covers(
    tmp_path: Path, write: Callable[[Path], DataFile], path: str, covers: tuple[int, int, int]
) -> None:
    for name in ("catalog", "events"):
        (tmp_path / name).mkdir()
    file = write(tmp_path)
    assert (file.path, file.rows) == (f"{path}.parquet", 3)
    assert (file.table, file.first, file.last, file.block) == ("events" if "events" in path else "parts", *covers)
    data = (tmp_path / file.path).read_bytes()
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert tables.read(tmp_path, [file, file]).num_rows == 6


@pytest.mark.parametrize(
    "write",
    [
        lambda market: tables.write_catalog(market, "products", TABLE, 0),
        lambda market: tables.write_history(market, "catalog", TABLE, (4, 15), 6),
        lambda market: log.append(market, log.EMPTY, tick=0, digest=0),
    ],
    ids=["catalog", "history", "commit"],
)
def test_nothing_is_written_into_a_market_that_took_the_place_of_the_one_that_is_held(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    market = tmp_path / "m"
    for name in (log.COMMITS, "catalog"):
        (market / name).mkdir(parents=True)
    with lock.writer_lock(market):
        market.rename(tmp_path / "away")
        shutil.copytree(tmp_path / "away", market)
        with pytest.raises(ConflictError, match="m: the market was replaced while it was being written"):
            write(market)
    lock.check_held(market)
    assert sorted(path.name for path in market.rglob("*")) == sorted([lock.LOCK, log.COMMITS, "catalog"])
