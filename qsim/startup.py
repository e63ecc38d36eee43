"""What the programs of qsim do first; the library alters nothing of the process that it is used in."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType


class _Leaner(PathFinder):
    """Finds all that is installed but pandas."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname == "pandas" else super().find_spec(fullname, path, target)


def leave_out_pandas() -> None:
    """Let imports of pandas fail as where it is not installed: Arrow imports it with the first array that it makes, if it is
    there, and that takes longer than most commands do.
    """
    sys.meta_path[:] = [_Leaner if finder is PathFinder else finder for finder in sys.meta_path]


def same_modules() -> dict[str, str]:
    """Give the environment in which a process started with -P has its modules from where this one has them."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def make_streams_safe() -> None:
    """Open those of the standard streams that are closed to nowhere, and let them show ? for what they cannot write.

    A file that is opened would get the number of a closed one, and what libraries tell there would go into a market.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 -- for good
    for stream in (sys.stdout, sys.stderr):
        # In the locale C errors are handed through, but for letters that were never read.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
