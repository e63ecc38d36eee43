"""The program that attacks are put to: what `qsim.queries.child` does, with one DuckDB for many queries where that is fair."""

from __future__ import annotations

import json
import os
import sys

from qsim.queries import child


def main() -> None:
    requests = [json.loads(line) for line in sys.stdin.buffer]
    shared, own = child.instance(), {n: child.instance() for n, one in enumerate(requests) if one["alone"]}
    layers = frozenset(requests[0]["layers"])
    if "process" in layers:
        child.close_off(requests[0])
    child.laid_out(shared, requests[0], layers)
    for number, request in enumerate(requests):
        answer = child.answered(own.pop(number, shared), request, laid=not request["alone"])
        sys.stdout.buffer.write(child.written(answer))
        sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
