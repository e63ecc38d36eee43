"""A writer's lease of a market in an object store: a lock that is renewed, and taken over where it is not.

It is a courtesy, which spares a second writer its work. What keeps a market whole even where a holder was only taken for
dead is that no two writers can put the same commit, and that no file of one has the name of another's.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from qsim import interrupts
from qsim.errors import ConflictError, DiskError, one_line
from qsim.storage import objects
from qsim.storage.places import ObjectPath

RENEW_SECONDS = 5.0

_logger = logging.getLogger("qsim")


def this_process() -> str:
    """Tell which process this is, and on which machine."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def held(path: ObjectPath) -> Iterator[None]:
    """Hold a lease while a block is run; ConflictError names the process that holds it."""
    _wait_for_dead(path)
    # One call's lease differs from another's, though one process or two of the same name take them.
    mark, done = f"{this_process()}, {secrets.token_hex(4)}", threading.Event()
    objects.put_over(path, f"{mark}, 0\n".encode())
    renewing = threading.Thread(target=_renew, args=(path, mark, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        # Its name stays: it tells whose the folder is where a generation came to nothing. Left as it is, it lapses.
        with suppress(DiskError):
            objects.put_over(path, b"")


def _renew(path: ObjectPath, mark: str, done: threading.Event) -> None:
    for count in itertools.count(1):
        if done.wait(RENEW_SECONDS):
            return
        # Who is taken for dead because of that loses its next commit, and is told so.
        with suppress(DiskError):
            objects.put_over(path, f"{mark}, {count}\n".encode())


def _wait_for_dead(path: ObjectPath) -> None:
    """Return when a lease is free, or was not renewed in three times its time; ConflictError where it is renewed.

    No two clocks are compared: what counts is whether it changes while it is looked at.
    """
    first = _content(path)
    if first:
        _logger.warning("%s: of %s: waiting up to %g s to see if it lives", path, _named(first), 3 * RENEW_SECONDS)
    until = time.monotonic() + 3 * RENEW_SECONDS
    while first and time.monotonic() < until:
        with interrupts.let_through():
            time.sleep(RENEW_SECONDS / 5)
        now = _content(path)
        if now and now != first:
            raise ConflictError(
                f"{path.parent}: is being written by {_named(now)}; one writer a market; wait for it or stop it"
            )
        first = now


def is_taken(path: ObjectPath) -> bool:
    """Tell whether somebody took a lease and has not given it back; whether they live is not looked at."""
    return _content(path) != ""


def _content(path: ObjectPath) -> str:
    """Read a lease; nothing where it is free or was never taken."""
    try:
        return objects.read(path).decode("utf-8", "replace").strip()
    except DiskError as fault:
        if isinstance(fault.__cause__, FileNotFoundError):
            return ""
        raise


def _named(content: str) -> str:
    return one_line(content.partition(", ")[0])[:200]
