"""Markets in an object store, real servers of S3 and of Azure on loopback: the same answers as on a disk, and refusals in one line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

import qsim
from qsim.errors import ConflictError, CorruptError, UsageError
from qsim.monitoring import report
from qsim.standing import market_directory
from qsim.storage import files, log, objects
from qsim.storage.places import ObjectPath
from tests.buckets import Network, Store, between, reached_at
from tests.commands import Shell
from tests.object_markets import TICKS, made

pytestmark = pytest.mark.usefixtures("hurried")


def test_a_market_in_an_object_store_has_the_digest_of_one_on_a_disk(place: ObjectPath, twin: Path) -> None:
    same = ("digest", "tick", "events", "listings", "bytes", "files", "commits")
    stored, local = made(place), qsim.status(twin)
    assert {name: stored[name] for name in same} == {name: local[name] for name in same}


def test_every_command_works_on_a_url(place: ObjectPath, shell: Shell) -> None:
    url = str(place)
    for words in (
        ("generate", url, "--products", "12"), ("run", url, "--ticks", "6"), ("status", url), ("validate", url),
        ("sql", url, "SELECT count(*) FROM prices"), ("ask", "cheapest", "lemon", "--dir", url), ("compact", url),
        ("vacuum", url, "--grace", "0"), ("verify", url, "--regenerate", "all"), ("config", "show", url),
    ):  # fmt: skip
        done = shell(*words)
        assert done.code == 0, (words, done.err)
    assert json.loads(shell("status", url, "--json").out)["directory"] == url


def test_every_view_has_the_rows_of_its_twin(place: ObjectPath, twin: Path) -> None:
    made(place)
    with qsim.connect(place) as stored, qsim.connect(twin) as local:
        names = ("prices", "price_history", "discounts", "products", "snapshots", "metrics")
        for name in names:
            query = f"SELECT * FROM {name} ORDER BY ALL"
            assert stored.execute(query).fetchall() == local.execute(query).fetchall(), name


def test_a_report_tells_of_the_market_what_it_tells_of_its_twin(place: ObjectPath, twin: Path, shell: Shell) -> None:
    made(place)
    stored, local = (report.report(at)["market"] for at in (place, twin))
    assert stored == local
    assert stored["depths"]["running"]
    assert shell("report", str(place)).code == 0


def test_a_query_reads_ranges_of_the_files_it_needs_and_no_others(store: Store, place: ObjectPath) -> None:
    made(place)
    network = Network(store)
    with between(network), qsim.connect(place) as connection:
        before = len(network.asked)
        connection.execute("SELECT count(*) FROM raw.events").fetchall()
        assert {line.split("/")[-2] for line in network.asked[before:]} == {"events"}


def test_a_connection_is_refreshed_to_the_newest_commit(place: ObjectPath) -> None:
    made(place)
    with qsim.connect(place) as connection:
        before = connection.execute("SELECT count(*) FROM price_history").fetchone()
        qsim.run(place, ticks=2)
        assert connection.execute("SELECT count(*) FROM price_history").fetchone() == before
        assert qsim.refresh(connection) == TICKS + 2
        assert connection.execute("SELECT count(*) FROM price_history").fetchone() != before


def test_who_goes_to_the_end_of_an_object_leaves_another_thread_where_it_reads() -> None:
    reader = objects.RangeReader(ObjectPath("s3://bucket/key"), 100)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(reader.seek, 40).result() == 40
        assert reader.seek(0, 2) == reader.size() == 100
        assert other.submit(reader.tell).result() == 40


def test_cursors_see_what_their_connection_sees_and_one_in_a_transaction_keeps_its_commit(place: ObjectPath) -> None:
    made(place)
    counts = "SELECT raw.head_tick(), (SELECT max(tick) FROM raw.metrics), (SELECT count(*) FROM price_history) > 0"
    with qsim.connect(place) as connection, connection.cursor() as moved, connection.cursor() as held:
        held.execute("BEGIN")
        before = held.execute(counts).fetchall()
        assert before == moved.execute(counts).fetchall() == [(TICKS, TICKS, True)]
        qsim.run(place, ticks=2)
        qsim.compact(place)
        qsim.refresh(connection)
        assert moved.execute(counts).fetchall() == [(TICKS + 2, TICKS + 2, True)]
        assert held.execute(counts).fetchall() == before


@pytest.mark.parametrize("text", ["http://host/m", "s3://bucket", "s3://bucket/../m", "ftp://a/b"])
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allowed"):
        market_directory(text)


def test_a_guarded_query_of_an_object_store_is_refused_in_one_line(place: ObjectPath, shell: Shell) -> None:
    made(place)
    assert "local folder" in shell.refused(2, "sql", "--guarded", place, "SELECT 1")


@pytest.mark.usefixtures("impatient")
def test_a_store_that_cannot_be_reached_is_told_in_one_line(store: Store, shell: Shell) -> None:
    with reached_at(store._replace(address="127.0.0.1:9")):
        assert "cannot list" in shell.refused(6, "status", f"{store.scheme}://bucket/m")


def test_a_bucket_that_is_not_there_is_told_in_one_line(store: Store, shell: Shell) -> None:
    url = f"{store.scheme}://nobucket/m"
    assert url in shell.refused(6, "generate", url, "--products", "12")


def test_a_market_that_is_not_there_is_told_in_one_line(store: Store, shell: Shell) -> None:
    assert "holds no market" in shell.refused(4, "status", f"{store.scheme}://bucket/nothing/here")


def test_a_second_generation_is_refused(place: ObjectPath) -> None:
    qsim.generate(place, products=12)
    with pytest.raises(ConflictError, match="holds a market already"):
        qsim.generate(place, products=12)


def test_a_folder_of_other_objects_is_refused(place: ObjectPath) -> None:
    objects.put_over(place / "photos" / "cat.jpg", b"cat")
    with pytest.raises(ConflictError, match="photos"):
        qsim.generate(place, products=12)


def test_a_changed_object_is_found_by_verify(place: ObjectPath) -> None:
    made(place)
    file = log.read(place).of_table("events")[0]
    content = bytearray(objects.read(place / file.path))
    content[100] ^= 1
    objects.put_over(place / file.path, bytes(content))
    assert "sha256" in qsim.verify(place)["faults"][0]


@pytest.mark.parametrize("cut", [True, False])
def test_a_missing_or_shortened_object_is_refused_at_opening(place: ObjectPath, cut: bool) -> None:
    made(place)
    path = place / log.read(place).of_table("events")[0].path
    short = objects.read(path)[:-1]
    files.remove([path])
    if cut:
        objects.put_over(path, short)
    with pytest.raises(CorruptError, match="bytes, the log says" if cut else "is missing"):
        qsim.connect(place)


def test_duckdb_is_the_same_object_as_over_a_disk(place: ObjectPath) -> None:
    qsim.generate(place, products=12)
    with qsim.connect(place) as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection)
