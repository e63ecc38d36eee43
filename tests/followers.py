"""Clients that follow a server's changes: the events that they are told, and the changes in these beside those of the market."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx

import qsim
from tests.servers import until as wait_until

Event = tuple[str, str | None, dict[str, Any]]


def events(port: int, until: int, last: str | None = None, **wants: object) -> list[Event]:
    """Follow until a commit of a tick is told of; give the events: kind, id, data."""
    found: list[Event] = []
    headers = {"Last-Event-ID": last} if last else {}
    url = f"http://127.0.0.1:{port}/api/events"
    with httpx.stream("GET", url, headers=headers, params=wants, timeout=60) as answer:  # type: ignore[arg-type]
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
        lines: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                lines[name] = value
                continue
            if "event" in lines:
                found.append((lines["event"], lines.get("id"), json.loads(lines["data"])))
                if lines["event"] in ("commit", "resumed", "gap", "reset") and int(lines["id"].split(":")[0]) > until:
                    return found
            lines = {}
    return found


def places(found: list[Event]) -> list[str]:
    """The places in the order of changes that the ids name, without the market."""
    return [(name or "").rpartition(":")[0] for _, name, _ in found]


def changes(found: list[Event]) -> list[tuple[int, int, float]]:
    rows = [row for kind, _, data in found if kind == "changes" for row in data["rows"]]
    return [(row["tick"], row["listing_id"], row["price_after"]) for row in rows]


def wanted(market: Path, where: str) -> list[tuple[int, int, float]]:
    query = f"SELECT tick, listing_id, price_after::DOUBLE FROM price_history WHERE {where} ORDER BY tick, listing_id"
    with qsim.connect(market) as connection:
        return connection.sql(query).fetchall()


class Following:
    """A client that follows in a thread of its own from before the market goes on."""

    def __init__(self, port: int, until: int, **wants: object) -> None:
        self.found: list[Event] = []
        self.thread = threading.Thread(target=lambda: self.found.extend(events(port, until, **wants)))
        self.thread.start()

    def end(self) -> list[Event]:
        self.thread.join(60)
        return self.found


def joined(app: Any, count: int) -> None:
    wait_until(lambda: app.state.feed.count >= count)
