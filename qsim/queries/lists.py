"""Shopping lists: the built-in one, a user's file of a thing a line, and what a caller gives, all as (quantity, name)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from qsim.errors import InputError, UsageError
from qsim.given import shown
from qsim.inputs import read_small
from qsim.queries.asked import pack_in
from qsim.queries.wording import words
from qsim.scalars import plain
from qsim.taxonomy.packs import Size, pack_size, plainly

MAX_QUANTITY = 999
MAX_LIST_BYTES = 1 << 16
_MOST_DIGITS = 9

# What may stand between a count and a name.
_COUNTED = re.compile(
    r"^(?:[x×]\s|(?:packs?|packets?|pkts?)\s(?:\s*of\s)?|(?:pouch(?:es)?|bottles?|bags?|tins?|box(?:es)?)\s+of\s)\s*",
    re.IGNORECASE,
)
# A count behind a name: `onion x2`, `onion x 2`, `onion (2)`.
_BEHIND = re.compile(r"(.*[^\s\d])\s*(?:\s[x×]\s?(\d+)|\(\s*[x×]?\s*(\d+)\s*\))", re.IGNORECASE)


def staples() -> list[tuple[int, str]]:
    """Read the built-in list of Indian staples as (quantity, name)."""
    return read_items(files("qsim").joinpath("taxonomy", "staples.txt").read_text("utf-8"), "staples.txt")


def items_file(path: str | os.PathLike[str]) -> list[tuple[int, str]]:
    """Read a user's list as (quantity, name); InputError where it cannot be read."""
    raw = read_small(Path(path), MAX_LIST_BYTES, "a text file with a thing a line")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: not text in UTF-8; allowed is a text file with a thing a line; name another"
        ) from None
    return read_items(text, str(path))


def _begins_with_pack(said: str) -> bool:
    found = pack_in(said)
    return found is not None and plainly(said).startswith(found[0])


def read_items(text: str, where: str) -> list[tuple[int, str]]:
    """Read a list of things, one a line: a whole number of packs (1 where it is not said), then the name; `#` begins a comment.

    A pack may be said with the name: `2 atta 5 kg`, or `1 kg atta`, which is one pack of a kilogram. The number may stand behind:
    `onion x2`.
    """
    items = []
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        behind = _BEHIND.fullmatch(said)
        # A list that is copied from a sheet has tabs.
        head, rest = (behind[2] or behind[3], behind[1]) if behind else (*said.split(maxsplit=1), "")[:2]
        # `1 kg atta` is one pack of so much, `2 1 kg atta` two of them.
        counted = behind is not None or (
            not _begins_with_pack(said) and head.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdigit()
        )
        name, quantity = (_COUNTED.sub("", rest.strip()), 0) if counted else (said, 1)
        # A number that is not whole, or has a sign or more digits than Python reads, stays at 0 and is refused.
        if counted and head.isdecimal() and len(head) <= _MOST_DIGITS:
            quantity = int(head)
        if not 1 <= quantity <= MAX_QUANTITY or not words(name):
            raise InputError(
                f"{where}, line {number}: '{said:.60}'; allowed is a whole number from 1 to {MAX_QUANTITY}, then a name, "
                "as in `2 toned milk` or `1 kg atta`; correct the line"
            )
        items.append((quantity, name))
    if not items:
        raise InputError(f"{where}: nothing is listed; allowed is a thing a line, as in `2 toned milk`; add one")
    return items


def checked(items: object) -> list[tuple[int, str]]:
    """Give a list of things as Python's own (quantity, name)."""
    if not isinstance(items, Iterable) or isinstance(items, str):
        raise UsageError(f"basket: items: found {shown(items)}; allowed is a list of (quantity, name); mend the list")
    wanted = [_item(thing) for thing in items]
    if not wanted:
        raise UsageError("basket: the list is empty; allowed is a (quantity, name) or more; add one")
    return wanted


def in_packs(quantity: int, size: Size, packs: Iterable[str]) -> list[tuple[int, str]]:
    """Make up an amount, so many times a size, of whole packs: how many of which, the fewest first; none where no pack divides it."""
    made = []
    for pack in packs:
        unit, units = pack_size(pack) or ("", 1.0)
        count = round(size[1] / units)
        if unit == size[0] and abs(count * units - size[1]) < 1e-9 * size[1] and quantity * count <= MAX_QUANTITY:
            made.append((quantity * count, pack))
    return sorted(made)


def _item(thing: Any) -> tuple[int, str]:
    if not isinstance(thing, tuple | list) or len(thing) != 2 or not isinstance(thing[1], str):
        raise UsageError(f"basket: items: found {shown(thing)}; allowed is (quantity, name), as (1, 'onion'); mend it")
    quantity = plain(thing[0])
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= MAX_QUANTITY:
        raise UsageError(
            f"basket, '{thing[1]:.60}': quantity: found {shown(quantity)}; allowed is a whole number from 1 to {MAX_QUANTITY};"
            " mend the number"
        )
    return quantity, thing[1]
