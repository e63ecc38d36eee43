"""Places of markets and names of their files: URLs and paths, whose a file is by its name, names that no two files get."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from qsim.errors import CorruptError, UsageError
from qsim.storage import files, leftovers, log
from qsim.storage.places import ObjectPath, place_of
from tests.files_of_commits import data_file, within


@pytest.mark.parametrize(
    ("text", "bucket", "key", "shown"),
    [
        ("s3://bucket/market", "s3://bucket", "market", "s3://bucket/market"),
        ("gs:/bucket/a/b", "gs://bucket", "a/b", "gs://bucket/a/b"),
        ("az://bucket/a:/b", "az://bucket", "a:/b", "az://bucket/a:/b"),
    ],
)
def test_a_url_of_an_object_store_is_a_bucket_and_a_key(text: str, bucket: str, key: str, shown: str) -> None:
    place = place_of(text)
    assert isinstance(place, ObjectPath) and place.absolute() is place
    assert (place.bucket, place.key, str(place)) == (bucket, key, shown)
    assert str(place.parent / "x") == f"{bucket}/{'/'.join([*key.split('/')[:-1], 'x'])}"


@pytest.mark.parametrize(
    "text", ["s3://bucket", "s3://bucket/", "s3://bucket/a/../../b", "http://host/m", "s4://bucket/m"]
)
def test_a_url_that_is_no_folder_in_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allowed"):
        place_of(text)


def test_who_names_a_bucket_alone_is_told_a_folder_in_it() -> None:
    with pytest.raises(
        UsageError, match=r"gs://mine/: allowed is a folder in a bucket, such as gs://mine/market; name"
    ):
        place_of("gs://mine/")


def test_another_text_is_a_local_path_if_it_can_be_told() -> None:
    assert place_of("a/s3:") == Path("a/s3:")
    with pytest.raises(UsageError, match="is not UTF-8"):
        place_of(os.fsdecode(b"/tmp/\xff"))


@pytest.mark.parametrize(
    ("path", "tick"),
    [
        ("events/0000000012-0000000015-00003.parquet", 12),
        ("events/0000000012-0000000015-00003-0a1b2c3d.parquet", 12),
        ("events/0000000012-0000000015-0003.parquet", None),
        ("events/more.parquet", None),
        ("events/products.parquet", None),
        ("catalog/products.parquet", 0),
        ("catalog/products-00002.parquet", 0),
        ("catalog/products-00002-0a1b2c3d.parquet", 0),
        ("catalog/mine.parquet", None),
        ("market-0a1b2c3d.toml", 0),
        ("market.toml", None),
    ],
)
def test_a_file_is_a_writers_by_its_name_alone(path: str, tick: int | None) -> None:
    assert leftovers.first_tick(Path("m") / path, {"products"}) == tick


def test_files_that_begin_farther_after_the_log_than_a_writer_comes_are_refused(tmp_path: Path) -> None:
    history = replace(
        log.EMPTY,
        tick=5,
        files=(data_file("events/0000000000-0000000005-00000.parquet"),),
        retired=(("events/old", 3),),
    )
    near, far = (f"{tick:010d}-0000000099-00000.parquet" for tick in (9, 10))
    (tmp_path / "events").mkdir()
    for name in (near, "0000000000-0000000005-00000.parquet", "old", "mine.parquet", ".x.1-1.tmp"):
        (tmp_path / "events" / name).touch()
    left = leftovers.found(tmp_path, ["events", "missing"], (), history, 4)
    assert left == [tmp_path / "events" / near]
    (tmp_path / "events" / far).touch()
    with pytest.raises(CorruptError, match=f"{far}: covers ticks long after 5"):
        leftovers.found(tmp_path, ["events"], (), history, 4)
    leftovers.clear(tmp_path, ["events", "missing"], left)
    assert within(tmp_path / "events") == sorted(["0000000000-0000000005-00000.parquet", "old", "mine.parquet", far])


def test_in_an_object_store_and_among_machines_no_two_files_get_one_name(tmp_path: Path) -> None:
    assert files.own_name(tmp_path, "events/1.parquet") == "events/1.parquet"
    for given in ((tmp_path, True), (place_of("s3://bucket/m"), False)):
        names = {files.own_name(given[0], "events/1.parquet", shared=given[1]) for _ in range(3)}
        assert len(names) == 3 and all(len(name) == len("events/1-01234567.parquet") for name in names)
