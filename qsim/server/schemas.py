"""JSON schemas read off examples, and the marks by which an example tells what it cannot show.

A program that is generated from the description takes answers apart by these schemas: what may be null, what may be missing
and what has names of the asker's own has to be said, or the program fails on the first answer that is not like the example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Nullable:
    """A part that may be null; the example shows what it is like where it is not."""

    like: Any


@dataclass(frozen=True)
class Extra:
    """A part that some answers have and others do not; the example has it only where `shown`."""

    like: Any
    shown: bool = False


@dataclass(frozen=True)
class Keyed:
    """An object whose names are not known beforehand, such as platforms; a `free` one holds anything under each."""

    parts: dict[str, Any]
    free: bool = False


def plain(example: Any) -> Any:
    """Give an example as JSON holds it, without marks."""
    match example:
        case Nullable():
            return plain(example.like)
        case Keyed():
            return plain(example.parts)
        case dict():
            return {
                name: plain(part.like if isinstance(part, Extra) else part)
                for name, part in example.items()
                if not isinstance(part, Extra) or part.shown
            }
        case list():
            return [plain(one) for one in example]
    return example


def schema_of(example: Any) -> dict[str, Any]:
    """Read a JSON schema off an example; a list's off its first."""
    match example:
        case Nullable():
            return {"anyOf": [schema_of(example.like), {"type": "null"}]}
        case Extra():
            return schema_of(example.like)
        case Keyed():
            parts = {} if example.free else schema_of(next(iter(example.parts.values())))
            return {"type": "object", "additionalProperties": parts}
        case dict():
            needed = [name for name, part in example.items() if not isinstance(part, Extra)]
            parts = {name: schema_of(part) for name, part in example.items()}
            return {"type": "object", "properties": parts, "required": needed}
        case list():
            return {"type": "array", "items": schema_of(example[0])}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
    return {"type": "string"}
