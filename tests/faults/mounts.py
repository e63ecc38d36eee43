"""Small file systems of a test's own, gone again at its end in any case; and why they cannot be had where they cannot."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# EXT4_IOC_SHUTDOWN of the kernel's fs/ext4/ext4.h, with EXT4_GOING_FLAGS_NOLOGFLUSH: the disk is gone at once.
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2


def _call(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    return (done.stderr or f"{words[0]} failed").strip() if done.returncode else ""


def _must(*words: object) -> None:
    if fault := _call(*words):
        raise OSError(f"{' '.join(map(str, words))}: {fault}")


def _mount(at: Path, *options: object) -> None:
    at.mkdir(exist_ok=True)
    _must("mount", *options, at)


def _unmount(at: Path) -> None:
    if os.path.ismount(at) and _call("umount", at):
        _must("umount", "-l", at)


@contextmanager
def tmpfs(at: Path, size: str = "64m") -> Iterator[Path]:
    """A file system in memory."""
    _mount(at, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    try:
        yield at
    finally:
        _unmount(at)


def remount(at: Path, options: str) -> None:
    """Change a mounted file system: its size, or whether it may be written."""
    _must("mount", "-o", f"remount,{options}", at)


class Disk:
    """An ext4 disk in a file, whose power can be cut."""

    def __init__(self, image: Path, at: Path) -> None:
        self.image, self.at = image, at

    def mount(self) -> None:
        """Mount the disk; what its journal holds is replayed."""
        _mount(self.at, "-o", "loop", self.image)

    def sync(self) -> None:
        """Put all that is in memory on the disk."""
        _must("sync", "-f", self.at)

    def cut(self) -> None:
        """Cut the power: nothing that is in memory alone reaches the disk, and every later call on it fails."""
        handle = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, ctypes.c_uint32(_NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def restart(self) -> None:
        """Give the power back."""
        _must("umount", self.at)
        self.mount()


@contextmanager
def disk(place: Path, megabytes: int = 32) -> Iterator[Disk]:
    """A mounted ext4 disk."""
    made = Disk(place / "disk.img", place / "disk")
    with made.image.open("wb") as file:
        file.truncate(megabytes << 20)
    _must("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", made.image)
    made.mount()
    try:
        yield made
    finally:
        _unmount(made.at)


@contextmanager
def immutable(directory: Path) -> Iterator[None]:
    """A directory and all in it that nobody may change, not even root."""
    try:
        _must("chattr", "-R", "+i", directory)
        yield
    finally:
        _must("chattr", "-R", "-i", directory)


def _why_not(kind: str) -> str:
    with tempfile.TemporaryDirectory(prefix="qsim-faults-") as name:
        place = Path(name)
        try:
            if kind == "tmpfs":
                with tmpfs(place / "t"):
                    pass
            elif kind == "disk":
                with disk(place, 4) as made:
                    made.cut()
            else:
                (place / "i").mkdir()
                with immutable(place / "i"):
                    pass
        except OSError as fault:
            return f"{kind}: not allowed here: {fault}"
    return ""


def missing(kind: str) -> str:
    """Tell why a `tmpfs`, a `disk` or an `immutable` directory cannot be had here, or nothing."""
    tools = {"tmpfs": ("mount", "umount"), "disk": ("mount", "umount", "mkfs.ext4"), "immutable": ("chattr",)}
    absent = [tool for tool in tools[kind] if not shutil.which(tool)]
    return f"{kind}: {absent[0]} is not here" if absent else _why_not(kind)
