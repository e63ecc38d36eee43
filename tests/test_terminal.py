"""`qsim top` and `qsim events --follow` in a real terminal, beside a run."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qsim.runs import process
from qsim.storage import lock
from tests.terminals import Terminal, terminal

INTO, OUT_OF, SHOWN = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


@pytest.fixture
def running(market: Path) -> Iterator[Path]:
    """A market that another process runs on, a tick every half second."""
    words = [sys.executable, "-m", "qsim", "run", str(market), "--realtime", "--interval", "1", "--speed", "2"]
    with subprocess.Popen([*words, "--duration", "10"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        yield market
        run.terminate()


def ticks(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r"tick ([\d,]+)", text)]


def ends_well(shown: Terminal) -> None:
    """Ctrl-C ends it with 130, the word that it was stopped, the screen and the cursor given back."""
    shown.press(b"\x03")
    assert shown.ended() == 130
    last = shown.drawn[shown.drawn.rindex(OUT_OF) :]
    assert SHOWN in shown.drawn[shown.drawn.rindex("\x1b[?25l") :]
    assert "Traceback" not in shown.text and "qsim: stopped" in last


def test_top_follows_a_run_and_gives_the_terminal_back(running: Path) -> None:
    with terminal("top", running, "--every", 0.3) as shown:
        first = ticks(shown.until(lambda text: ticks(text)))[0]
        shown.until(lambda text: max(ticks(text)) > first + 1 and "running" in text)
        assert INTO in shown.drawn
        ends_well(shown)


def test_top_goes_on_when_a_market_that_was_away_is_back(market: Path) -> None:
    with terminal("top", market, "--every", 0.2) as shown:
        shown.until(lambda text: ticks(text))
        market.rename(market.with_name("away"))
        shown.until(lambda text: "looking again" in text)
        market.with_name("away").rename(market)
        seen = len(shown.text)
        shown.until(lambda text: ticks(text[seen:]))
        ends_well(shown)


def test_a_run_whose_terminal_is_held_commits_and_frees_the_market_when_it_is_told_to_stop(market: Path) -> None:
    with terminal("run", market, "--realtime", "--interval", 1, "--speed", 10) as shown:
        shown.until(lambda text: "events/s" in text)
        shown.press(b"\x13")
        time.sleep(1)
        shown.process.terminate()
        end = time.monotonic() + 15
        while not lock.is_free(market):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert process.lines(market)[-1]["kind"] == "end"
        shown.press(b"\x11")
        assert shown.ended() == 0


def test_top_in_a_terminal_that_cannot_be_drawn_over_prints_once(market: Path) -> None:
    with terminal("top", market, kind="dumb") as shown:
        assert shown.ended() == 0
        assert ticks(shown.text)


@pytest.mark.nightly
def test_top_fits_a_terminal_whose_size_changes(market: Path) -> None:
    with terminal("top", market, "--every", 0.2, columns=120, rows=40) as shown:
        shown.until(lambda text: "stock_out" in text or "update" in text)
        shown.resize(40, 10)
        narrow = len(shown.drawn)
        shown.until(lambda _: shown.drawn[narrow:].count("\x1b[H") > 4)
        frames = shown.drawn[narrow:].split("\x1b[H")[2:-1]
        assert frames and all(frame.count("\n") < 10 for frame in frames)
        ends_well(shown)


@pytest.mark.nightly
def test_events_that_are_followed_end_by_a_key(running: Path) -> None:
    with terminal("events", running, "--last", 1, "--follow", columns=160) as shown:
        shown.until(lambda text: len(set(ticks(text))) > 2)
        shown.press(b"\x03")
        assert shown.ended() == 130 and "Traceback" not in shown.text
