"""The epochs of a market in its log: what a commit keeps of one, and the course of all read back."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from qsim import params
from qsim.clock import Epoch
from qsim.errors import ConflictError, UsageError
from qsim.params import Parameters
from qsim.simulation import Course
from qsim.storage import digests
from qsim.storage.log import Log


# Checking takes a few milliseconds a set, and every commit that is read brings the sets of all epochs again.
@lru_cache(maxsize=256)
def _parameters(text: str) -> Parameters:
    return params.check(json.loads(text))


def course_of(history: Log) -> Course:
    """Give the epochs of a log with their parameters; ConflictError where this qsim does not know some of these."""
    epochs = tuple(Epoch(entry["tick"], entry["second"], entry["interval"]) for entry in history.epochs)
    try:
        return Course(epochs, tuple(_parameters(json.dumps(entry["parameters"])) for entry in history.epochs))
    except UsageError as fault:
        # What a market keeps was checked when it was written, and nobody typed it now.
        found = str(fault).partition("; ")[0]
        raise ConflictError(
            f"the market's own parameters are not those of this qsim ({found}): another version, most likely a newer one,"
            " wrote it; use that one: qsim --version tells which this is"
        ) from None


def epoch_entry(epoch: Epoch, parameters: Parameters) -> dict[str, Any]:
    """Give what a commit keeps of an epoch."""
    return {
        "tick": epoch.tick,
        "second": epoch.second,
        "interval": epoch.interval,
        "parameters": parameters.model_dump(),
    }


def epoch_digest(epoch: Epoch, parameters: Parameters) -> int:
    """Hash when an epoch starts and what it runs under."""
    return digests.of_bytes(f"epoch:{epoch.tick}:{epoch.second}", params.digest(parameters))
