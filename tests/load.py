"""Load on a server: `python -m tests.load DIR [--rate N] [--seconds S] [--streams N] [--write S]`.

Serves the market by `qsim serve`, asks so many times a second (each request at its own time, whether or not those before were
answered: what waits counts), follows its changes by so many clients, and lets a writer commit a tick every so many seconds.
Prints for each route the times in ms, of streams how long after its commit a message came to each, the server's memory and what
of a core it took, which does not depend on what else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

import qsim
from qsim.runs import recording, writing
from tests.servers import serving

NAMES = (
    "onions", "potato", "tomato", "milk", "curd", "paneer", "butter", "eggs", "bread", "rice", "atta", "sugar", "salt", "oil",
    "ghee", "dal", "besan", "poha", "chips", "biscuits", "cookies", "namkeen", "juice", "tea", "coffee", "apple", "banana",
    "mango", "orange", "grapes", "papaya", "carrot", "spinach", "cabbage", "cauliflower", "peas", "garlic", "ginger", "lemon",
)  # fmt: skip


def requests(market: Path, seed: int) -> Callable[[], tuple[str, str]]:
    """Draw requests as an app would send them: mostly products, any of the market's; names and groups as people ask for them."""
    drawn, status = random.Random(seed), qsim.status(market)
    with qsim.connect(market) as connection:
        shelves = [row[0] for row in connection.sql("SELECT DISTINCT subcategory FROM products ORDER BY 1").fetchall()]
        platforms = [row[0] for row in connection.sql("SELECT platform FROM platforms ORDER BY 1").fetchall()]
    tick = status["tick"]

    def product() -> int:
        return drawn.randrange(status["products"])

    def query(**values: object) -> str:
        return urllib.parse.urlencode(values)

    kinds: list[tuple[float, str, Callable[[], str]]] = [
        (0.40, "product", lambda: f"/api/products/{product()}"),
        (0.10, "products", lambda: f"/api/products?{query(search=drawn.choice(NAMES), limit=20)}"),
        (0.05, "prices", lambda: f"/api/prices?{query(category=drawn.choice(shelves), limit=50)}"),
        (0.10, "cheapest", lambda: f"/api/cheapest?{query(product=drawn.choice(NAMES), limit=20)}"),
        (0.08, "deals", lambda: f"/api/deals?{query(platform=drawn.choice(platforms), category=drawn.choice(shelves))}"),
        (0.07, "compare", lambda: f"/api/compare?{query(what=drawn.choice(shelves), a=platforms[0], b=drawn.choice(platforms[1:]))}"),
        (0.08, "history", lambda: f"/api/products/{product()}/history?limit=20"),
        (0.04, "as_of", lambda: f"/api/products/{product()}?as_of={drawn.randrange(tick + 1)}"),
        (0.03, "status", lambda: "/api/status"),
        (0.02, "campaigns", lambda: "/api/campaigns?status=running"),
        (0.02, "metrics", lambda: "/api/metrics?limit=20"),
        (0.01, "basket", lambda: "/api/basket"),
    ]  # fmt: skip
    names = {name: path for _, name, path in kinds}

    def one() -> tuple[str, str]:
        [name] = drawn.choices([name for _, name, _ in kinds], [share for share, _, _ in kinds])
        return name, names[name]()

    return one


