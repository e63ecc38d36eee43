"""Every bad input is refused through the command line, in a line that says where, what, the rule and the mend; nothing changes.

The numbers are those of the promise: settings 1-22, the command line 23-40, product lists 41-66.
"""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import qsim
from qsim.storage.lock import writer_lock
from qsim.storage.pieces import sealed
from tests.commands import Shell
from tests.refusals import COMMANDS, CONFIG, GOOD, HEADER, LISTS, Case
from tests.stored import tree

ALL = [*CONFIG, *COMMANDS, *LISTS]
APART = {33, 34, 35, 36, 37, 38, 39, 64, 65}


# What must be refused may run instead, or wait.
pytestmark = pytest.mark.usefixtures("ended_after_a_minute")


def refuse(shell: Shell, market: Path, code: int, says: tuple[str, ...], *words: object) -> list[str]:
    """Run what must be refused; the market is the same afterwards. Give the lines of standard error."""
    before = tree(market, without=())
    done = shell(*words)
    assert (done.code, done.out) == (code, ""), done
    lines = done.err.splitlines()
    assert lines[0].startswith("qsim: ") and "Traceback" not in done.err, done.err
    assert [part for part in says if part not in lines[0]] == [], lines[0]
    assert tree(market, without=()) == before
    return lines


def test_every_number_has_its_row() -> None:
    assert {case.number for case in ALL} | APART == set(range(1, 67))


@pytest.mark.parametrize("case", ALL, ids=str)
def test_a_bad_input_is_refused_by_name_and_nothing_changes(
    case: Case, shell: Shell, ran: Path, tmp_path: Path
) -> None:
    for name, content in case.files.items():
        (tmp_path / name).write_bytes(content)
    before = tree(tmp_path, without=())
    words = [word.format(m=ran, d=tmp_path) for word in case.words]
    assert len(refuse(shell, ran, case.code, case.says, *words)) == 1
    assert tree(tmp_path, without=()) == before


@pytest.mark.parametrize("case", [case for case in CONFIG if case.code == 2 and "--config" in case.words], ids=str)
def test_a_bad_setting_is_refused_by_generate_too_and_nothing_is_made(
    case: Case, shell: Shell, ran: Path, tmp_path: Path
) -> None:
    (tmp_path / "given.toml").write_bytes(case.files["given.toml"])
    refuse(shell, ran, case.code, case.says, "generate", tmp_path / "new", "--config", tmp_path / "given.toml")
    assert not (tmp_path / "new").exists()


SKIPPED = [case for case in LISTS if 49 <= case.number <= 58 or case.number == 63]


