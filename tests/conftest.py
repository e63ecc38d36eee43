"""What several test files share: the option that refreshes golden figures, and a small market ready-made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import qsim


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="Write tests/golden anew from what the code gives.")


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
