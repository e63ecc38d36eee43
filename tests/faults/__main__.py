"""Campaigns of faults, one a command: `python -m tests.faults kills --count 1000 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults import cuts, full, kills, points
from tests.faults.steps import FoundError

CAMPAIGNS = {
    "kills": kills.campaign,
    "points": points.campaign,
    "checkpoints": points.checkpoints,
    "full": full.campaign,
    "cuts": cuts.campaign,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--count", type=int, help="how many faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one fault, to replay it")
    parser.add_argument("--of", default="", help="of the points only these, as 'KILL fsync' or 'SHORT write in run'")
    parser.add_argument(
        "--part", default="", help="of the points only each Nth from number I on, as I/N: all of them in N runs"
    )
    given = parser.parse_args()
    begin = time.monotonic()
    try:
        more = {name: text for name in ("of", "part") if (text := getattr(given, name))}
        counts = CAMPAIGNS[given.campaign](given.count, given.seed, given.only, **more)
    except FoundError as fault:
        print(fault, file=sys.stderr)
        return 1
    for name, count in counts.items():
        print(f"{count:10,}  {name}")
    print(f"seed {given.seed}: nothing lost, nothing half done; {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
