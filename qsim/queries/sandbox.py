"""Limits that the kernel sets on a process that runs SQL from outside: Landlock, memory, CPU, files.

Landlock (Linux 5.13 and later) needs no rights and cannot be undone: the process reads the files it was given and nothing
else, writes nothing, runs nothing, opens no TCP connection. Numbers and layouts are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ_FILE = 1 << 2
_PATH_BENEATH = 1
_ABI_OF_FLAG = 1
# How many rights on files there are at each version of the interface: all are handled, that is denied unless given.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_TCP_BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS = 0b11, 0b11
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT, _SIGKILL = 38, 1, 9


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _called(*arguments: object) -> int:
    """Make a system call; OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    found = int(libc.syscall(*given))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def landlock_version() -> int:
    """Tell the version of Landlock that the kernel offers; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return _called(_CREATE, None, 0, _ABI_OF_FLAG)
    except OSError:
        return 0


def _ruleset(version: int) -> int:
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    net = _TCP_BIND_AND_CONNECT if version >= 4 else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return _called(_CREATE, ctypes.byref(_Ruleset(rights, net, scoped)), size, 0)


def confine(readable: Iterable[str]) -> bool:
    """Let this process read the named files and touch nothing else, for good; False where there is no Landlock.

    Must be called before there is a second thread: threads that are there already would stay free.

    Raises:
        OSError: the kernel refused, a file is missing, or there are other threads.
    """
    version = landlock_version()
    if version < 1:
        return False
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise OSError(0, "other threads are running")
    ruleset = _ruleset(version)
    for path in readable:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        _called(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(_READ_FILE, file)), 0)
        os.close(file)
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _called(_RESTRICT, ruleset, 0)
    os.close(ruleset)
    return True


def limit(memory_mb: int, cpu_seconds: int) -> None:
    """Cap the address space (above what is taken already), the CPU time and the size of files written, which is 0."""
    if sys.platform == "win32":
        return
    import resource

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, _SIGKILL)
        taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        _cap(resource.RLIMIT_AS, taken + memory_mb * 2**20)
    _cap(resource.RLIMIT_CPU, cpu_seconds)
    _cap(resource.RLIMIT_FSIZE, 0)
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_NOFILE, 256)


def _cap(kind: int, most: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    capped = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (capped, capped))