@pytest.mark.parametrize("case", SKIPPED, ids=str)
def test_a_faulty_row_is_named_and_left_out_where_the_list_is_not_strict(
    case: Case, shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_bytes(case.files["list.csv"])
    done = shell("generate", tmp_path / "new", "--catalog", tmp_path / "list.csv")
    (line,) = (line for line in done.err.splitlines() if "skipped" in line)
    assert done.code == 0 and "list.csv: line 3: " in line and case.says[-1] in line
    assert qsim.status(tmp_path / "new")["products"] == 1


def test_faulty_rows_are_listed_together_the_first_hundred_and_the_number_of_the_rest(
    shell: Shell, ran: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text(HEADER + GOOD + GOOD.replace("28.50", "0") * 130)
    words = ("--catalog", tmp_path / "list.csv")
    lines = refuse(shell, ran, 3, ("130 faulty of 131 rows",), "generate", tmp_path / "new", *words, "--strict")
    assert lines[1:101] == [f"line {n}: price: found '0': zero or less: above 0 is allowed" for n in range(3, 103)]
    assert lines[101:] == ["and 30 more"]
    told = shell("generate", tmp_path / "new", *words).err.splitlines()
    assert len(told) == 101 and told[-1].endswith("list.csv: and 30 more; skipped")


def test_columns_of_no_field_are_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("product,brand,category,mrp,price,rating\na,b,Dairy,2,1,5\n")
    done = shell("generate", tmp_path / "new", "--catalog", tmp_path / "list.csv", "--strict")
    assert done.code == 0 and "columns not used: 'rating'" in done.err


def test_a_byte_order_mark_and_leading_zeros_are_taken_as_they_are(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "given.toml").write_bytes(b"\xef\xbb\xbfbatch_size = 5\n")
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbf" + (HEADER + "0012,007,Dairy,,,030,028.50\n").encode())
    words = ("--catalog", tmp_path / "list.csv", "--strict", "--config", tmp_path / "given.toml")
    assert shell("generate", tmp_path / "new", *words).code == 0
    query = "SELECT product, brand, mrp_paise FROM raw.products"
    assert json.loads(shell("sql", tmp_path / "new", query, "--json").out) == [
        {"product": "0012", "brand": "007", "mrp_paise": 3000}
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@x"])
def test_65_a_formula_is_kept_as_data_and_escaped_in_csv(text: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(HEADER + f"{text},b,Dairy,,,30,28\n")
    assert shell("generate", tmp_path / "new", "--catalog", tmp_path / "list.csv", "--strict").code == 0
    query = f'SELECT product, -5 AS below, -1.5 AS part, 1 AS "{text}" FROM raw.products'
    assert json.loads(shell("sql", tmp_path / "new", query, "--json").out)[0]["product"] == text
    out = shell("sql", tmp_path / "new", query, "--csv").out
    assert list(csv.reader(io.StringIO(out))) == [
        ["product", "below", "part", f"'{text}"],
        [f"'{text}", "-5", "-1.5", "1"],
    ]


def test_21_a_file_of_settings_of_a_gigabyte_is_refused_unread(shell: Shell, ran: Path, tmp_path: Path) -> None:
    with (tmp_path / "given.toml").open("wb") as file:
        file.truncate(1 << 30)
    refuse(shell, ran, 3, ("given.toml", "256 KiB", "another file"), "run", ran, "--config", tmp_path / "given.toml")


def test_64_a_list_of_ten_gigabytes_is_refused_unread(shell: Shell, ran: Path, tmp_path: Path) -> None:
    with (tmp_path / "list.csv").open("wb") as file:
        file.truncate(10**10)
    says = ("list.csv", "10,000,000,000 bytes", "at most 2 GiB", "split the file")
    refuse(shell, ran, 3, says, "generate", tmp_path / "new", "--catalog", tmp_path / "list.csv")


@pytest.mark.parametrize(
    "option",
    [["generate", "{d}/new", "--catalog"], ["generate", "{d}/new", "--calendar"], ["run", "{m}", "--config"],
     ["ask", "basket", "--dir", "{m}", "--list"], ["fit"], ["generate", "{d}/new", "--catalog", "{d}/list.csv", "--groups"]],
    ids=lambda words: f"{words[0]} {words[-1]}",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "missing"])
def test_66_what_is_no_file_is_refused_and_not_waited_for(
    kind: str, option: list[str], shell: Shell, ran: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text(HEADER + GOOD)
    place = {"device": Path("/dev/zero"), "folder": tmp_path}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(place)
    words = [word.format(m=ran, d=tmp_path) for word in option]
    line = refuse(shell, ran, 3, (str(place), "allowed"), *words, place)
    assert len(line) == 1 and not (tmp_path / "new").exists()


def test_66_a_list_that_grows_while_it_is_read_is_refused(
    shell: Shell, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.csv").write_text(HEADER + GOOD)
    reader = csv.reader

    def growing(lines: Iterator[str], **how: Any) -> Any:
        with (tmp_path / "list.csv").open("a") as more:
            more.write("Curd,Amul,Dairy,,,30,28\n")
        return reader(lines, **how)

    def opened_first(lines: Iterator[str], **how: Any) -> Any:
        first = next(lines)
        return growing((line for part in ([first], lines) for line in part), **how)

    monkeypatch.setattr("qsim.catalog.csv_rows.csv.reader", opened_first)
    says = ("list.csv", "changed while it was read", "at rest", "run again")
    refuse(shell, ran, 3, says, "generate", tmp_path / "new", "--catalog", tmp_path / "list.csv")


@pytest.mark.parametrize("format_version", [0, 99])
def test_33_34_a_market_of_another_format_is_refused_by_its_number(
    format_version: int, shell: Shell, market: Path
) -> None:
    path = min((market / "_commits").iterdir())
    body = json.loads(path.read_text())["body"] | {"format": format_version}
    path.write_bytes(sealed(body)[0])
    for words in (["run", market, "--ticks", 1], ["status", market]):
        refuse(
            shell,
            market,
            5,
            (path.name, f"format {format_version}, of qsim {qsim.__version__};", "reads format", "use the qsim"),
            *words,
        )


def test_35_a_run_of_a_locked_market_names_the_process_and_the_host(shell: Shell, market: Path) -> None:
    with writer_lock(market):
        says = (f"process {os.getpid()} on {socket.gethostname()}", "one writer a market", "wait for it or stop it")
        refuse(shell, market, 4, says, "run", market, "--ticks", 1)


def test_36_a_lock_file_replaced_while_it_is_locked_is_refused(
    shell: Shell, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    really, lock = fcntl.flock, market / "LOCK"

    def replacing(handle: int, how: int) -> None:
        content = lock.read_bytes()
        lock.unlink()
        lock.write_bytes(content)
        really(handle, how)

    monkeypatch.setattr("fcntl.flock", replacing)
    refuse(shell, market, 4, ("LOCK", "was replaced", "run the command again"), "run", market, "--ticks", 1)


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """A file system of its own in memory, for as long as the block lasts."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "qsim-test", str(place)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_37_a_run_that_the_disk_has_no_room_for_is_refused_before_it_begins(
    shell: Shell, ran: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "small", "size=1m") as place:
        market = place / "m"
        subprocess.run(["cp", "-r", ran, market], check=True)
        says = (
            str(market),
            "100,000 ticks take about",
            "MB and",
            "bytes that are free",
            "run fewer ticks, or free space",
        )
        refuse(shell, market, 6, says, "run", market, "--ticks", 100_000)
        assert shell("run", market, "--ticks", 3).code == 0


@pytest.mark.parametrize(("options", "need"), [([], "8 MB"), (["--batch-size", "all"], "5 MB")], ids=["ticks", "batch"])
def test_37_the_room_needed_follows_from_the_rows_of_the_ticks_so_far_or_from_the_batch(
    options: list[str], need: str, shell: Shell, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=4_000_000))
    refuse(shell, ran, 6, (f"{need} and", "4,000,000 bytes that are free"), "run", ran, "--ticks", 10_000, *options)


def test_38_a_market_on_a_read_only_disk_is_read_but_not_run(shell: Shell, ran: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as place:
        market = place / "m"
        subprocess.run(["cp", "-r", ran, market], check=True)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        refuse(shell, market, 6, ("LOCK", "Read-only file system"), "run", market, "--ticks", 1)
        refuse(shell, market, 6, ("new", "Read-only file system"), "generate", place / "new", "--products", 5)
        assert shell("status", market).code == 0
        assert shell("sql", market, "SELECT count(*) FROM prices").code == 0


@contextmanager
def nobody() -> Iterator[None]:
    """Lose root's rights over files for the block."""
    if os.geteuid() == 0:
        os.seteuid(65_534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def test_27_a_folder_that_may_not_be_entered_or_written_is_named(shell: Shell, ran: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with nobody():
        done = shell("generate", tmp_path / "closed" / "m")
    assert (done.code, done.out, done.err.count("\n")) == (6, "", 1), done
    assert "Permission denied" in done.err and "closed" in done.err and "standard output" not in done.err
    assert list((tmp_path / "closed").iterdir()) == []


def test_39_a_closed_standard_output_is_quiet(ran: Path) -> None:
    before = tree(ran, without=())
    for ending in ("| true", ">&-"):
        line = f"{sys.executable} -m qsim status {ran} {ending}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), (ending, done)
    assert tree(ran, without=()) == before
