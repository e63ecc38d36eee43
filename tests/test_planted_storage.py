"""Faults planted in storage: each can still be planted, and on the nightly tier each is caught."""

from __future__ import annotations

import pytest

from tests.planted_storage import PLANTED, ROOT, Planted, caught


def test_every_fault_has_one_place_in_the_source() -> None:
    places = {fault.name: (ROOT / "qsim" / fault.file).read_text("utf-8").count(fault.old) for fault in PLANTED}
    assert {name: count for name, count in places.items() if count != 1} == {}
    assert len(places) == len(PLANTED) >= 40


def test_every_fault_leaves_source_that_python_can_read() -> None:
    for fault in PLANTED:
        compile((ROOT / "qsim" / fault.file).read_text("utf-8").replace(fault.old, fault.new), fault.name, "exec")


@pytest.mark.nightly
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught(fault: Planted) -> None:
    assert caught(fault)
