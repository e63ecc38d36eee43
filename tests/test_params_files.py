"""Parameters as text: TOML files, single assignments, and the text that a market keeps."""

from __future__ import annotations

import os
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim import params
from qsim.errors import InputError, UsageError

SIXTH = """
[platforms.flink]
name = "Flink"
low_percent = 91
high_percent = 116
average_discount_percent = 11
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("batch_size=100", {"batch_size": 100}),
        ("batch_size = all", {"batch_size": "all"}),
        ("category_volatility.fruits=1.0", {"category_volatility": {"fruits": 1.0}}),
        ("platforms.zepto.name=Zepto Now", {"platforms": {"zepto": {"name": "Zepto Now"}}}),
        ('start="2026-03-01"', {"start": "2026-03-01"}),
        ("time_of_day.07:00-09:00=3", {"time_of_day": {"07:00-09:00": 3}}),
        ("a=b=c", {"a": "b=c"}),
        ('sales.depths."12.5"=0.1', {"sales": {"depths": {"12.5": 0.1}}}),
        ('time_of_day."10:00-11:00"=5', {"time_of_day": {"10:00-11:00": 5}}),
        ("a..b=1", {"a": {"": {"b": 1}}}),
    ],
)
def test_an_assignment_is_read_as_nested_values(text: str, wanted: dict[str, Any]) -> None:
    assert params.assignment(text) == wanted


@pytest.mark.parametrize("text", ["", "batch_size", "=5", "  =5"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="allowed is key=value"):
        params.assignment(text)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
IDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=30)


@settings(deadline=None)
@given(IDS, NAMES, st.floats(1, 1000), st.floats(0, 1), st.integers(0, 2**63 - 1))
def test_parameters_written_as_toml_read_back_the_same(
    identity: str, name: str, high: float, chance: float, seed: int
) -> None:
    platform = {
        "name": "".join(filter(str.isprintable, name)) or "A",
        "low_percent": 1,
        "high_percent": high,
        "average_discount_percent": 10,
    }
    layer = {"platforms": {identity: platform}, "surge_probability": chance, "seed": seed, "catalog": name}
    resolved = params.resolve("classic", layer)
    assert params.check(tomllib.loads(params.to_toml(resolved.model_dump()))) == resolved


def test_a_sixth_platform_comes_by_a_toml_file(tmp_path: Path) -> None:
    file = tmp_path / "sixth.toml"
    file.write_text(SIXTH, "utf-8")
    resolved = params.resolve("classic", params.read_toml(file))
    assert list(resolved.platforms)[-1] == "flink"
    assert resolved.listings_per_product == 6
    assert resolved.platforms["flink"].delivery_fee == 0


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mark.toml"
    file.write_bytes(b"\xef\xbb\xbfbatch_size = 5\n")
    assert params.read_toml(file) == {"batch_size": 5}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00b", "is not TOML"),
        ("name = 'caf\xe9'".encode("latin-1"), "is not TOML"),
        (b"batch_size = 5\nbatch_size = 6\n", "is not TOML"),
        ("a = 1\nname = “x”\n".encode(), r"at line 2, column 8\), found 'name = “x”'; allowed are straight quotes"),
        ("a = 1\nname = “x”\n".encode("cp1252"), "0x93 at offset 13, in line 2; allowed is text in UTF-8"),
        ("a = 1\n".encode("utf-16"), "found text in UTF-16; allowed is text in UTF-8"),
        (b"batch_size: 5\n", "is not TOML"),
        (b"a = " + b"[" * 1_900, "nested hundreds deep"),
        (b"seed = " + b"9" * 5_000, "a line of 5,007 bytes"),
        (b"a." * 100_000 + b"a = 1", "a line of 200,005 bytes"),
        (b"# x\n" * (1 << 20), "more than 256 KiB"),
        (b"\xef\xbb\xbf \n", "an empty file"),
    ],
    ids=[
        "bytes",
        "latin-1",
        "twice",
        "curled",
        "cp1252",
        "utf-16",
        "yaml",
        "deep",
        "long number",
        "long key",
        "large",
        "empty",
    ],
)
def test_a_faulty_file_is_refused_in_one_line_that_names_it(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "faulty.toml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refused:
        params.read_toml(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            params.read_toml(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="a pipe or a device"):
            params.read_toml(path)


@pytest.mark.parametrize("text", ["surge_probability=" + "9" * 400, "seed=" + "9" * 5_000])
def test_a_number_of_any_length_is_refused_without_a_traceback(text: str) -> None:
    with pytest.raises(UsageError):
        params.resolve("classic", params.assignment(text))


def test_an_unquoted_toml_date_is_taken_as_the_start(tmp_path: Path) -> None:
    file = tmp_path / "start.toml"
    file.write_text("start = 2026-03-01\n")
    assert params.resolve("classic", params.read_toml(file)).start == "2026-03-01"
    assert params.resolve("classic", params.assignment("start=2026-03-01")).start == "2026-03-01"
