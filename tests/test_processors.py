"""A market is the same on every processor: libraries that may use only the oldest instructions give the same to the last bit."""

from __future__ import annotations

import json
import os
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
    told: dict[str, list[Any]] = {}
    for name, (opening, run) in RUNS.items():
        qsim.generate(folder / name, **opening)
        digest = qsim.run(folder / name, **run)["digest"]
        told[name] = [digest, [[file.path, file.sha256] for file in log.read(folder / name).files]]
    told["rates"] = [rate.hex() for rate in rulebook.sale_rates(params.resolve("realistic", {})).tolist()]
    return told


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Any]]]:
    """What is made with all instructions of this processor, and with the oldest."""
    program = (
        "import json, sys, pathlib, tests.test_processors as t; print(json.dumps(t.made(pathlib.Path(sys.argv[1]))))"
    )
    answers = []
    for more in ({}, OLDEST):
        command = [sys.executable, "-c", program, str(tmp_path_factory.mktemp("made"))]
        environment = {**os.environ, **more}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        answers.append(json.loads(done.stdout))
    return answers


@pytest.mark.parametrize("what", [*RUNS, "rates"])
def test_older_instructions_make_the_same_to_the_last_bit(both: list[dict[str, list[Any]]], what: str) -> None:
    new, old = both
    assert new[what] == old[what]
