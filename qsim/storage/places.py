"""Where a market lies: a local folder, or a folder of objects in a store such as s3://bucket/market."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from qsim import given
from qsim.errors import QsimError, UsageError

SCHEMES = ("s3", "gs", "az")
# A path that went through pathlib has one slash left.
_OBJECTS = re.compile(rf"({'|'.join(SCHEMES)}):/{{1,2}}([^/]+)(/.*)?")
_SCHEME = re.compile(r"[a-zA-Z][\w+.-]+://")


class ObjectPath(PurePosixPath):
    """An object in a store, or a folder of them: `/`, `name` and `parent` as of other paths, but no disk behind it."""

    __slots__ = ()

    def __str__(self) -> str:
        """Write it as a URL."""
        return super().__str__().replace(":/", "://", 1)

    def absolute(self) -> ObjectPath:
        """Give the path itself: it does not depend on where the process is."""
        return self

    @property
    def bucket(self) -> str:
        """The URL of its bucket."""
        return f"{self.parts[0]}//{self.parts[1]}"

    @property
    def key(self) -> str:
        """Its name within the bucket."""
        return "/".join(self.parts[2:])


Place = Path | ObjectPath


def place_of(text: str | os.PathLike[str]) -> Place:
    """Read where a market lies: the URL of an object store, else a local path; UsageError for a URL of another kind."""
    text = given.path("directory", text)
    if found := _OBJECTS.fullmatch(text):
        path = ObjectPath(text)
        if ".." in path.parts or not path.key:
            raise UsageError(
                f"{text}: allowed is a folder in a bucket, such as {found[1]}://{found[2]}/market; name one"
            )
        return path
    if _SCHEME.match(text):
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise UsageError(f"{text}: found a URL; allowed are {allowed} and local folders; name one of these")
    return _readable(Path(text))


def _readable(path: Path) -> Path:
    """Refuse a path that is not UTF-8: DuckDB and Arrow could not be told where the files are."""
    # A folder that is gone has no path; that no market is there is told by who looks for one.
    with suppress(FileNotFoundError):
        whole = str(path.absolute())
        try:
            whole.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{whole}: is not UTF-8; allowed is a path that is; name another, or rename the folder"
            ) from None
    return path


def renamed(words: str, place: Place, name: str) -> str:
    """Write another name for a place wherever it stands in words, whole and not as a part of another path."""
    return re.sub(rf"(?<![\w./-]){re.escape(str(place))}(?![\w-]|\.\w)", lambda _: name, words)


@contextmanager
def held(market: Place) -> Iterator[Place]:
    """Give the whole path of a market, which stays its own wherever the process goes meanwhile; errors tell it as it was named."""
    whole = market.absolute()
    try:
        yield whole
    except QsimError as fault:
        fault.args = tuple(renamed(str(word), whole, str(market)) for word in fault.args)
        raise
