"""What falls due is found as by looking at everything, in whatever ticks time passes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from qsim.market import agenda
from qsim.market.agenda import Agenda


def due(kept: Agenda, column: np.ndarray, second: int) -> np.ndarray:
    places, _ = agenda.coming(kept, column, second)
    return agenda.due(places, column, np.full(len(places), second))


@pytest.mark.parametrize("seed", range(20))
def test_what_falls_due_is_what_a_look_at_all_places_finds(seed: int) -> None:
    chance = random.Random(seed)
    column = np.array([chance.choice([0, chance.randrange(1, 20_000)]) for _ in range(50)], np.uint32)
    kept, second = Agenda(), 0
    for _ in range(200):
        second += chance.choice([1, 5, 60, 300, 3_600, 7_200])
        found = due(kept, column, second)
        assert found.tolist() == np.flatnonzero((column > 0) & (column <= second)).tolist(), (
            f"seed {seed}, second {second}"
        )
        column[found] = 0
        places = np.array(sorted(chance.sample(range(50), 4)))
        column[places] = second + np.array([chance.choice([1, 30, 2_000, 9_000]) for _ in places])
        agenda.note(kept, places, column[places])


def test_what_was_put_off_or_called_off_is_not_due() -> None:
    column = np.array([10, 20, 30], np.uint32)
    kept = Agenda()
    assert due(kept, column, 5).tolist() == []
    column[:2] = 0, 40
    agenda.note(kept, np.array([1]), column[1:2])
    assert due(kept, column, 35).tolist() == [2]
    column[2] = 0
    assert due(kept, column, 40).tolist() == [1]


def test_each_place_falls_due_at_its_own_second() -> None:
    column = np.array([10, 20, 30], np.uint32)
    places, seconds = agenda.coming(Agenda(), column, 25)
    assert dict(zip(places.tolist(), seconds.tolist(), strict=True)) == {0: 10, 1: 20}
    assert agenda.due(np.array([1, 0, 1]), column, np.array([25, 9, 20])).tolist() == [1]
