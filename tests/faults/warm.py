"""The command line, warmed: a process that has imported it and forks a child for each command.

An interpreter takes longer to start than a small market takes to run; the child of a warm one is at its first call on
the market within milliseconds. The warm process touches no market, and no thread of it is at work when it forks.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120
_ALONE = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
# The import of Polars starts it; it sleeps until a query spills to disk, and holds nothing meanwhile.
_IDLE = {"polars-ooc-clea"}


class Ended(NamedTuple):
    """How a command ended: its exit code, or minus the signal that ended it, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def acknowledged(self) -> int:
        """The last tick that the command told to be committed, or -1."""
        return max(map(int, re.findall(r"commit \d+: ticks \d+ to (\d+)\b.*\n", self.err)), default=-1)


class Command:
    """A command at work in a process of its own."""

    def __init__(self, warm: Warm, order: dict[str, Any]) -> None:
        self._warm = warm
        self._out, out = os.pipe()
        self._err, err = os.pipe()
        socket.send_fds(warm.channel, [json.dumps(order).encode()], [out, err])
        for handle in (out, err):
            os.close(handle)
        self.pid = int(warm.answer())

    def kill(self) -> None:
        """Kill it at once. Where it has ended already, nothing happens."""
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> Ended:
        """Wait for its end."""
        code = int(self._warm.answer())
        texts = []
        for handle in (self._out, self._err):
            with os.fdopen(handle, encoding="utf-8", errors="replace") as pipe:
                texts.append(pipe.read())
        return Ended(code, *texts)


class Warm:
    """A warm process; its commands run one at a time. `shim` is a library that is loaded before all others."""

    def __init__(self, shim: Path | None = None) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**os.environ, **_ALONE, **({"LD_PRELOAD": str(shim)} if shim else {})}
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.faults.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self.answer()

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self._process.wait(PATIENCE)

    def answer(self) -> str:
        """Wait for the process's next word."""
        ready, _, _ = select.select([self.channel], [], [], PATIENCE)
        word = self.channel.recv(100).decode() if ready else ""
        if not word:
            if not ready:
                self._process.kill()
            self._process.wait()
            raise TimeoutError("the warm process does not answer; a command hangs or it died")
        return word

    def start(self, *words: object, **order: Any) -> Command:
        """Start a command; `order` may hold a `fault`, a `file_limit`, and `held`, a path that is waited for before anything."""
        return Command(self, {"words": [*map(str, words)], **order})

    def run(self, *words: object, **order: Any) -> Ended:
        """Run a command to its end."""
        return self.start(*words, **order).ended()


def _imported_by_commands() -> list[str]:
    """Run small commands in a child, and give the modules that they imported."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        from qsim.cli import main

        with tempfile.TemporaryDirectory(prefix="qsim-faults-") as place:
            faulthandler.dump_traceback_later(PATIENCE / 2, file=os.dup(2), exit=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            main(["generate", f"{place}/m", "--products", "12"])
            main(["run", f"{place}/m", "--ticks", "2"])
        os.write(writer, json.dumps([name for name in sys.modules if name in _importable()]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        names: list[str] = json.loads(pipe.read())
    os.waitpid(child, 0)
    return names


def _importable() -> set[str]:
    return {name for name, module in sys.modules.items() if name != "__main__" and getattr(module, "__spec__", None)}


def _threads_at_work() -> list[str]:
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names[1:] if name not in _IDLE]


def _child(order: dict[str, Any], out: int, err: int) -> int:
    os.dup2(out, 1)
    os.dup2(err, 2)
    # A command that hangs tells where, and ends.
    faulthandler.dump_traceback_later(PATIENCE / 2, file=2, exit=True)
    if "file_limit" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))
    from qsim.cli import main

    while "held" in order and not Path(order["held"]).exists():
        time.sleep(0.005)
    if "fault" in order:
        from tests.faults.shim import arm

        arm(**order["fault"])
    return main(order["words"])


def _serve(channel: socket.socket) -> None:
    channel.send(b"ready")
    child = 0
    while True:
        text, handles, _, _ = socket.recv_fds(channel, 1 << 16, 2)
        if child:
            # Not before, so that its number stays its own as long as it may be killed.
            os.waitpid(child, 0)
        if not text:
            return
        if threads := _threads_at_work():
            raise RuntimeError(f"the warm process has threads {threads}; a fork of it would not be safe")
        child = os.fork()
        if not child:
            channel.close()
            try:
                os._exit(_child(json.loads(text), *handles))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(70)
        for handle in handles:
            os.close(handle)
        channel.send(str(child).encode())
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        if end is None:
            raise ChildProcessError(f"process {child} is no child")
        channel.send(str(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status).encode())


if __name__ == "__main__":
    for module_name in _imported_by_commands():
        importlib.import_module(module_name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        _serve(inherited)
