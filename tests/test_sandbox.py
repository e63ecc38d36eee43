"""The kernel's limits on the process that runs SQL from outside: memory, time, files, and what Landlock closes off."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qsim.queries import guard, sandbox
from qsim.queries.guard import LAYERS
from qsim.storage.places import place_of
from tests.guarded import LIMITS, confined, linux


def told_by(program: str, *words: str) -> Any:
    """Run a Python program of its own and give what it printed as JSON."""
    head = "import ctypes, json, os, socket, sys\nfrom qsim.queries import sandbox\n"
    command = [sys.executable, "-c", head + program, *words]
    environment = {**os.environ, **guard.NO_THREADS}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LIMITED = """
import resource
kinds = ("AS", "CPU", "FSIZE", "CORE", "NOFILE")
told = lambda: {kind: resource.getrlimit(getattr(resource, f"RLIMIT_{kind}")) for kind in kinds}
"""


@linux
def test_a_limited_process_has_so_much_more_memory_and_so_much_cpu_writes_no_file_and_dies_with_its_parent() -> None:
    found = told_by(f"""{LIMITED}
sandbox.limit(300, 7)
signal = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(signal))
taken = next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]
print(json.dumps({{**told(), "signal": signal.value, "taken": int(taken) * 1024}}))
""")
    assert [found[kind] for kind in ("CPU", "FSIZE", "CORE", "NOFILE")] == [[7, 7], [0, 0], [0, 0], [256, 256]]
    assert found["signal"] == 9
    assert found["AS"][0] == found["AS"][1]
    assert abs(found["AS"][0] - 300 * 1_048_576 - found["taken"]) < 1_000_000


@linux
def test_limits_that_are_lower_already_stay() -> None:
    found = told_by(f"""{LIMITED}
resource.setrlimit(resource.RLIMIT_CPU, (3, 5))
sandbox.limit(300, 7)
print(json.dumps(told()))
""")
    assert found["CPU"] == [5, 5]


@linux
def test_where_the_system_is_another_the_limits_are_those_that_it_has() -> None:
    found = told_by(f"""{LIMITED}
before = told()
sys.platform = "win32"
sandbox.limit(300, 7)
on_windows = told()
sys.platform = "darwin"
sandbox.limit(300, 7)
print(json.dumps([before, on_windows, told()]))
""")
    before, on_windows, elsewhere = found
    assert on_windows == before
    assert (elsewhere["AS"], elsewhere["CPU"]) == (before["AS"], [7, 7])


CONFINED = """
def tried(what):
    try:
        return str(what())[:9]
    except OSError as fault:
        return type(fault).__name__
allowed, other, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
sandbox.landlock_version = lambda own=sandbox.landlock_version, wanted=int(sys.argv[4]): wanted or own()
files = len(os.listdir("/proc/self/fd"))
status, parent = open("/proc/self/status"), os.getppid()
found = {"confined": sandbox.confine([allowed])}
found["files"] = len([n for n in range(64) if tried(lambda: os.fstat(n)) != "OSError"]) - files
found["allowed"] = tried(lambda: open(allowed).read())
found["other"] = tried(lambda: open(other).read())
found["listed"] = tried(lambda: os.listdir(os.path.dirname(allowed)))
found["written"] = tried(lambda: open(allowed, "a"))
found["made"] = tried(lambda: open(allowed + "x", "w"))
found["run"] = tried(lambda: os.posix_spawn("/bin/true", ["true"], {}))
found["connected"] = tried(lambda: socket.socket().connect(("127.0.0.1", port)))
found["signalled"] = tried(lambda: os.kill(parent, 0))
found["privileges"] = next(line.split()[1] for line in status if line.startswith("NoNewPrivs"))
print(json.dumps(found))
"""


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[list[str]]:
    """A file that may be read, another one, and a port that somebody listens at."""
    (tmp_path / "allowed").write_text("allowed")
    (tmp_path / "other").write_text("other")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield [str(tmp_path / "allowed"), str(tmp_path / "other"), str(listening.getsockname()[1])]


@confined
@pytest.mark.parametrize("version", [0, 1])
def test_a_confined_process_reads_the_named_file_and_touches_nothing_else(shut: list[str], version: int) -> None:
    found = told_by(CONFINED, *shut, str(version))
    known = version or sandbox.landlock_version()
    denied = {name for name, what in found.items() if what == "PermissionError"}
    assert denied == {"other", "listed", "written", "made", "run"} | ({"connected"} if known >= 4 else set()) | (
        {"signalled"} if known >= 6 else set()
    )
    assert (found["confined"], found["allowed"], found["privileges"]) == (True, "allowed", "1")
    # The file of the status, and none that was opened to be named.
    assert found["files"] == 0


def test_where_there_is_no_landlock_a_process_is_not_confined_and_says_so(shut: list[str]) -> None:
    found = told_by("""
