"""Readers beside a writer: each sees whole ticks, all tables of one commit, and never goes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readers import campaign


def test_readers_beside_a_writer_that_commits_compacts_and_vacuums_see_whole_ticks_only(tmp_path: Path) -> None:
    result = campaign(tmp_path, readers=3, seconds=4)
    assert result["faults"] == []
    assert int(str(result["reads"])) > 6


@pytest.mark.nightly
def test_sixteen_readers_for_ten_minutes_see_whole_ticks_only(tmp_path: Path) -> None:
    result = campaign(tmp_path, readers=16, seconds=600)
    print(result)
    assert result["faults"] == []