class Asker:
    """Connections that are kept open and used again."""

    def __init__(self, port: int) -> None:
        self.port, self.idle = port, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()

    async def ask(self, path: str) -> int:
        """Send a request and read its answer; give the status."""
        # What was idle for long the server has closed; it is asked again on a connection of its own.
        try:
            return await self._asked(path, *(self.idle.pop() if self.idle else await self._connected()))
        except (ConnectionError, asyncio.IncompleteReadError):
            return await self._asked(path, *await self._connected())

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def _asked(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        body = b'{"budget":1000}' if path == "/api/basket" else b""
        extra = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        method = "POST" if body else "GET"
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{extra}\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(length)
        self.idle.append((reader, writer))
        return int(head.split()[1])


async def ask_on(port: int, one: Callable[[], tuple[str, str]], rate: float, seconds: float) -> dict[str, list[float]]:
    """Ask at a rate for so long; give the ms of each answer from the time its request was due."""
    asker, took, loop = Asker(port), dict[str, list[float]](), asyncio.get_running_loop()

    async def put(name: str, path: str, due: float) -> None:
        status = await asker.ask(path)
        took.setdefault(name if status == 200 else f"{name} {status}", []).append(1000 * (loop.time() - due))

    begun, tasks = loop.time(), []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        tasks.append(asyncio.create_task(put(*one(), due)))
    await asyncio.gather(*tasks)
    return took


async def follow_on(port: int, seconds: float, heard: list[float], late: dict[int, list[float]]) -> None:
    """Follow changes for so long; note when each commit was heard of."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    writer.write(f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    end = time.monotonic() + seconds
    try:
        while True:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), max(0.01, end - time.monotonic()))
            if line.startswith(b'data: {"commit":') and b'"changes":' in line:
                late.setdefault(json.loads(line[6:])["commit"], []).append(time.monotonic())
                heard.append(1)
    except TimeoutError:
        writer.close()


def write_on(market: Path, every: float, seconds: float) -> list[float]:
    """Commit a tick every so many seconds; give the ms that each took."""
    took = []
    with writing.locked(market):
        writer = writing.open_writer(market, 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.perf_counter()
            _one_tick(writer)
            took.append(1000 * (time.perf_counter() - begun))
            time.sleep(max(0.0, every - took[-1] / 1000))
    return took


def _one_tick(writer: writing.Writer) -> None:
    # A run's end keeps all states, which a run that goes on does not.
    kept, writer.kept = writer.kept, writer.tip.tick + 1
    recording.run_on(writer, 1, None)
    writer.kept = kept


def memory_mb(process: int) -> dict[str, float]:
    """Tell the memory of a process now and at its most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return {"now": round(found["VmRSS"]), "most": round(found["VmHWM"])}


def cpu_seconds(process: int) -> float:
    """Tell the seconds of a core that a process has taken."""
    found = psutil.Process(process).cpu_times()
    return found.user + found.system


def told(took: list[float]) -> str:
    """Write times as their number, median, 99th percentile and largest."""
    p50, p99 = np.percentile(took, (50, 99))
    return f"{len(took):>7} p50 {p50:8.1f}  p99 {p99:8.1f}  max {max(took):8.1f}"


async def load(port: int, market: Path, arguments: argparse.Namespace) -> None:
    one = requests(market, arguments.seed)
    heard, late = list[float](), dict[int, list[float]]()
    followers = [
        asyncio.create_task(follow_on(port, arguments.seconds + 4 + arguments.streams / 100, heard, late))
        for _ in range(arguments.streams)
    ]
    await asyncio.sleep(2 + arguments.streams / 100)
    for turn in ("first", "again"):
        took = await ask_on(port, one, arguments.rate, arguments.seconds / 2) if arguments.rate else {}
        if not arguments.rate:
            await asyncio.sleep(arguments.seconds / 2)
        for name in sorted(took):
            print(f"{turn} {name:<14}{told(took[name])}")
        if took:
            print(f"{turn} {'all':<14}{told([ms for of_route in took.values() for ms in of_route])}")
    await asyncio.gather(*followers)
    if late:
        spreads = [1000 * (max(times) - min(times)) for times in late.values()]
        print(f"streams: commits {len(late)}, heard of by {min(map(len, late.values()))} to {max(map(len, late.values()))} clients;"
              f" ms from the first to the last: {told(spreads)}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("market", type=Path)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--streams", type=int, default=0)
    parser.add_argument("--write", type=float, default=0, help="seconds from commit to commit; 0 for no writer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only-write", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_write:
        print(f"writer: ticks {told(write_on(arguments.market, arguments.write, arguments.seconds))}")
        return
    if arguments.write:
        alone = ["--only-write", "--write", str(arguments.write)]
        command = [sys.executable, "-m", "tests.load", str(arguments.market), *alone, "--seconds"]
        print("alone: ", end="", flush=True)
        subprocess.run([*command, str(min(20, arguments.seconds))], check=True)
    with serving(arguments.market, "--streams", max(1, arguments.streams)) as server:
        print("memory at the start", memory_mb(server.process.pid))
        writer = None
        if arguments.write:
            writer = subprocess.Popen([*command, str(arguments.seconds + 2 + arguments.streams / 100)])
        before = cpu_seconds(server.process.pid)
        asyncio.run(load(server.port, arguments.market, arguments))
        took = cpu_seconds(server.process.pid) - before
        asked = int(arguments.rate * arguments.seconds)
        print(f"cpu {took:.1f} s of a core" + (f", {1000 * took / asked:.2f} ms a request" if asked else ""))
        print("memory", memory_mb(server.process.pid))
        if writer is not None:
            writer.wait()


if __name__ == "__main__":
    main()
