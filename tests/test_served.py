"""What a server keeps of a market at hand, in memory, while the market goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

import qsim
from qsim.queries import served


def footers_bytes(market: served.Served) -> int:
    text = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'OBJECT_CACHE'"
    return int(market.database.execute(text).fetchall()[0][0])


def test_footers_are_forgotten_where_there_are_many_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_FOOTERS_EVERY", 1)
    qsim.generate(tmp_path / "m", seed=5, products=30)
    qsim.run(tmp_path / "m", ticks=50)
    market = served.opened(tmp_path / "m")
    count = "SELECT count(*) FROM raw.events WHERE tick <= 50"
    before = market.database.execute(count).fetchall()
    kept = footers_bytes(market)
    limit = market.database.execute("SELECT current_setting('memory_limit')").fetchall()
    qsim.run(tmp_path / "m", ticks=1)
    assert served.follow(market)
    assert footers_bytes(market) >= kept > 0
    monkeypatch.setattr(served, "_FOOTERS_BYTES", kept // 4)
    qsim.run(tmp_path / "m", ticks=1)
    assert served.follow(market)
    assert footers_bytes(market) <= kept // 4
    assert market.database.execute("SELECT current_setting('memory_limit')").fetchall() == limit
    assert market.database.execute(count).fetchall() == before
