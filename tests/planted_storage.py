"""Faults planted in the storage of markets, each with the tests that catch it: `python -m tests.planted_storage [NAME ...]`.

A fault is a change of the source. The project is copied, the change made there, and the tests have to fail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Planted:
    """A change of a source file of qsim, and the tests that have to fail by it."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]


def planted() -> list[Planted]:
    """The faults of planted_storage.toml."""
    rows = tomllib.loads((ROOT / "tests" / "planted_storage.toml").read_text("utf-8"))["fault"]
    return [Planted(**row | {"tests": [f"tests/{name}.py" for name in row["tests"]]}) for row in rows]


PLANTED = planted()


def caught(fault: Planted) -> bool:
    """Plant a fault in a copy of the project, and tell whether its tests fail."""
    with tempfile.TemporaryDirectory(prefix="qsim-planted-") as place:
        copy = Path(place) / "project"
        left_out = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*_cache", "data", "qsim-demo*")
        shutil.copytree(ROOT, copy, ignore=left_out)
        source = copy / "qsim" / fault.file
        source.write_text(source.read_text("utf-8").replace(fault.old, fault.new), "utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            f"--basetemp={place}/t",
            *fault.tests,
        ]
        environment = {
            "PYTHONPATH": str(copy),
            "PATH": str(Path(sys.executable).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{fault.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.returncode == 1


def main() -> None:
    wanted = [fault for fault in PLANTED if not sys.argv[1:] or fault.name in sys.argv[1:]]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(caught, wanted))
    for fault, found in zip(wanted, results, strict=True):
        print(f"{'caught' if found else 'MISSED'}  {fault.file}: {fault.name}")
    print(f"{sum(results)} of {len(results)} planted faults caught")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
