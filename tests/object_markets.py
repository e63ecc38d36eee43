"""Markets in an object store: the stores and folders that tests have, and markets made, finished after a fault, found sound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.storage import lease, log, objects
from qsim.storage.places import ObjectPath, place_of

TICKS = 3
WITHOUT_AZURITE = pytest.mark.skipif(
    not shutil.which("azurite-blob"), reason="needs azurite-blob: npm install --global azurite"
)


@pytest.fixture(scope="module", params=["s3", pytest.param("az", marks=WITHOUT_AZURITE)])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A store with the bucket `bucket`; object stores of its kind are reached there."""
    from tests.buckets import served  # needs what is not installed with the oldest libraries

    with served(request.param) as found:
        yield found


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a lease: it lapses soon."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)


@pytest.fixture
def impatient(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: what fails is asked once more, at once."""
    monkeypatch.setattr(objects, "_RETRIES", 0)
    monkeypatch.setattr(objects, "_PAUSES", (0.0, 0.0))


@pytest.fixture
def place(store: Any, request: pytest.FixtureRequest) -> ObjectPath:
    """A folder of objects of the test's own."""
    found = place_of(f"{store.scheme}://bucket/{abs(hash(request.node.name)):x}/market")
    assert isinstance(found, ObjectPath)
    return found


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market that the tests of object stores make, on a disk; to be read, never written."""
    directory = tmp_path_factory.mktemp("twin") / "m"
    qsim.generate(directory, products=12)
    qsim.run(directory, ticks=TICKS)
    return directory


def made(place: ObjectPath) -> dict[str, object]:
    qsim.generate(place, products=12)
    return qsim.run(place, ticks=TICKS)


def finished(place: ObjectPath) -> dict[str, object]:
    """Go on with a market from wherever a fault left it, as a user would, and give its status."""
    if not log.exists(place):
        qsim.generate(place, products=12)
    return qsim.run(place, until=TICKS)


def is_sound(place: ObjectPath) -> bool:
    found = qsim.verify(place)
    assert (found["faults"], found["notes"]) == ([], [])
    return bool(found["passed"])
