"""The writer of a live server ends with it however that comes, and is told of when it ends by itself; what servers log and leave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import qsim
from qsim.server import app as apps
from qsim.server.app import create_app
from qsim.server.live import fault_of
from tests.commands import Shell
from tests.run_lines import lines
from tests.servers import serving, until
from tests.terminals import terminal


def test_the_writer_ends_with_the_server_however_following_ended(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*given: object) -> None:
        raise ZeroDivisionError

    async def live() -> int | None:
        async with app.router.lifespan_context(app):
            writer = app.state.following.writer
            await asyncio.sleep(0)
        return writer.poll()

    monkeypatch.setattr(apps, "follow", broken)
    app = create_app(market, live=True)
    assert asyncio.run(live()) is not None
    with pytest.raises(RuntimeError, match="shutdown"):
        app.state.market.pool.submit(int)


def ended_well(market: Path) -> bool:
    """Tell whether the writer of a market has ended with all committed and the states kept."""
    last = lines(market)[-1] if (market / "process").exists() else {}
    return last.get("kind") == "end" and last["tick"] == qsim.status(market)["tick"] > 10


def has_run(market: Path) -> bool:
    return qsim.status(market)["tick"] > 10


@pytest.mark.nightly
def test_a_terminal_that_is_closed_ends_the_server_and_its_writer(market: Path) -> None:
    before = len(lines(market))
    with terminal("serve", market, "--port", 0, "--live") as running:
        running.until(lambda text: "serving at" in text)
        until(lambda: has_run(market))
        nothing = os.open(os.devnull, os.O_RDWR)
        # Our end of the terminal is closed by that.
        os.dup2(nothing, running.ours)
        os.close(nothing)
        running.process.wait(30)
    assert ended_well(market) and len(lines(market)) > before
    qsim.run(market, ticks=1)


def test_a_server_that_is_killed_leaves_no_writer(market: Path) -> None:
    words = [sys.executable, "-m", "qsim", "serve", str(market), "--port", "0", "--live"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as server:
        until(lambda: has_run(market))
        server.kill()
    try:
        until(lambda: ended_well(market))
    finally:
        with suppress(ProcessLookupError):
            os.kill(lines(market)[-1]["process"], signal.SIGKILL)
    assert qsim.verify(market)["passed"]


@pytest.mark.parametrize("code", [0, 3])
def test_a_writer_that_has_ended_is_told_however_it_did(code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", f"import sys; sys.stdin.read(); sys.exit({code})"],
                          stdin=subprocess.PIPE) as writer:  # fmt: skip
        assert fault_of(writer) == []
    [reason] = fault_of(writer)
    assert reason["level"] == "failing" and f"exit code {code}" in reason["found"]
    # One that ended by a fault of its own tells it, whatever is in the place of its market meanwhile.
    assert fault_of(writer, replaced=True) == [reason]
    assert "start the server again" in reason["mend"]


def test_the_log_of_a_server_is_json_lines_and_goes_into_a_file(market: Path, tmp_path: Path) -> None:
    with serving(market, "--log-file", tmp_path / "q.log", quiet=False) as running:
        (market / "_commits").rename(market / "away")
        assert running.process.stderr is not None
        told = json.loads(running.process.stderr.readline())
    assert told["level"] == "ERROR" and "the market was replaced" in told["message"]
    assert json.loads((tmp_path / "q.log").read_text().splitlines()[0]) == told


def test_the_log_file_of_a_server_gets_what_its_writer_logs_and_that_it_ended(market: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.log"

    def said(words: str) -> bool:
        return file.exists() and any(words in json.loads(line)["message"] for line in file.read_text().splitlines())

    with serving(market, "--live", "--log-file", file, "--log-level", "debug", quiet=False) as running:
        until(lambda: said("commit "))
        [writer] = psutil.Process(running.process.pid).children()
        writer.kill()
        until(lambda: said("the writer ended with exit code -9"))


def test_a_level_of_the_log_that_is_none_is_refused(
    market: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert "LOG_LEVEL" in shell.refused(2, "serve", market)


SERVED = """
import gc, queue, sys, threading, qsim
if {frozen}:
    gc.freeze()
before = sys.getswitchinterval(), gc.get_freeze_count() > 0
told, stop = queue.Queue(), threading.Event()
served = threading.Thread(target=qsim.serve, args=[{market!r}], kwargs={{"port": 0, "listening": told.put, "stop": stop}})
served.start()
told.get(timeout=60)
meanwhile = sys.getswitchinterval(), gc.get_freeze_count() > 0
stop.set()
served.join()
print(before != meanwhile, (sys.getswitchinterval(), gc.get_freeze_count() > 0) == before)
"""


@pytest.mark.parametrize("frozen", [False, True])
def test_a_server_in_a_thread_leaves_threads_and_garbage_as_it_found_them(market: Path, frozen: bool) -> None:
    program = SERVED.format(frozen=frozen, market=str(market))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
