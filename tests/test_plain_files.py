"""A market's files read without qsim, as the README tells it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import qsim

README = Path(__file__).parent.parent / "README.md"


def _told() -> str:
    """The README's code that reads the events after tick 4,000 by the log."""
    (code,) = re.findall(r"```python\n(import json[^`]*)```", README.read_text("utf-8"))
    return str(code)


def test_the_readmes_way_by_the_log_reads_each_event_once_after_a_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    qsim.generate("shop", products=12)
    for _ in range(3):
        qsim.run("shop", ticks=5)
    qsim.compact("shop")
    qsim.run("shop", ticks=5)
    assert len(list(Path("shop/events").iterdir())) == 5
    read: dict[str, Any] = {}
    exec(_told().replace("4000", "8"), read)
    rows = read["events"].select("tick", "listing_id").sort("tick", "listing_id").collect().rows()
    asked = "SELECT tick, listing_id FROM price_history WHERE tick > 8 ORDER BY ALL"
    assert rows == qsim.connect("shop").sql(asked).fetchall() != []
    assert read["body"]["tick"] == 20
