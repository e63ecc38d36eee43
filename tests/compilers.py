"""What tests of the compiled loops need of the system, and where the project is."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsim import compiled
from qsim.compiled import build

ROOT = Path(__file__).parents[1]
there = pytest.mark.skipif(compiled.library() is None, reason="qsim is installed without a C compiler")
compiles = pytest.mark.skipif(not build.compiler(), reason="there is no C compiler")
