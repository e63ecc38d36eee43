"""Processes that were forked from one in which Polars has worked: its threads stayed behind, and what needs them waits for good.

It can be told where the system names threads (Linux), and where qsim was imported before the fork.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_seen = {"threads": False, "left behind": False}


def _look() -> None:
    """Look before a fork whether Polars has begun its threads, which are named polars-0 and so on."""
    _seen["threads"] = "polars" in sys.modules and any(
        name.startswith("polars-") and name[7:].isdecimal() for name in _names()
    )


def _names() -> list[str]:
    from pathlib import Path

    names = []
    # A thread may end meanwhile, and elsewhere than on Linux there is nothing to read.
    with suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                names.append((thread / "comm").read_text("utf-8", "replace").strip())
    return names


def _mark() -> None:
    _seen["left behind"] |= _seen["threads"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_look, after_in_child=_mark)


def check(call: str) -> None:
    """Make sure that Polars can work in this process; UsageError, which names the call, where it would wait for good."""
    if _seen["left behind"]:
        from qsim.errors import UsageError

        raise UsageError(
            f"{call}: found a fork of a process in which Polars had worked, whose threads a fork does not have; allowed is a"
            " process of its own; start it by multiprocessing.get_context('spawn')"
        )
