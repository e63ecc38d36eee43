"""Ctrl-C told only where nothing is half done: a main thread that writes cannot be left anywhere.

Python raises KeyboardInterrupt between any two steps: behind the opening of a file and before what closes it, or within what frees
a lock. In `held_back` what a signal's handler raises waits for the next `let_through`, where one waits, and once it was raised
nothing more is, so that all is closed. Handlers are called at once; other threads than the main one get no signals.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

_SIGNALS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _Gate:
    """Whether what handlers raise is let through at the moment, or from now on; what they raised meanwhile; the handlers."""

    is_open: bool = False
    is_over: bool = False
    raised: BaseException | None = None
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = field(default_factory=dict)


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
    """Open or close the gate for a while; behind a fault it stays closed, for then all is given up."""
    before, gate.is_open = gate.is_open, is_open
    try:
        if is_open:
            _raise_if_any(gate)
        yield
    except BaseException:
        gate.is_open = False
        raise
    gate.is_open = before
    if before:
        _raise_if_any(gate)


def _raise_if_any(gate: _Gate) -> None:
    fault, gate.raised = gate.raised, None
    if fault is not None:
        gate.is_open = False
        raise fault


@contextmanager
def _installed() -> Iterator[None]:
    gate = _Gate()

    def called(number: int, frame: FrameType | None) -> None:
        try:
            gate.handlers[number](number, frame)
        except BaseException as fault:
            if gate.is_open or gate.is_over:
                gate.is_open = False
                raise
            gate.raised = gate.raised or fault

    for number in _SIGNALS:
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
        gate.is_over = True
        for number, handler in gate.handlers.items():
            if signal.getsignal(number) is called:
                signal.signal(number, handler)
    _raise_if_any(gate)
