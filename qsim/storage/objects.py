"""The requests that storage makes of an object store, through obstore: the second seam, beside `system` for local disks.

An object is there whole or not at all, and everyone sees it as soon as its writer is told. None is ever put over another:
`put` is put-if-absent, so an answer that was lost is settled by reading back what is there. Server errors are asked again
by obstore, with pauses, up to a limit; what then still fails is a DiskError.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from qsim import interrupts
from qsim.errors import DiskError, UsageError, one_line
from qsim.storage.places import ObjectPath
from qsim.storage.system import Entry

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

_RETRIES = 5
_PAUSES = (0.1, 0.4, 1.6)
_DELETED_AT_ONCE = 1000


@cache
def store_of(bucket: str) -> ObjectStore:
    """Open a bucket by its URL; address, credentials and limits are those of the environment (AWS_*, GOOGLE_*, AZURE_*)."""
    # Options of the client, given here, would put those of the environment out of force.
    from datetime import timedelta

    from obstore.store import from_url

    retries: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=60)}
    return from_url(bucket, retry_config=retries)


@contextmanager
def _asked(action: str, path: ObjectPath, *, can_be_left: bool = True) -> Iterator[ObjectStore]:
    """Give the store of an object, and turn what it refuses into a DiskError; Ctrl-C is told here where the request can be left."""
    try:
        from obstore.exceptions import BaseError
    except ImportError:
        raise UsageError(
            f"{path}: obstore is not installed; object stores need it; run: pip install 'quickcommerce-sim[s3]'"
        ) from None
    try:
        with interrupts.let_through() if can_be_left else nullcontext():
            yield store_of(path.bucket)
    except (BaseError, OSError, ValueError) as fault:
        raise DiskError(
            f"{path}: cannot {action}: {_reason(fault)}; mend the connection, its address or its credentials, then run the"
            " command again"
        ) from fault


def _reason(fault: Exception) -> str:
    """Cut what obstore tells to its first sentence: what follows is XML and the fault's inner structure."""
    return one_line(str(fault).partition("\n\nDebug")[0].partition("<?xml")[0])[:300].rstrip(" :")


def _entry(told: Any) -> Entry:
    changed = int(told["last_modified"].timestamp() * 1e9)
    return Entry(True, False, told["size"], 1, 0, changed, changed)


def look(path: ObjectPath) -> Entry | None:
    """Tell an object's size and age; None where there is none."""
    try:
        with _asked("look at", path) as store:
            return _entry(store.head(path.key))
    except DiskError as fault:
        if isinstance(fault.__cause__, FileNotFoundError):
            return None
        raise


def entries(directory: ObjectPath) -> dict[str, Entry | None]:
    """Tell the names in a folder in order, with what a listing tells of each object; None for a folder."""
    with _asked("list", directory) as store:
        listed = store.list_with_delimiter(directory.key + "/")
    found: dict[str, Entry | None] = {folder.rpartition("/")[2]: None for folder in listed["common_prefixes"]}
    found |= {told["path"].rpartition("/")[2]: _entry(told) for told in listed["objects"]}
    return dict(sorted(found.items()))


def read(path: ObjectPath) -> bytes:
    """Read an object whole; a DiskError caused by FileNotFoundError where there is none."""
    with _asked("read", path) as store:
        return bytes(store.get(path.key).bytes())


def _create(path: ObjectPath, data: memoryview) -> bool:
    """Put an object where none is; False where one is."""
    from obstore.exceptions import AlreadyExistsError

    with _asked("write", path) as store:
        try:
            store.put(path.key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
    return True


def put(path: ObjectPath, data: memoryview | bytes) -> bool:
    """Put an object where none is, and tell whether it is there; False where another one is.

    One that is there already with the same content is one's own: the store took it, and its answer was lost. What obstore
    may not send twice by itself is sent again here, for nothing can be put over anything.
    """
    view = memoryview(data).cast("B")
    for pause in _PAUSES:
        try:
            return _create(path, view) or read(path) == view
        except DiskError as fault:
            last = fault
            with interrupts.let_through():
                time.sleep(pause)
    if look(path) is None:
        raise last
    return read(path) == view


def put_over(path: ObjectPath, data: bytes) -> None:
    """Put an object whether or not one is there: for what is no part of a market, a lease, of which none is to be left."""
    with _asked("write", path, can_be_left=False) as store:
        store.put(path.key, data)


def delete(paths: list[ObjectPath]) -> None:
    """Delete objects of one bucket; those that are not there are passed over."""
    for at in range(0, len(paths), _DELETED_AT_ONCE):
        some = paths[at : at + _DELETED_AT_ONCE]
        if not _deleted(some):
            # Other stores than S3 stop at what an interrupted call, or one whose answer was lost, has deleted.
            for path in some:
                _deleted([path])


def _deleted(paths: list[ObjectPath]) -> bool:
    """Delete objects; False where the store found that one is not there, and may have left others."""
    try:
        with _asked("remove", paths[0]) as store:
            store.delete([path.key for path in paths])
    except DiskError as fault:
        if isinstance(fault.__cause__, FileNotFoundError):
            return False
        raise
    return True


class RangeReader(threading.local):
    """An object of known size as an open file, each read one request for that range: what Arrow reads Parquet through.

    Each thread has a place of its own in it: to ask for the size Arrow goes to the end and back, while others read.
    """

    closed = False

    def __init__(self, path: ObjectPath, size: int) -> None:
        self._path, self._size, self._at = path, size, 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """Any place of it can be read."""
        return True

    def writable(self) -> bool:
        """It is not for writing."""
        return False

    def size(self) -> int:
        """Give its bytes."""
        return self._size

    def tell(self) -> int:
        """Give the place that is read next."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Choose the place that is read next; from the start, from here or from the end, as of any file."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, count: int = -1) -> bytes:
        """Read so many bytes, or to the end."""
        end = self._size if count < 0 else min(self._size, self._at + count)
        if end <= self._at:
            return b""
        with _asked("read", self._path) as store:
            data = bytes(store.get_range(self._path.key, start=self._at, end=end))
        self._at = end
        return data

    def close(self) -> None:
        """Nothing is held open."""
