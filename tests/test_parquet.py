"""Parquet files of a market: schema, row groups, the same values to every reader, and what the log says of them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import qsim
from qsim.errors import CorruptError
from qsim.schema import CATALOG, HISTORY, SNAPSHOTS, TABLES
from qsim.storage import log, parquet, tables

STORED = [table.name for table in (*CATALOG, *HISTORY)]
EXTREMES = {
    "uint8": [0, 255, 7],
    "uint16": [0, 65_535, 300],
    "uint32": [0, 2**32 - 1, 70_000],
    "int32": [-(2**31), 2**31 - 1, 0],
    "int64": [-(2**63), 2**63 - 1, 0],
    "float32": [0.5, -1e30, 1e-40],
    "float64": [0.1, -1e300, 5e-324],
    "bool": [True, False, True],
    "string": ["", "प्याज़ 1 kg", 'it\'s, "q"\n'],
}


def extreme_rows(name: str) -> pa.Table:
    """Rows of a table with the ends of every column's range."""
    table = TABLES[name]
    return pa.table({column: EXTREMES[kind] for column, (kind, _) in table.columns.items()}, schema=table.arrow())


def numbers(rows: int) -> pa.Table:
    column = pa.array(range(rows), pa.uint32())
    return pa.table({"tick": column, "listing_id": column}).cast(
        pa.schema([pa.field(name, pa.uint32(), nullable=False) for name in ("tick", "listing_id")])
    )


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("parquet") / "m"
    qsim.generate(place, preset="realistic", products=15, stores=2)
    qsim.run(place, ticks=40, update_interval_seconds=3_600)
    return place


@pytest.mark.parametrize("name", list(TABLES))
def test_every_reader_gives_back_the_rows_of_every_table(tmp_path: Path, name: str) -> None:
    rows = extreme_rows(name)
    path = tmp_path / "part.parquet"
    path.write_bytes(parquet.encode(rows))
    expected = rows.to_pylist()
    assert pq.read_table(path).to_pylist() == expected
    assert pl.read_parquet(path).to_dicts() == expected
    relation = duckdb.connect().sql(f"SELECT * FROM '{path}'")
    assert [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()] == expected
    assert parquet.decode(path.read_bytes(), path).equals(rows)


@pytest.mark.parametrize("name", list(TABLES))
def test_an_empty_table_keeps_its_schema_through_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(parquet.encode(TABLES[name].arrow().empty_table()))
    assert parquet.decode(path.read_bytes(), path).schema.equals(TABLES[name].arrow())


@pytest.mark.parametrize("name", STORED)
def test_stored_columns_are_those_of_the_schema_and_never_null(market: Path, name: str) -> None:
    named = log.read(market).of_table(name)
    assert named
    for file in named:
        schema = pq.ParquetFile(market / file.path).schema_arrow
        assert schema.equals(TABLES[name].arrow()), file.path
        assert not any(field.nullable for field in schema)


@pytest.mark.parametrize("name", STORED)
def test_stored_rows_have_the_key_of_the_schema_once_each(market: Path, name: str) -> None:
    rows = tables.read(market, log.read(market).of_table(name), list(TABLES[name].key))
    keys = list(zip(*(rows.column(key).to_pylist() for key in TABLES[name].key), strict=True))
    assert len(set(keys)) == len(keys) > 0


def test_history_files_are_in_the_order_of_their_keys(market: Path) -> None:
    for name in (table.name for table in HISTORY):
        for file in log.read(market).of_table(name):
            rows = tables.read(market, [file], list(TABLES[name].key)).to_pylist()
            keys = [tuple(row.values()) for row in rows]
            assert keys == sorted(keys), file.path


def test_the_log_tells_each_files_bytes_rows_and_sha256(market: Path) -> None:
    named = log.read(market).files
    for file in named:
        data = (market / file.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256), file.path
        if file.table in TABLES:
            assert pq.ParquetFile(io.BytesIO(data)).metadata.num_rows == file.rows, file.path


def test_the_log_names_every_parquet_file_of_a_market_at_rest(market: Path) -> None:
    on_disk = {str(path.relative_to(market)) for path in market.rglob("*.parquet")}
    assert on_disk == {file.path for file in log.read(market).files if file.path.endswith(".parquet")}


def test_the_ticks_of_a_files_rows_lie_within_those_the_log_gives_it(market: Path) -> None:
    for name in (table.name for table in HISTORY):
        for file in log.read(market).of_table(name):
            ticks = tables.read(market, [file], ["tick"]).column("tick").to_pylist()
            assert file.first <= min(ticks) and max(ticks) <= file.last, file.path


def row_groups(data: memoryview) -> list[int]:
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    return [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]


def test_row_groups_hold_at_most_524288_rows() -> None:
    assert row_groups(parquet.encode(numbers(1_100_000))) == [524_288, 524_288, 51_424]


def test_pieces_fill_a_row_group_as_long_as_they_are_whole_in_it() -> None:
    rows = numbers(130_000)
    encoder = parquet.Encoder(rows.schema)
    for _ in range(6):
        encoder.add(rows)
    assert row_groups(encoder.finish()) == [520_000, 260_000]


def test_a_file_encoded_in_pieces_reads_as_the_pieces_end_to_end(tmp_path: Path) -> None:
    rows = numbers(1000)
    encoder = parquet.Encoder(rows.schema)
    for first, count in ((0, 10), (10, 0), (10, 600), (610, 390)):
        encoder.add(rows.slice(first, count))
    assert encoder.rows == 1000
    (tmp_path / "a").write_bytes(encoder.finish())
    assert parquet.decode((tmp_path / "a").read_bytes(), tmp_path / "a").combine_chunks().equals(rows)


