"""Ctrl-C is told where nothing is half done, once, and no handler of one's own is lost."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim import interrupts
from qsim.storage import integrity, system


@pytest.fixture(autouse=True)
def calls() -> Iterator[list[int]]:
    """The signals that were told to the handlers, which raise KeyboardInterrupt."""
    told: list[int] = []

    def handler(number: int, frame: object) -> None:
        told.append(number)
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    yield told
    assert {signal.getsignal(number) for number in before} == {handler}, "they are in their places again"
    for number, one in before.items():
        signal.signal(number, one)


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_handler_raises_waits_for_the_end_and_the_handler_does_not(number: int, calls: list[int]) -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interrupts.held_back():
        interrupt(number)
        assert calls == [number]
        reached = True
    assert reached


def test_it_comes_where_it_is_let_through_before_anything_is_done_there() -> None:
    with pytest.raises(KeyboardInterrupt, match="2"), interrupts.held_back():
        interrupt()
        with interrupts.let_through():
            pytest.fail("went on")


def test_it_comes_at_once_where_it_is_let_through() -> None:
    with interrupts.held_back(), pytest.raises(KeyboardInterrupt), interrupts.let_through():
        interrupt()
        pytest.fail("went on")


def test_behind_an_interrupt_nothing_is_interrupted_any_more(calls: list[int]) -> None:
    cleared = []
    with pytest.raises(KeyboardInterrupt, match="2"), interrupts.held_back(), interrupts.let_through():
        try:
            interrupt()
        finally:
            interrupt(signal.SIGTERM)
            cleared.append(calls[-1])
    assert cleared == [signal.SIGTERM]


def test_what_waits_for_others_behind_an_interrupt_is_not_interrupted_either() -> None:
    cleared = False
    with pytest.raises(KeyboardInterrupt), interrupts.held_back(), interrupts.let_through():
        try:
            interrupt()
        finally:
            with suppress(ZeroDivisionError), interrupts.let_through():
                interrupt()
                raise ZeroDivisionError
            with interrupts.held_back():
                interrupt()
            cleared = True
    assert cleared


def test_who_catches_an_interrupt_and_goes_on_is_interrupted_again() -> None:
    times = 0
    with interrupts.held_back(), interrupts.let_through():
        for _ in range(3):
            try:
                interrupt()
                pytest.fail("went on")
            except KeyboardInterrupt:
                times += 1
    assert times == 3


def test_behind_a_fault_that_is_caught_all_is_let_through_as_before() -> None:
    with interrupts.held_back(), pytest.raises(KeyboardInterrupt), interrupts.let_through():
        with suppress(ZeroDivisionError), interrupts.held_back():
            raise ZeroDivisionError
        with suppress(ZeroDivisionError), interrupts.let_through():
            raise ZeroDivisionError
        interrupt()
        pytest.fail("went on")


def test_another_fault_is_told_first() -> None:
    with pytest.raises(ZeroDivisionError), interrupts.held_back():
        interrupt()
        raise ZeroDivisionError


def test_what_is_held_back_within_what_is_let_through_is_told_behind_it() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interrupts.held_back(), interrupts.let_through():
        with interrupts.held_back():
            interrupt()
            reached = True
        pytest.fail("went on")
    assert reached


def test_what_is_let_through_is_held_back_again_behind_it() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interrupts.held_back():
        with interrupts.let_through():
            pass
        interrupt()
        reached = True
    assert reached


def test_without_anything_held_back_all_is_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.let_through():
        interrupt()
        pytest.fail("went on")
    with interrupts.held_back():
        pass
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_a_handler_that_is_set_meanwhile_stays() -> None:
    kept, told = signal.getsignal(signal.SIGINT), []
    with interrupts.held_back():
        signal.signal(signal.SIGINT, lambda number, frame: told.append(number))
    interrupt()
    assert told == [signal.SIGINT]
    signal.signal(signal.SIGINT, kept)


def test_signals_that_end_the_process_or_are_ignored_stay_so() -> None:
    kept = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with interrupts.held_back():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        interrupt(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, kept)


def test_another_thread_holds_nothing_back_and_lets_nothing_through() -> None:
    handlers = []

    def work() -> None:
        with interrupts.held_back(), interrupts.let_through():
            handlers.append(signal.getsignal(signal.SIGINT))

    reached, before = False, signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [before]
    with pytest.raises(KeyboardInterrupt), interrupts.held_back():
        interrupt()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        reached = True
    assert reached


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_process_that_another_thread_forks_holds_nothing_back() -> None:
    ended = []

    def fork() -> None:
        child = os.fork()
        if not child:
            try:
                interrupt()
                time.sleep(0.1)
            except KeyboardInterrupt:
                os._exit(7)
            finally:
                os._exit(1)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with interrupts.held_back():
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    assert ended == [7]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("interrupts") / "m"
    qsim.generate(place, products=12)
    for _ in range(3):
        qsim.run(place, ticks=2)
    return place


def interrupting(real: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    """Press Ctrl-C in the main thread as a function is called, and note what it gives: nothing, where it was interrupted."""

    def call(*given: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            interrupt()
        calls.append(real(*given))
        return calls[-1]

    return call


@pytest.mark.parametrize("verb", ["generate", "compact"])
@pytest.mark.parametrize("name", ["create", "sync_directory"])
def test_a_file_that_is_open_is_not_left_so_by_an_interrupt(
    verb: str, name: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, made = tmp_path / "m", list[Any]()
    if verb == "compact":
        shutil.copytree(market, place)
    monkeypatch.setattr(system, name, interrupting(getattr(system, name), made))
    with pytest.raises(KeyboardInterrupt):
        qsim.generate(place, products=12) if verb == "generate" else qsim.compact(place)
    assert made
    assert list(place.rglob(".*")) == []


@pytest.mark.parametrize("verb", ["generate", "compact"])
def test_work_is_given_to_threads_without_interrupts_which_would_leave_their_locks_taken(
    verb: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, submitted = tmp_path / "m", list[Any]()
    if verb == "compact":
        shutil.copytree(market, place)
    # Threads check files that are many bytes together.
    monkeypatch.setattr(integrity, "_FEW_BYTES", 0)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupting(ThreadPoolExecutor.submit, submitted))
    with pytest.raises(KeyboardInterrupt):
        qsim.generate(place, products=12) if verb == "generate" else qsim.compact(place)
    assert submitted
