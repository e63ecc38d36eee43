"""A market is the same on every processor: libraries that may use only the oldest instructions give the same to the last bit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsim
from qsim import params, rulebook
from qsim.storage import log

ROOT = Path(__file__).parent.parent
# What numpy, its linear algebra, Arrow and the C library choose their code by when they are loaded.
OLDEST = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config("dicts")["SIMD Extensions"].get("found", [])),
    "OPENBLAS_CORETYPE": "Prescott",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
}
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "classic": ({"products": 60, "batch_size": 0}, {"ticks": 40}),
    "realistic": (
        {"products": 60, "preset": "realistic", "stores": 2, "update_interval_seconds": 3600, "start": "2026-11-01"},
        {"ticks": 300, "scenario": "diwali"},
    ),
}


def made(folder: Path) -> dict[str, list[Any]]:
    """Make markets; give the digest of each with the sha256 of its files, as its log tells them, and rates of sales bit by bit."""
    found: dict[str, list[Any]] = {}
    for name, (opening, run) in RUNS.items():
        qsim.generate(folder / name, **opening)
        digest = qsim.run(folder / name, **run)["digest"]
        found[name] = [digest, [[file.path, file.sha256] for file in log.read(folder / name).files]]
    found["rates"] = [rate.hex() for rate in rulebook.sale_rates(params.resolve("realistic", {})).tolist()]
    return found


PROGRAM = "import json, sys, pathlib, tests.test_processors as t; print(json.dumps(t.made(pathlib.Path(sys.argv[1]))))"
# The command of a Python on another processor, or in its emulator, from which this checkout and its temporary folders are seen.
OTHER = os.environ.get("QSIM_OTHER_PYTHON", "")


def told(folder: Path, *, python: tuple[str, ...] = (sys.executable,), **more: str) -> dict[str, list[Any]]:
    """What a process of its own makes in a folder, with more of an environment."""
    command = [*python, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What is made with all instructions of this processor."""
    return told(tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What is made with the oldest instructions of this processor."""
    return told(tmp_path_factory.mktemp("old"), **OLDEST)


@pytest.mark.parametrize("what", [*RUNS, "rates"])
def test_older_instructions_make_the_same_to_the_last_bit(
    new: dict[str, list[Any]], old: dict[str, list[Any]], what: str
) -> None:
    assert new[what] == old[what]


@pytest.mark.nightly
@pytest.mark.skipif(not OTHER, reason="QSIM_OTHER_PYTHON names no Python of another processor")
def test_another_processor_makes_the_same_to_the_last_bit(new: dict[str, list[Any]], tmp_path: Path) -> None:
    assert told(tmp_path, python=tuple(shlex.split(OTHER))) == new
