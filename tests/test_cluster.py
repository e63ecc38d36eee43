"""Runs on a real Dask cluster of two worker processes: the market of one machine, whoever makes it and whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

import qsim
from qsim.errors import QsimError, UsageError
from qsim.market import state
from qsim.runs import cluster, writing
from qsim.runs.recording import Progress
from qsim.storage import leftovers, log
from qsim.storage.pieces import DataFile
from qsim.storage.places import Place, place_of
from tests.buckets import Store, served

if TYPE_CHECKING:
    from distributed import Client

# Three blocks and six windows, all made small.
MARKET: dict[str, Any] = {"products": 280, "batch_size": 100}
BLOCK_LISTINGS, WINDOW, TICKS = 500, 64, 384


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    window = mock.patch.object(writing, "_LONGEST_WINDOWS", (WINDOW, WINDOW))
    with mock.patch.object(state, "BLOCK_LISTINGS", BLOCK_LISTINGS), window:
        yield


@pytest.fixture(scope="module", autouse=True)
def store() -> Iterator[Store]:
    """An object store that this process and the workers reach."""
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    """A cluster of two worker processes on this machine."""
    with cluster.connected("local", 2) as found:
        yield found


@pytest.fixture(scope="module")
def scheduler(client: Client) -> str:
    """The address of the cluster."""
    return str(client.scheduler_info()["address"])


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The status of the market that the tests make, made on this machine alone."""
    directory = tmp_path_factory.mktemp("twin") / "m"
    qsim.generate(directory, **MARKET)
    return qsim.run(directory, ticks=TICKS)


