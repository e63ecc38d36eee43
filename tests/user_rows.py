"""Rows of users' product lists: written into files, good ones, and what faults of a cell are answered with."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from qsim.catalog.user_columns import FIELDS

HEADER = "product,brand,category,subcategory,pack,mrp,price\n"
GOOD = "Toned Milk,Amul,Dairy & Eggs,,500 ml,30,28.50\n"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(tmp_path: Path, text: str | bytes, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def row(**cells: str) -> str:
    values = dict(zip(FIELDS, ("Milk", "Amul", "Dairy", "30", "28.5", "", ""), strict=True)) | cells
    order = HEADER.strip().split(",")
    return ",".join('"' + values[name].replace('"', '""') + '"' for name in order) + "\n"


PLAIN, ABOVE_ZERO, WHOLE_PAISE = "not a plain number", "above 0", "more than two decimals"
