"""Requests drawn from the OpenAPI description: none makes the server fail, all answers are as described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import serving

# A page's cursor, a tick of the future, and a stretch that ends before it begins are well formed and refused all the same.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "410", "422"]
"""


def fuzz(market: Path, place: Path, examples: int) -> None:
    """Let schemathesis ask a server about everything but the stream that does not end; its last words are told where it fails."""
    (place / "schemathesis.toml").write_text(SETTINGS)
    seed = os.environ.get("QSIM_FUZZ_SEED") or str(int.from_bytes(os.urandom(3)))
    with serving(market) as server:
        words = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(place / "schemathesis.toml"), "run",
            f"http://127.0.0.1:{server.port}/openapi.json", "--exclude-path", "/api/events", "--seed", seed,
            "--max-examples", str(examples), "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
            "--suppress-health-check", "all", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, timeout=3600, check=False, cwd=place)
    assert done.returncode == 0, f"QSIM_FUZZ_SEED={seed}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


@pytest.mark.nightly
def test_no_request_of_the_description_makes_the_server_fail(ran: Path, tmp_path: Path) -> None:
    fuzz(ran, tmp_path, examples=200)


@pytest.mark.nightly
def test_a_few_requests_of_the_description_are_answered_as_described(ran: Path, tmp_path: Path) -> None:
    fuzz(ran, tmp_path, examples=2)