sandbox.landlock_version = lambda: 0
print(json.dumps([sandbox.confine([sys.argv[1]]), open(sys.argv[2]).read()]))
""", *shut)  # fmt: skip
    assert found == [False, "other"]


@linux
def test_the_version_of_landlock_is_what_the_kernel_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ctypes.CDLL(None).syscall
    assert sandbox.landlock_version() == max(0, asked(444, None, ctypes.c_long(0), ctypes.c_long(1)))
    monkeypatch.setattr(sandbox, "_ABI_OF_FLAG", 1 << 30)
    assert sandbox.landlock_version() == 0
    monkeypatch.setattr("sys.platform", "darwin")
    assert sandbox.landlock_version() == 0


# (version, bytes of the structure, rights on files, rights on TCP, scopes) as linux/landlock.h has had them.
@pytest.mark.parametrize(
    "known",
    [(1, 8, 13, 0, 0), (2, 8, 14, 0, 0), (3, 8, 15, 0, 0), (4, 16, 15, 2, 0), (5, 16, 16, 2, 0), (6, 24, 16, 2, 2), (7, 24, 16, 2, 2)],
)  # fmt: skip
def test_of_each_version_of_landlock_all_rights_are_handled_and_none_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, known: tuple[int, ...]
) -> None:
    version, size, *rights = known
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(sandbox, "_called", lambda *given: asked.append(given) or 5)
    assert sandbox._ruleset(version) == 5
    (call,) = asked
    made = call[1]._obj
    assert [made.files, made.net, made.scoped] == [2**count - 1 for count in rights]
    assert call[2] == size


@confined
def test_what_the_kernel_does_not_allow_is_told_with_its_reason() -> None:
    found = told_by("""
read, write = os.pipe()
try:
    sandbox.confine([f"/proc/self/fd/{read}"])
except OSError as fault:
    print(json.dumps([fault.errno, fault.strerror]))
""")
    assert found == [errno.EBADFD, os.strerror(errno.EBADFD)]


@linux
def test_a_process_that_was_closed_off_reads_the_markets_files_alone(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    asked = guard.request(place_of(ran), "SELECT 1", LIMITS, LAYERS)
    found = told_by(f"""{LIMITED}
from qsim.queries import child
asked = json.loads(sys.argv[1])
child.close_off(asked)
import pyarrow.dataset as dataset
rows = dataset.dataset(next(one for one in asked["files"] if one.endswith(".parquet")), format="parquet").count_rows()
try:
    denied = open(sys.argv[2]).read()
except PermissionError:
    denied = ""
print(json.dumps({{**told(), "rows": rows, "denied": denied}}))
""", json.dumps(asked), str(tmp_path / "outside"))  # fmt: skip
    assert found["rows"] > 0 and (found["denied"] == "" or sandbox.landlock_version() == 0)
    assert found["CPU"] == [asked["cpu_seconds"]] * 2 and found["FSIZE"] == [0, 0]
    assert found["AS"][0] > (LIMITS.memory_mb + guard.SPARE_MB) * 1_048_576
