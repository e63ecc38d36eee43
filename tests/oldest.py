"""The oldest releases of the libraries that qsim says it works with, as constraints of pip: `python -m tests.oldest`."""

from __future__ import annotations

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def constraints() -> list[str]:
    """Give one exact release for each library of the core: `click==8.4`."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    return [library.replace(">=", "==") for library in project["dependencies"]]


if __name__ == "__main__":
    print("\n".join(constraints()))
