"""What is wrong with a parameter, in one line: its name, what was found, the rule and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from qsim.given import shown, unknown_key

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails


def fault_line(error: ErrorDetails, whole: type[BaseModel]) -> str:
    """Tell the fault of one of the parameters `whole`."""
    place = [str(part) for part in error["loc"]]
    where = ".".join(place)[:200]
    if error["type"] == "extra_forbidden":
        known, deeper = _table(whole, place[:-1]).model_fields, [] if len(place) > 1 else names_inside(whole)
        return unknown_key(where, place[-1], known, deeper)
    if error["type"] == "missing" and place[0] == "platforms" and isinstance(error["input"], dict):
        return (
            f"{where}: is missing, and the preset has no platform {shown(place[1])}; allowed is one with"
            f" {', '.join(_required(_table(whole, place[:-1])))}; mend its id, or give all of these"
        )
    rule = error["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    if not place:
        return f"parameters: {rule}; mend one of them"
    return f"{where}: found {shown(error['input'])}; {rule[0].lower() + rule[1:]}; mend the value"


def _table(whole: type[BaseModel], place: Sequence[str]) -> type[BaseModel]:
    """Give what the table at a place among the parameters holds, itself or under keys of the user's own."""
    for part in place:
        if field := whole.model_fields.get(part):
            kinds = (field.annotation, *get_args(field.annotation))
            whole = next((kind for kind in kinds if hasattr(kind, "model_fields")), whole)
    return whole


def names_inside(whole: type[BaseModel]) -> list[str]:
    """Give the keys of the tables among these parameters, dotted, such as `cost.pass_through`."""
    tables = {name: getattr(field.annotation, "model_fields", ()) for name, field in whole.model_fields.items()}
    return [f"{table}.{key}" for table, keys in tables.items() for key in keys]


def _required(model: type[BaseModel]) -> list[Any]:
    return [name for name, field in model.model_fields.items() if field.is_required()]
