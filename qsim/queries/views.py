"""Every view and macro that a connection has, as SQL in order: rupees as DECIMAL, times in India, one commit throughout.

Texts only. Views over files list the files that the log names, never a pattern.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qsim.queries.analytics import analytics_views
from qsim.queries.catalog_views import catalog_views, epochs_view
from qsim.queries.dictionary import dictionary_view
from qsim.queries.history_views import history_views
from qsim.queries.state_views import price_views, raw_views
from qsim.queries.texts import by_epoch, files, quoted
from qsim.simulation import Course
from qsim.storage.log import Log
from qsim.storage.places import Place

if TYPE_CHECKING:
    from qsim.queries.texts import Select

# After the last second that a market can have.
_LATEST = "TIMESTAMP '9999-12-31'"
_VIEW = re.compile(r"\ACREATE OR REPLACE VIEW [\w.]+")


def clock_macros(course: Course, head: int) -> list[str]:
    """Macros between ticks and times: `tick_time(tick)`, and `tick_at(ts)`, the last tick at or before a time; and `market_time()`.

    Of all texts these alone hold the head, so that a commit changes them and not the views that ask them.
    """
    start = f"TIMESTAMP {quoted(course.parameters[0].start + ' 00:00:00')}"
    second = by_epoch(course, "t::BIGINT", "tick", "{e.second} + (t::BIGINT - {e.tick}) * {e.interval}")
    tick = by_epoch(course, "one", "second", "{e.tick} + (one - {e.second}) // {e.interval}")
    second_at = f"date_diff('second', {start}, CASE WHEN one > {_LATEST} THEN {_LATEST} WHEN one < {start} THEN {start} ELSE one END)"
    # A text's offset to UTC, which a cast to TIMESTAMP leaves out, counts as that of a time with a zone does.
    local = "CASE WHEN typeof(one) = 'VARCHAR' THEN one::TIMESTAMPTZ::TIMESTAMP ELSE one::TIMESTAMP END"
    # To least and greatest no value is as if it were not there, and from an infinite time there is no difference.
    tick_of = f"if(one IS NULL, NULL, least(raw.head_tick(), greatest(0, {tick})))"
    return [
        f"CREATE OR REPLACE MACRO raw.head_tick() AS {head}",
        f"CREATE OR REPLACE MACRO raw.head_second() AS {course.epochs[-1].second_of(head)}",
        f"CREATE OR REPLACE MACRO second_time(s) AS {start} + to_seconds(s::BIGINT)",
        "CREATE OR REPLACE MACRO market_time() AS second_time(raw.head_second())",
        f"CREATE OR REPLACE MACRO raw.second_of_tick(t) AS {second}",
        f"CREATE OR REPLACE MACRO tick_time(t) AS {start} + to_seconds({second})",
        f"CREATE OR REPLACE MACRO raw.tick_of_second(s) AS {_once('s', tick_of)}",
        f"CREATE OR REPLACE MACRO raw.second_at(ts) AS {_once('ts', second_at)}",
        f"CREATE OR REPLACE MACRO raw.is_open(p, t) AS {_is_open(course)}",
        f"CREATE OR REPLACE MACRO raw.local(ts) AS {_once('ts', local)}",
        "CREATE OR REPLACE MACRO tick_at(ts) AS raw.tick_of_second(raw.second_at(raw.local(ts)))",
        f"CREATE OR REPLACE MACRO raw.tick_time_at(ts) AS {_once('tick_at(ts)', 'tick_time(one)')}",
    ]


def _once(argument: str, text: str) -> str:
    """Write a text of `one` so that the argument stands in it once: macros copy theirs, and within one another the copies multiply."""
    return f"list_transform([{argument}], lambda one: {text})[1]"


def _is_open(course: Course) -> str:
    """Write whether a platform `p` takes orders as of a tick `t`, by the parameters that the tick ran under."""
    closed = [(epoch.tick, p.demand.closed) for epoch, p in zip(course.epochs, course.parameters, strict=True)]
    if not any(names for _, names in closed):
        return "true"
    opened = [(tick, f"p NOT IN ({', '.join(map(quoted, names))})" if names else "true") for tick, names in closed]
    # What a market opens with is as its first epoch has it.
    whens = [f"WHEN t::BIGINT {'>' if at else '>='} {tick} THEN {text}" for at, (tick, text) in enumerate(opened)]
    whens.reverse()
    return f"CASE {' '.join(whens)} ELSE true END"


def all_statements(market: Place, log: Log, course: Course, select: Select = files) -> list[str]:
    """Every statement that sets a connection up for a commit, in order; `select` writes the SELECT of files."""
    statements = [
        "CREATE SCHEMA IF NOT EXISTS raw",
        *clock_macros(course, log.tick),
        *raw_views(market, log, select),
        *catalog_views(),
        epochs_view(course),
        *price_views(log),
        *history_views(log),
        *analytics_views(log),
        dictionary_view(),
    ]
    # What a view holds is looked up when it is asked: a connection asks few of its views, and to look up all is most of its start.
    return [_VIEW.sub(r"\g<0> WITH (DEFER_BINDING)", statement) for statement in statements]
