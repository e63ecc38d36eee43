"""Values of SQL as JSON: for those who asked, and back again between the process that runs a query and the one that asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

_WITH_NAMES = ("STRUCT", "MAP", "UNION", "VARIANT")
# What JSON does not hold is written as {kind: text}.
_MADE: dict[str, Callable[[Any], Any]] = {
    "Decimal": Decimal,
    "UUID": UUID,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
    "bytes": bytes.fromhex,
    "dict": dict,
    "text": str,
}


def dumped(row: Sequence[Any], types: Sequence[str]) -> str:
    """Write a row of columns of these DuckDB types as JSON."""
    nested = any(word in kind for kind in types for word in _WITH_NAMES)
    return json.dumps(_pairs(row) if nested else row, default=_tagged)


def loaded(text: bytes) -> Any:
    """Read JSON that holds what `dumped` wrote; ValueError, TypeError or ArithmeticError where a value is none."""
    return json.loads(text, object_hook=_value)


def json_of(value: Any, **form: Any) -> str:
    """Write a value as JSON for whoever asked: amounts as numbers, times as text, null for what is no finite number.

    `form` is that of `json.dumps`: what stands between values, how far they are put in.
    """
    try:
        return json.dumps(value, default=_told, allow_nan=False, ensure_ascii=False, **form)
    except (TypeError, ValueError):
        # Few values hold what JSON has no word for; only these are gone through one by one.
        return json.dumps(_finite(value), default=_told, allow_nan=False, ensure_ascii=False, **form)


def distinct(names: Iterable[str]) -> list[str]:
    """Give columns of the same name names of their own, as DuckDB does in a subquery: a, a_1, a_2."""
    kept: dict[str, int] = {}
    for name in names:
        own = name
        while own in kept:
            kept[name] += 1
            own = f"{name}_{kept[name]}"
        kept[own] = 0
    return [*kept]


def _told(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return text_of(value)


def text_of(value: Any) -> str:
    """Write a value as text: lists and structs as JSON, bytes in hexadecimal, a negative interval with a minus in front."""
    if isinstance(value, (list, tuple, dict)):
        return json_of(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    # Python writes a minus hour as -1 day, 23:00:00.
    return f"-{-value}" if isinstance(value, timedelta) and value < timedelta(0) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _key(key: Any) -> str:
    # Amounts are not made floats here: two keys might become one.
    return key if isinstance(key, str) else str(key if isinstance(key, (Decimal, tuple)) else _told(key))


def _pairs(value: Any) -> Any:
    # Keys of a MAP are of any kind, those of JSON are text.
    if isinstance(value, dict):
        return {"dict": [[_pairs(key), _pairs(one)] for key, one in value.items()]}
    return [_pairs(one) for one in value] if isinstance(value, (list, tuple)) else value


def _tagged(value: Any) -> dict[str, Any]:
    if isinstance(value, (datetime, date, time)):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    return {type(value).__name__ if isinstance(value, (Decimal, UUID)) else "text": str(value)}


def _value(found: dict[str, Any]) -> Any:
    kind = next(iter(found), "")
    return _MADE[kind](found[kind]) if len(found) == 1 and kind in _MADE else found
