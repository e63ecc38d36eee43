"""What falls due is found as by looking at everything, in whatever ticks time passes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from qsim.market import agenda
from qsim.market.agenda import Agenda


@pytest.mark.parametrize("seed", range(20))
def test_what_falls_due_is_what_a_look_at_all_places_finds(seed: int) -> None:
    chance = random.Random(seed)
    column = np.array([chance.choice([0, chance.randrange(1, 20_000)]) for _ in range(50)], np.uint32)
    kept, second = Agenda(), 0
    for _ in range(200):
        second += chance.choice([1, 5, 60, 300, 3_600, 7_200])
        found = agenda.due(kept, column, second)
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
    assert agenda.due(kept, column, 5).tolist() == []
    column[:2] = 0, 40
    agenda.note(kept, np.array([1]), column[1:2])
    assert agenda.due(kept, column, 35).tolist() == [2]
    column[2] = 0
    assert agenda.due(kept, column, 40).tolist() == [1]