def places(on_push: str) -> pytest.MarkDecorator:
    """Try a test on a disk and in the object store, one of them on the nightly tier alone."""
    kinds = [pytest.param(kind, marks=() if kind == on_push else pytest.mark.nightly) for kind in ("disk", "objects")]
    return pytest.mark.parametrize("place", kinds, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A generated market on a disk, or in the object store."""
    found = tmp_path / "m" if request.param == "disk" else place_of(f"s3://bucket/{tmp_path.name}/m")
    qsim.generate(found, **MARKET)
    return found


SAME = ("digest", "tick", "events", "bytes", "files", "snapshots", "commits")


def of(status: dict[str, Any]) -> dict[str, Any]:
    return {name: status[name] for name in SAME}


def test_a_second_cluster_starts_beside_another(client: Client) -> None:
    with cluster.connected("local", 1) as other:
        assert other.scheduler_info()["address"] != client.scheduler_info()["address"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to no single process")
def test_workers_do_not_end_by_an_interrupt_that_a_terminal_sends_to_all(client: Client) -> None:
    before = sorted(client.run(os.getpid).values())
    for pid in before:
        os.kill(pid, signal.SIGINT)
    assert set(map(frozenset, client.run(signal.sigpending).values())) == {frozenset({signal.SIGINT})}
    assert sorted(client.run(os.getpid).values()) == before


def test_workers_that_cannot_be_started_are_told_in_one_line() -> None:
    import dask

    none = dask.config.set({"distributed.worker.preload": ["no_such_module"]})
    with none, pytest.raises(QsimError, match="local: Dask cannot start its workers: ") as told:
        cluster.connected("local", 1).__enter__()
    assert "\n" not in str(told.value)


@places(on_push="disk")
def test_a_cluster_makes_the_market_of_one_machine(place: Place, scheduler: str, twin: dict[str, Any]) -> None:
    assert of(qsim.run(place, ticks=TICKS, scheduler=scheduler)) == of(twin)


def test_files_are_written_by_the_workers(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch, twin: dict[str, Any]
) -> None:
    def never(*given: object, **named: object) -> None:
        raise AssertionError("a block was taken in this process")

    qsim.generate(tmp_path / "m", **MARKET)
    monkeypatch.setattr(writing.windows, "take", never)
    assert qsim.run(tmp_path / "m", ticks=TICKS, scheduler=scheduler)["digest"] == twin["digest"]


@pytest.mark.nightly
def test_a_run_goes_on_from_a_cluster_to_one_machine_and_back(
    tmp_path: Path, scheduler: str, twin: dict[str, Any]
) -> None:
    qsim.generate(tmp_path / "m", **MARKET)
    for ticks, where in ((150, scheduler), (100, None), (134, scheduler)):
        status = qsim.run(tmp_path / "m", ticks=ticks, scheduler=where)
    assert status["digest"] == twin["digest"]


def unnamed(place: Place) -> list[Place]:
    return list(leftovers.unnamed(place, writing.HISTORY_TABLES, log.read(place)))


@places(on_push="objects")
def test_a_killed_worker_changes_nothing_and_costs_the_window_it_was_at(
    place: Place, client: Client, scheduler: str, twin: dict[str, Any]
) -> None:
    pids = sorted(client.run(os.getpid).values())

    def kill(now: Progress) -> None:
        # Blocks are in the windows after the one that was committed just now.
        if now.done == WINDOW:
            os.kill(pids[0], signal.SIGKILL)

    assert of(qsim.run(place, ticks=TICKS, scheduler=scheduler, progress=kill)) == of(twin)
    assert sorted(client.run(os.getpid).values()) != pids
    # The last tick and the block: what a window left is of several tables, its snapshot of that tick alone.
    pieces = {tuple(path.name.split("-")[1:3]) for path in unnamed(place)}
    assert len(pieces) <= 1, pieces
    assert qsim.verify(place)["faults"] == []


def test_what_a_killed_worker_left_is_cleared_by_the_next_run(tmp_path: Path, scheduler: str) -> None:
    qsim.generate(tmp_path, **MARKET)
    left = tmp_path / "events" / "0000000001-0000000064-00001-0123abcd.parquet"
    left.write_bytes(b"half")
    qsim.run(tmp_path, ticks=1, scheduler=scheduler)
    assert unnamed(tmp_path) == []


@pytest.mark.parametrize("address", ["somewhere", "http://127.0.0.1:1", "tcp://"])
def test_other_addresses_are_refused(tmp_path: Path, address: str) -> None:
    qsim.generate(tmp_path / "m", products=12)
    with pytest.raises(UsageError, match="allowed are tcp://HOST:PORT and local"):
        qsim.run(tmp_path / "m", ticks=1, scheduler=address)


def test_a_scheduler_that_does_not_answer_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    qsim.generate(tmp_path / "m", products=12)
    with pytest.raises(QsimError, match="no Dask scheduler answers") as told:
        qsim.run(tmp_path / "m", ticks=1, scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(told.value)


def test_workers_with_other_versions_are_refused(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    qsim.generate(tmp_path / "m", products=12)
    monkeypatch.setattr(cluster.versions, "of", lambda name: "0.0")
    with pytest.raises(QsimError, match=r"allowed is 0\.0, as here"):
        qsim.run(tmp_path / "m", ticks=1, scheduler=scheduler)


def test_a_directory_that_the_workers_do_not_share_is_refused(tmp_path: Path) -> None:
    elsewhere = DataFile("events/0000000001-0000000002-00000-0123abcd.parquet", "events", 1, 1, "", 1, 2, 0)
    with pytest.raises(QsimError, match="is not here; allowed is a directory that all machines share"):
        cluster._check_there(tmp_path, [elsewhere])


WORKER = "import sys; {first}; from distributed.cli.dask_worker import main; sys.argv[0] = 'dask-worker'; main()"


@contextmanager
def lone_worker(folder: Path, first: str = "pass") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler with one worker, which runs a line of Python first: the address and the worker's process."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL") as alone:
        address = alone.scheduler_address
        words = [sys.executable, "-c", WORKER.format(first=first), address, "--no-nanny", "--nthreads", "1"]
        words += ["--no-dashboard", "--local-directory", str(folder / "worker")]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
            try:
                with Client(address) as client:
                    client.wait_for_workers(1, timeout=60)
                yield address, worker
            finally:
                worker.kill()


def test_a_worker_without_qsim_is_named_in_one_line(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=12)
    line = r"^tcp://.*: has quickcommerce-sim none \(.*; install it there$"
    without = lone_worker(tmp_path, "sys.modules['qsim'] = None")
    with without as (address, _), pytest.raises(QsimError, match=line) as told:
        qsim.run(tmp_path / "m", ticks=1, scheduler=address)
    assert "\n" not in str(told.value)


def test_a_cluster_whose_workers_are_gone_is_waited_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(cluster, "_LOST_SECONDS", 1.0)
    qsim.generate(tmp_path / "m", **MARKET)
    line = "has had no workers for 1 s; what was committed stays; start some"
    with lone_worker(tmp_path) as (address, worker), pytest.raises(QsimError, match=line):
        qsim.run(tmp_path / "m", ticks=40 * WINDOW, scheduler=address, progress=lambda now: worker.kill())
    assert "has no workers left; waiting" in caplog.text
    assert qsim.status(tmp_path / "m")["tick"] >= WINDOW


@pytest.mark.nightly
def test_a_second_interrupt_ends_the_wait_for_workers_that_are_gone(tmp_path: Path) -> None:
    # Its blocks are those of the program, which nothing makes small.
    subprocess.run([sys.executable, "-m", "qsim", "generate", tmp_path / "m"], capture_output=True, check=True)
    with lone_worker(tmp_path) as (address, worker):
        words = [sys.executable, "-m", "qsim", "run", str(tmp_path / "m"), "--ticks", "50000", "--scheduler", address]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            assert run.stderr is not None
            while len(list((tmp_path / "m" / log.COMMITS).iterdir())) < 2:
                assert run.poll() is None, run.stderr.read()
                sleep(0.1)
            worker.kill()
            for said in ("has no workers left", "stopping"):
                while said not in (line := run.stderr.readline()):
                    assert line, f"ended before it said: {said}"
                # Signals that come together are one request.
                sleep(0.5)
                run.send_signal(signal.SIGINT)
            assert "qsim: stopped" in run.stderr.read()
        assert run.returncode == 130


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import qsim\nprint('begun')\nqsim.generate('m', products=12)\n"
        "print(qsim.run('m', ticks=1, scheduler='local', max_workers=1)['tick'])\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr, done.returncode) == ("begun\n1\n", "", 0)
