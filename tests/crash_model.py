"""A disk in memory that forgets as a real one may: what was not synced is lost, kept or mangled when the power goes.

It has the functions of `qsim.storage.system` and stands in their place. A power cut leaves of each file's unsynced content
nothing, half, zeros or all, and of a directory's unsynced operations any combination; a rename is one operation.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from qsim.storage import files, lock, uncached
from qsim.storage.system import Entry

DIRECTORY = -1
_FREE = 8
Change = tuple[str, int | None]


class Disk:
    """Files and directories by path, and beside them what of them is on disk for good."""

    def __init__(self, names: dict[str, int] | None = None, contents: dict[int, bytes] | None = None) -> None:
        self.visible: dict[str, int] = {"/": DIRECTORY} if names is None else names
        self.durable = dict(self.visible)
        self.contents: dict[int, bytes] = {} if contents is None else contents
        self.dirty: set[int] = set()
        self.pending: list[tuple[str, tuple[Change, ...]]] = []
        self.next_inode = max(self.contents, default=0) + 1
        self.before_change: Callable[[Disk], None] = lambda disk: None
        self.largest_write = 1 << 30
        self.dropped: frozenset[str] = frozenset()
        self.held: set[int] = set()
        self.call = ""

    def _change(self, call: str, directory: str, *changes: Change) -> None:
        self._before(call)
        for path, inode in changes:
            if inode is None:
                self.visible.pop(path, None)
            else:
                self.visible[path] = inode
        self.pending.append((directory, changes))

    def _before(self, call: str) -> None:
        self.call = call
        self.before_change(self)

    def _inode(self, path: Path) -> int:
        found = self.visible.get(str(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return found

    def look(self, path: Path) -> Entry | None:
        inode = self.visible.get(str(path))
        if inode is None:
            return None
        data = self.contents.get(inode, b"")
        names = sum(1 for other in self.visible.values() if other == inode)
        return Entry(inode != DIRECTORY, inode == DIRECTORY, len(data), names, inode, 0, 0)

    def names(self, directory: Path) -> list[str]:
        parent = str(directory)
        cut = len(parent) + 1
        return sorted(path[cut:] for path in self.visible if path.rpartition("/")[0] == parent and len(path) > cut)

    def read(self, path: Path) -> bytes:
        return self.contents[self._inode(path)]

    def create(self, path: Path) -> int:
        self._inode(path.parent)
        inode = self.next_inode
        self.next_inode += 1
        self._change("create", str(path.parent), (str(path), inode))
        self.contents[inode] = b""
        return inode

    def write(self, handle: int, data: memoryview) -> int:
        self._before("write")
        taken = data[: self.largest_write]
        self.contents[handle] += bytes(taken)
        self.dirty.add(handle)
        return len(taken)

    def bypass_cache(self, handle: int, *, on: bool) -> bool:
        return on

    def sync(self, handle: int) -> None:
        self._before("sync")
        if "sync" not in self.dropped:
            self.dirty.discard(handle)

    def close(self, handle: int) -> None:
        self.held.discard(handle)

    def replace(self, source: Path, target: Path) -> None:
        self._change("replace", str(target.parent), (str(source), None), (str(target), self._inode(source)))

    def link(self, source: Path, target: Path) -> None:
        if str(target) in self.visible:
            raise FileExistsError(errno.EEXIST, "File exists", str(target))
        self._change("link", str(target.parent), (str(target), self._inode(source)))

    def unlink(self, path: Path) -> None:
        self._inode(path)
        self._change("unlink", str(path.parent), (str(path), None))

    def make_directory(self, path: Path) -> None:
        if str(path) in self.visible:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self._inode(path.parent)
        self._change("make_directory", str(path.parent), (str(path), DIRECTORY))

    def sync_directory(self, path: Path) -> None:
        self._inode(path)
        self._before("sync_directory")
        if "sync_directory" in self.dropped:
            return
        for directory, changes in self.pending:
            if directory == str(path):
                _apply(self.durable, changes)
        self.pending = [one for one in self.pending if one[0] != str(path)]

    def open_lock(self, path: Path) -> int:
        if str(path) not in self.visible:
            self._change("open_lock", str(path.parent), (str(path), self.next_inode))
            self.contents[self.next_inode] = b""
            self.next_inode += 1
        return self._inode(path)

    def take_lock(self, handle: int) -> bool:
        free = handle not in self.held
        self.held.add(handle)
        return free

    def is_open_at(self, handle: int, path: Path) -> bool:
        return self.visible.get(str(path)) == handle

    def read_open(self, handle: int) -> bytes:
        return self.contents[handle]

    def overwrite(self, handle: int, data: bytes) -> None:
        self._before("overwrite")

    def after_power_cut(self) -> Iterator[Disk]:
        """Every state that a power cut now may leave; of more than a few unsynced operations, the older ones go together."""
        free = min(len(self.pending), _FREE)
        for together, *kept in itertools.product((False, True), repeat=free + 1):
            older = len(self.pending) - free
            if not older and together:
                return
            names = dict(self.durable)
            for (_, changes), keep in zip(self.pending, [together] * older + kept, strict=True):
                if keep:
                    _apply(names, changes)
            names = {path: inode for path, inode in names.items() if _is_reachable(path, names)}
            unsure = sorted(self.dirty & set(names.values()))
            for mangled in itertools.product(*(_mangled(self.contents[inode]) for inode in unsure)):
                left = {inode: self.contents[inode] for inode in names.values() if inode != DIRECTORY}
                yield Disk(dict(names), left | dict(zip(unsure, mangled, strict=True)))

    def key(self) -> tuple[object, ...]:
        """What tells this disk from another: what a program sees of it, and what of that is not on disk for good."""
        seen = frozenset((path, self.contents.get(inode)) for path, inode in self.visible.items())
        pending = tuple(
            (directory, tuple((path, bool(inode)) for path, inode in changes)) for directory, changes in self.pending
        )
        return seen, pending, frozenset(path for path, inode in self.visible.items() if inode in self.dirty)

    def files(self) -> dict[str, bytes | None]:
        """The content of each file by its path; None for a directory."""
        return {path: self.contents.get(inode) for path, inode in self.visible.items()}

    def copy(self) -> Disk:
        """The same disk with the same of it in doubt, as a killed process leaves it: nobody holds its locks."""
        other = Disk(dict(self.visible), dict(self.contents))
        other.durable, other.dirty, other.pending = dict(self.durable), set(self.dirty), list(self.pending)
        other.next_inode, other.dropped = self.next_inode, self.dropped
        return other


def _apply(names: dict[str, int], changes: tuple[Change, ...]) -> None:
    for path, inode in changes:
        if inode is None:
            names.pop(path, None)
        else:
            names[path] = inode


def _is_reachable(path: str, names: dict[str, int]) -> bool:
    parent = path.rpartition("/")[0] or "/"
    return path == "/" or (names.get(parent) == DIRECTORY and _is_reachable(parent, names))


def _mangled(data: bytes) -> list[bytes]:
    return list(dict.fromkeys((b"", data[: len(data) // 2], bytes(len(data)), data)))


@contextmanager
def mounted(disk: Disk) -> Iterator[Disk]:
    """Let all storage go to a disk in memory."""
    with ExitStack() as stack:
        for module in (files, lock, uncached):
            stack.enter_context(mock.patch.object(module, "system", disk))
        yield disk
