"""What several test files share: the option that refreshes golden figures, small markets ready-made, the command line,
a browser.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim import compiled
from qsim.storage import log
from qsim.storage.log import Log
from qsim.validation import checks
from tests.browser import Seen, chromium
from tests.browser import opened as opened_page
from tests.commands import Shell, signals_kept
from tests.odd_shop import TICKS, odd_shop
from tests.planted import checks_of
from tests.replay import RUNS, START, Replayed

# Fixtures of tests of object stores stand beside what these tests share.
pytest_plugins = ["tests.object_markets"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="Write tests/golden anew from what the code gives.")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let each process take a stretch of the tests in order, so that it makes a module's markets once, and help out at the end."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Let `validate` wait for answers as long as a busy machine may take: how fast they come is measured by the benchmark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "SLOWEST_MS", 60_000.0)
        yield


@pytest.fixture
def ended_after_a_minute() -> Iterator[None]:
    """End a test that would wait for ever."""

    def end(number: int, frame: object) -> None:
        raise TimeoutError("waited for a minute")

    kept = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, kept)


@pytest.fixture(scope="session")
def ready_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of 280 products at tick 120, run in two calls; to be read, never written."""
    market = tmp_path_factory.mktemp("ready") / "market"
    qsim.generate(market, seed=7, batch_size=40)
    qsim.run(market, ticks=50)
    qsim.run(market, until=120, surge_probability=0.2)
    return market


@pytest.fixture
def small_market(ready_market: Path, tmp_path: Path) -> Path:
    """A copy of the ready market that the test may write."""
    return Path(shutil.copytree(ready_market, tmp_path / "market"))


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of twelve products at tick 10; to be read, never written."""
    place = tmp_path_factory.mktemp("cli") / "m"
    qsim.generate(place, products=12)
    qsim.run(place, ticks=10)
    return place


@pytest.fixture
def market(ran: Path, tmp_path: Path) -> Path:
    """A copy of the market of twelve products that the test may write."""
    return Path(shutil.copytree(ran, tmp_path / "m"))


@pytest.fixture(params=["loops", "arrays"])
def loops_or_arrays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a test run with the compiled loops, and in numpy alone."""
    if request.param == "arrays":
        monkeypatch.setattr(compiled, "library", lambda: None)
    elif compiled.library() is None:
        pytest.skip("qsim is installed without a C compiler")


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    """Put the handlers of signals back after each test, as many run the command line in this process."""
    with signals_kept():
        yield


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """The command line in an empty folder, without QSIM_DIR."""
    monkeypatch.delenv("QSIM_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture(scope="session")
def questioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default market at tick 400; to be read, never written."""
    directory = tmp_path_factory.mktemp("questions") / "market"
    qsim.generate(directory)
    qsim.run(directory, ticks=400)
    return directory


@pytest.fixture(scope="session")
def con(questioned: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the market that questions are put to; to be read."""
    connection = qsim.connect(questioned)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a market of three dark stores a platform; to be read."""
    directory = tmp_path_factory.mktemp("chain") / "market"
    qsim.generate(directory, products=200, stores=3)
    qsim.run(directory, ticks=50)
    connection = qsim.connect(directory)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def sound(market: Path) -> dict[str, dict[str, Any]]:
    """What validation finds in the market of the test's module before any fault is planted in it."""
    with qsim.connect(market) as connection:
        return checks_of(connection, market)


@pytest.fixture(scope="module")
def opened(market: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the market of the test's module."""
    with qsim.connect(market) as connection:
        connection.execute("SET threads = 1")
        yield connection


@pytest.fixture
def connection(opened: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the market of the test's module, in which faults may be planted: the next test sees none of them."""
    opened.execute("BEGIN")
    yield opened
    opened.execute("ROLLBACK")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium, headless; a test that asks for it is skipped where there is none."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def bare() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection without a market, with the schema of validation's tables."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA checked")
        yield connection


@pytest.fixture(scope="module")
def history(ran: Path) -> Log:
    """The log of the market of twelve products."""
    return log.read(ran)


@pytest.fixture(scope="module")
def over(ran: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a market of twelve products at tick 10."""
    with qsim.connect(ran) as connection:
        yield connection


@pytest.fixture(scope="module")
def server(questioned: Path) -> Iterator[Any]:
    """A server of the market that questions are put to; to be read."""
    from tests.servers import serving  # needs what is not installed with the oldest libraries

    with serving(questioned) as running:
        yield running


@pytest.fixture(scope="session")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of two kinds of epochs, run in many short calls; to be read, never written."""
    market = tmp_path_factory.mktemp("upkeep") / "m"
    qsim.generate(market, seed=5, products=30, batch_size=10)
    for ticks in (3, 1, 40, 7):
        qsim.run(market, ticks=ticks)
    qsim.run(market, ticks=9, surge_probability=0.3)
    qsim.run(market, ticks=6, update_interval_seconds=600)
    return market


@pytest.fixture
def many_files_copied(many_files: Path, tmp_path: Path) -> Path:
    """A copy of the market of many files that the test may write."""
    return Path(shutil.copytree(many_files, tmp_path / "m"))


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """A market of several epochs and its history replayed in plain Python; to be read, never written."""
    place = tmp_path_factory.mktemp("views") / "it's a market"
    qsim.generate(place, products=25, stores=2, start=START.date().isoformat(), surge_probability=0.3, batch_size=9)
    for ticks, interval in RUNS:
        qsim.run(place, ticks=ticks, update_interval_seconds=interval)
    return Replayed(place)


@pytest.fixture(scope="module")
def replayed_connection(replayed: Replayed) -> duckdb.DuckDBPyConnection:
    """A connection to the market whose history is replayed."""
    return qsim.connect(replayed.market)


@pytest.fixture(scope="module")
def unrun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of ten products that never ran when the test's module began."""
    place = tmp_path_factory.mktemp("unrun") / "m"
    qsim.generate(place, products=10)
    return place


@pytest.fixture(scope="session")
def odd_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The odd shop's market; to be read, never written."""
    return odd_shop(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def address(browser: Any, odd_market: Path) -> Iterator[str]:
    """Where the page of the odd shop is served."""
    from tests.servers import serving

    with serving(odd_market) as served:
        yield served.address


@pytest.fixture(scope="module")
def desk(browser: Any, address: str) -> Iterator[tuple[Any, Seen]]:
    """The page on a small desk at its newest tick; tests leave it there."""
    page, seen = opened_page(browser, address, TICKS, viewport={"width": 720, "height": 450})
    yield page, seen
    page.context.close()
