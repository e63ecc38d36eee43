"""What the figures were measured on: processor, memory, disk, versions, and how busy the machine was."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from qsim import compiled

LIBRARIES = ("numpy", "pyarrow", "polars", "duckdb")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"


def describe(folder: Path) -> dict[str, Any]:
    """Describe the machine; `folder` is where markets are written."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory GiB": round(psutil.virtual_memory().total / 2**30, 1),
        "file system": _file_system(folder),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "loops in C": "no" if compiled.library() is None else "yes",
        "load average at start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }
