"""Messages of the stream of changes: how each kind is written, and the ids by which who comes back is known.

An id is the place in the order of changes that comes after its message, and the market that it is of: `TICK:LISTING:MARKET`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from qsim.queries.changes import Change, Fee, Position
from qsim.queries.moment import Moment
from qsim.server.patience import Chunk
from qsim.server.problems import ProblemError

# Changes and fees of one message.
A_MESSAGE = 250
_ID = re.compile(r"([0-9]{1,10}):([0-9]{1,10})(?::([0-9a-f]{8}))?", re.ASCII)


class Back(NamedTuple):
    """Where one who comes back was: the place in the order of changes, and of which market, where the id told that."""

    position: Position
    market: str | None


def id_of(moment: Moment, position: Position) -> str:
    """Write the id of a place in the order of a market's changes."""
    return f"{position[0]}:{position[1]}:{moment.market[:8]}"


def message(kind: str, data: dict[str, Any] | str, name: str = "") -> Chunk:
    """Write an event, with its id where it has one, as it goes to all who hear of it."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    line = f"id: {name}\n" if name else ""
    return Chunk.of(f"event: {kind}\n{line}data: {text}\n\n".encode())


def back_of(text: str | None) -> Back | None:
    """Read a Last-Event-ID; ProblemError 400 where it is none that was given."""
    if text is None or not text:
        return None
    found = _ID.fullmatch(text)
    if found is None:
        raise ProblemError(
            400, f"Last-Event-ID: found {text[:40]!r}; allowed is an id of this stream, such as 288:0; leave it out"
        )
    return Back((int(found[1]), int(found[2])), found[3])


def written(moment: Moment, kept: Sequence[Change], total: int, omitted: int, fees: Sequence[Fee] = ()) -> list[Chunk]:
    """Write what came up to a moment: the changes that are wanted by some, the order fees that changed, then where the market stands
    and how many changes there were.
    """
    parts = [kept[at : at + A_MESSAGE] for at in range(0, len(kept), A_MESSAGE)]
    texts = []
    for part in parts:
        last = part[-1]
        rows = ",".join(change.text for change in part)
        text = f'{{"commit":{moment.commit},"rows":[{rows}]}}'
        texts.append(message("changes", text, id_of(moment, (last.tick, last.listing_id + 1))))
    for at in range(0, len(fees), A_MESSAGE):
        rows = ",".join(fee.text for fee in fees[at : at + A_MESSAGE])
        texts.append(message("fees", f'{{"commit":{moment.commit},"rows":[{rows}]}}'))
    told = moment.place() | {"changes": total, "omitted": omitted}
    return [*texts, message("commit", told, id_of(moment, (moment.tick + 1, 0)))]


def few(texts: list[Chunk]) -> list[Chunk]:
    """Put the last two messages into one chunk: to hand out a chunk is most of what a client costs."""
    return [*texts[:-2], joined(texts[-2:])]


def joined(texts: Iterable[Chunk]) -> Chunk:
    """Put messages into one chunk."""
    return Chunk.of(b"".join(text.text for text in texts))


def gap(position: Position, moment: Moment, last: int) -> Chunk:
    """Write that the changes from a position up to a tick cannot be had here."""
    missed = {"from_tick": position[0], "to_tick": last, "reason": "too many changes came since"}
    return message("gap", missed, id_of(moment, (last + 1, 0)))