def test_files_are_read_end_to_end_in_the_order_given_and_only_the_columns_asked_for(tmp_path: Path) -> None:
    rows = numbers(6)
    (tmp_path / "events").mkdir()
    named = [tables.write_history(tmp_path, "events", rows.slice(first, 3), (first, 5), 0) for first in (3, 0)]
    assert tables.read(tmp_path, named, ["tick"]).to_pydict() == {"tick": [3, 4, 5, 0, 1, 2]}


def test_the_same_rows_give_the_same_bytes() -> None:
    for name in TABLES:
        assert bytes(parquet.encode(extreme_rows(name))) == bytes(parquet.encode(extreme_rows(name)))


def test_views_of_texts_are_written_as_the_texts_byte_for_byte() -> None:
    count = parquet._TEXT_ROW_GROUP_ROWS + 5
    texts = pa.array([f"{row % 7} of {'many letters ' * (row % 3)}" for row in range(count)])
    numbers = pa.array(range(count))
    views = pa.table({"x": texts.cast(pa.string_view()), "n": numbers})
    data = bytes(parquet.encode(views))
    assert data == bytes(parquet.encode(pa.table({"x": texts, "n": numbers})))
    assert pq.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 2


@pytest.mark.parametrize("length", [0, 3, 200, -1])
def test_bytes_that_are_no_parquet_file_are_corrupt_and_named(tmp_path: Path, length: int) -> None:
    data = bytes(parquet.encode(numbers(1000)))[:length]
    with pytest.raises(CorruptError, match=r"cut\.parquet: is not the Parquet file it was"):
        parquet.decode(data, tmp_path / "cut.parquet")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's threads as files")
def test_a_file_in_memory_is_read_by_the_thread_that_asks_for_it_alone(tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(parquet.encode(numbers(100_000)))
    program = """
import os, sys
from pathlib import Path
from qsim.storage import parquet
path = Path(sys.argv[1])
import pyarrow.parquet
pyarrow.table({"a": [1]})
before = len(os.listdir("/proc/self/task"))
assert parquet.decode(path.read_bytes(), path).num_rows == 100_000
print(len(os.listdir("/proc/self/task")) - before)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "f.parquet")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"


@pytest.mark.parametrize("at", [0, 30, 500, -5])
def test_a_committed_file_with_one_byte_changed_is_refused_by_its_name(tmp_path: Path, at: int) -> None:
    (tmp_path / "metrics").mkdir()
    file = tables.write_history(tmp_path, "metrics", numbers(1000), (0, 999), 0)
    data = bytearray((tmp_path / file.path).read_bytes())
    data[at] ^= 1
    (tmp_path / file.path).write_bytes(data)
    with pytest.raises(CorruptError, match=Path(file.path).name):
        tables.read(tmp_path, [file])


def test_a_missing_file_is_corrupt_and_named(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    file = tables.write_history(tmp_path, "metrics", numbers(10), (0, 9), 0)
    (tmp_path / file.path).unlink()
    with pytest.raises(CorruptError, match=f"{file.path}: is missing"):
        tables.read(tmp_path, [file])


@pytest.mark.parametrize("table", ["snapshots", "listings", "products"])
def test_a_run_over_a_damaged_file_is_refused_by_name_and_commits_nothing(tmp_path: Path, table: str) -> None:
    qsim.generate(tmp_path / "m", products=5)
    before = log.read(tmp_path / "m")
    path = tmp_path / "m" / before.of_table(table)[-1].path
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=path.name):
        qsim.run(tmp_path / "m", ticks=1)
    assert log.read(tmp_path / "m") == before


@pytest.mark.parametrize(("rows", "indexed"), [(8_192, False), (8_193, True)])
def test_pages_have_an_index_where_there_are_several(rows: int, indexed: bool) -> None:
    data = parquet.encode(pa.table({"tick": pa.array(range(rows), pa.uint32())}))
    column = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0).column(0)
    assert column.has_offset_index == indexed


def test_snapshots_have_the_least_and_the_greatest_of_their_key_alone(market: Path) -> None:
    path, *_ = (market / "snapshots").iterdir()
    group = pq.ParquetFile(path).metadata.row_group(0)
    told = {
        group.column(at).path_in_schema for at in range(group.num_columns) if group.column(at).statistics is not None
    }
    assert told == set(SNAPSHOTS.key)


def test_dictionaries_of_texts_are_written_as_the_texts_that_they_stand_for(tmp_path: Path) -> None:
    rows = extreme_rows("products")
    texts = [name for name, (kind, _) in TABLES["products"].columns.items() if kind == "string"]
    encoded = rows
    for name in texts:
        place = rows.schema.get_field_index(name)
        encoded = encoded.set_column(place, name, rows[name].dictionary_encode())
    (tmp_path / "part.parquet").write_bytes(parquet.encode(encoded))
    assert pq.read_table(tmp_path / "part.parquet").to_pylist() == rows.to_pylist()
    kinds = pq.read_schema(tmp_path / "part.parquet")
    assert {kinds.field(name).type for name in texts} == {pa.string()}
    assert pl.read_parquet(tmp_path / "part.parquet").schema == pl.from_arrow(rows).schema  # type: ignore[union-attr]


def test_a_column_of_few_texts_is_written_with_those_alone_that_occur(market: Path) -> None:
    for name in ("brand", "category", "subcategory", "volatility_group", "pack", "unit"):
        [path] = (market / "catalog").glob("products*.parquet")
        stored = pq.read_table(path, columns=[name], read_dictionary=[name])[name].combine_chunks()
        assert sorted(stored.dictionary.to_pylist()) == sorted({*stored.to_pylist()})
