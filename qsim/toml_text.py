"""TOML out of and into plain values: a file of parameters, one of a command line, and the text that a market keeps of its own."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qsim.errors import InputError, UsageError
from qsim.inputs import read_small
from qsim.layers import Part

MAX_CONFIG_BYTES = 1 << 18
# A key of thousands of dotted parts, which fits no parameter, takes the parser time that grows with their square.
MAX_LINE = 2_000
# Dots with an even number of quotes after them: those in no quoted key.
_DOTS = re.compile(r'\.(?=(?:[^"]*"[^"]*")*[^"]*$)')


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of parameters; InputError says the file and the place of a fault."""
    raw = read_small(path, MAX_CONFIG_BYTES, "a TOML file of parameters")
    longest = max(map(len, raw.splitlines()))
    if longest > MAX_LINE:
        raise InputError(f"{path}: found a line of {longest:,} bytes; allowed are {MAX_LINE:,}; mend the file")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{path}: is not TOML: {_toml_fault(fault, raw)}; mend the file") from None


def _toml_fault(fault: Exception, raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        return "found text in UTF-16; allowed is text in UTF-8"
    if isinstance(fault, UnicodeDecodeError):
        line = fault.object.count(b"\n", 0, fault.start) + 1
        found = f"byte 0x{fault.object[fault.start]:02X} at offset {fault.start}, in line {line}"
        return f"found {found}; allowed is text in UTF-8"
    if isinstance(fault, RecursionError):
        return "found tables or lists nested hundreds deep; parameters nest at most three deep"
    return str(fault)[:120] + _line_of(str(fault), raw)


def _line_of(fault: str, raw: bytes) -> str:
    """Show the line of a fault that tells its place, and what to write for quotes that an editor curled."""
    place = re.search(r"at line (\d+)", fault)
    if place is None:
        return ""
    line = raw.decode("utf-8-sig").split("\n")[int(place[1]) - 1].strip()
    return f", found '{line[:60]}'" + ('; allowed are straight quotes, "' if re.search("[“”„‘’]", line) else "")


def assignment(text: str) -> dict[str, Any]:
    """Read `key=value`, `table.key=value` or `table."key.1"=value` as nested values; the value is TOML, or else plain text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text[:60]!r}: allowed is key=value, such as batch_size=100; mend the option")
    if len(text) > MAX_LINE:
        raise UsageError(f"--set {text[:60]!r}: found {len(text):,} letters; allowed are {MAX_LINE:,}; mend the option")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        parsed = value.strip()
    for part in reversed(_DOTS.split(key.strip())):
        parsed = Part({part[1:-1] if len(part) > 1 and part[0] == part[-1] == '"' else part: parsed})
    return dict(parsed)


def _toml(value: Any) -> str:
    # TOML is JSON's text but for DEL, which it wants escaped, and the surrogate pairs that JSON escapes by default.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml(values: Mapping[str, Any], table: str = "") -> str:
    """Write plain values (scalars, lists of scalars, nested tables) as TOML."""
    scalars = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    lines = [f"{_toml(key) if not key.isidentifier() else key} = {_toml(value)}" for key, value in scalars.items()]
    text = (f"[{table}]\n" if table and (lines or not values) else "") + "".join(line + "\n" for line in lines)
    for key, value in values.items():
        if isinstance(value, Mapping):
            text += "\n" + to_toml(value, f"{table}.{key}" if table else key)
    return text
