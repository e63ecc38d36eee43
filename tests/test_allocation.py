"""Memory that is freed, in a process of its own: what a run does not give back, a server does."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COLUMNS = """
import numpy as np, psutil
from qsim import allocation
allocation.{what}()
np.ones(1 << 20)
columns = [np.ones(1 << 18) for _ in range(64)]
before = psutil.Process().memory_info().rss
del columns[:-1]
print((before - psutil.Process().memory_info().rss) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
@pytest.mark.parametrize(("what", "given_back"), [("give_back_freed_memory", True), ("keep_freed_memory", False)])
def test_columns_that_are_freed_go_back_to_the_system_where_that_is_asked_for(what: str, given_back: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", COLUMNS.format(what=what)], capture_output=True, text=True, check=True
    ).stdout
    # Of 128 MB all but the last column are freed.
    assert (int(told) > 100) == given_back and (int(told) < 30) != given_back
