"""Cursors: where a page ended, as text that only the list that gave it takes again."""

from __future__ import annotations

import hmac

from qsim.server.problems import ProblemError
from qsim.server.reading import Market

PATTERN = r"^[0-9]{1,10}(-[0-9]{1,10}){0,2}\.[0-9a-f]{16}$"


def _seal(market: Market, scope: object, place: str) -> str:
    """Bind a place to the market and to the list (its name and what it was asked with)."""
    return hmac.new(market.identity.encode(), f"{scope!r} {place}".encode(), "sha256").hexdigest()[:16]


def cursor_of(market: Market, scope: object, *numbers: int) -> str:
    """Write the numbers that say where a page ended."""
    place = "-".join(map(str, numbers))
    return f"{place}.{_seal(market, scope, place)}"


def numbers_of(market: Market, scope: object, cursor: str) -> list[int]:
    """Read the numbers of a cursor; ProblemError 404 for one that this list of this market did not give."""
    place, _, seal = cursor.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(market, scope, place).encode()):
        raise ProblemError(
            404, f"cursor: found {cursor[:40]!r}; allowed is `next` of this very list; begin without a cursor"
        )
    return [int(number) for number in place.split("-")]
