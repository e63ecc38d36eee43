"""The few kinds of error that qsim raises, each with the exit code of the command that meets it.

A message is one line: where, what was found, what is allowed, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_NAMED = 30
# Of two words less alike than this hardly one is a slip of the other.
ALIKE = 0.6


class QsimError(Exception):
    """Tell the user, in one line, what was found, what is allowed and what to do."""

    exit_code = 1

    def __str__(self) -> str:
        """Write it on one line, whatever was quoted in it."""
        text = super().__str__()
        return text if text.isprintable() else one_line(text)


class UsageError(QsimError):
    """The call's words are off: an option, a parameter name or value, a combination."""

    exit_code = 2


class InputError(QsimError):
    """A file or setting that the user brought cannot be taken."""

    exit_code = 3


class ConflictError(QsimError):
    """The market is locked by another writer, is already there, or is not there."""

    exit_code = 4


class CorruptError(QsimError):
    """A file of the market is missing, altered or does not follow the log."""

    exit_code = 5


class ReplacedError(CorruptError):
    """What was known of the market is gone from its place, or is another market's."""


class DiskError(QsimError):
    """The disk refused: full, read-only, or an input/output error."""

    exit_code = 6


def one_line(text: str) -> str:
    """Put a text that may quote what a user gave on one line, with every sign that a terminal would obey escaped."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def counted(count: int, noun: str) -> str:
    """Write a count of things with its noun, which takes an s: `1 product`, `1,200 products`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def nearest(word: str, known: Iterable[str], inside: Iterable[str] = ()) -> str:
    """Suggest the nearest known word, as the end of an error line; or the dotted ones of `inside` that end with the word, or those
    that the word is a part of.
    """
    if meant := [name for name in inside if name.endswith(f".{word}")]:
        return f"; it stands in a table: {' or '.join(meant)}"
    known = set(known)
    close = get_close_matches(word, known, n=1, cutoff=ALIKE)
    if close:
        return f"; nearest is {close[0]!r}"
    if longer := sorted(name for name in known if word and f"_{word}_" in f"_{name}_"):
        return f"; nearest {'is' if len(longer) == 1 else 'are'} {', '.join(map(repr, longer))}"
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return f"; known are {', '.join(sorted(known)[:_MOST_NAMED])}{more}"
