"""Ctrl-C told only where nothing is half done: a main thread that writes cannot be left anywhere.

Python raises KeyboardInterrupt between any two steps: behind the opening of a file and before what closes it, or within what frees
a lock. In `held_back` what a signal's handler raises waits for the next `let_through`, where one waits; and as long as that is on
its way nothing more is raised, so that all is closed. Handlers are called at once; other threads than the main one get no signals.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

# Ctrl-C, a wish to stop, and where there is such a thing the end of the terminal.
STOPPING: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


@dataclass
class _Gate:
    """Whether what handlers raise is let through at the moment, or from now on; what they raised meanwhile; what of it was told last;
    the handlers.
    """

    is_open: bool = False
    is_over: bool = False
    raised: BaseException | None = None
    told: BaseException | None = None
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = field(default_factory=dict)

    def is_let_through(self) -> bool:
        """Tell whether what a handler raises may be told: not as long as what was told is on its way, for then all is closed."""
        fault = sys.exc_info()[1]
        while fault is not None and fault is not self.told:
            fault = fault.__context__
        return self.is_open and fault is None


# That of the main thread, as long as it holds something back.
_gates: list[_Gate] = []


def _gate() -> _Gate | None:
    return _gates[-1] if _gates and threading.current_thread() is threading.main_thread() else None


@contextmanager
def held_back() -> Iterator[None]:
    """Have what is done here, or in a function of which this is a decorator, not be interrupted; what was to be raised is raised at
    the end, unless another fault is.
    """
    gate = _gate()
    if gate is not None:
        with _turned(gate, is_open=False):
            yield
    elif threading.current_thread() is threading.main_thread():
        with _installed():
            yield
    else:
        yield


@contextmanager
def let_through() -> Iterator[None]:
    """Have what is done here be interrupted, also by what came before: it waits for others, or is somebody else's."""
    gate = _gate()
    if gate is None:
        yield
        return
    with _turned(gate, is_open=True):
        yield


@contextmanager
def _turned(gate: _Gate, *, is_open: bool) -> Iterator[None]:
    """Open or close the gate for a while."""
    before, gate.is_open = gate.is_open, is_open
    try:
        _raise_if_let_through(gate)
        yield
    finally:
        gate.is_open = before
    _raise_if_let_through(gate)


def _raise_if_let_through(gate: _Gate) -> None:
    if gate.raised is not None and gate.is_let_through():
        gate.told, gate.raised = gate.raised, None
        raise gate.told


@contextmanager
def _installed() -> Iterator[None]:
    gate = _Gate()

    def called(number: int, frame: FrameType | None) -> None:
        is_told = gate.is_over or gate.is_let_through()
        try:
            gate.handlers[number](number, frame)
        except BaseException as fault:
            if is_told:
                gate.told = fault
                raise
            gate.raised = gate.raised or fault

    for number in STOPPING:
        handler = signal.getsignal(number)
        if callable(handler):
            gate.handlers[number] = handler
    try:
        _gates.append(gate)
        for number in gate.handlers:
            signal.signal(number, called)
        yield
    finally:
        _gates.clear()
        try:
            # That of Ctrl-C last: as soon as it is back nothing that follows is sure to be done.
            for number in reversed(gate.handlers):
                if signal.getsignal(number) is called:
                    signal.signal(number, gate.handlers[number])
        finally:
            gate.is_open = gate.is_over = True
            gate.told = None
    _raise_if_let_through(gate)


def _let_go() -> None:
    """Hold nothing back in a process that was forked: who waited where is not known to it, and its main thread may be another one."""
    for gate in _gates:
        gate.is_over = True
    _gates.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
