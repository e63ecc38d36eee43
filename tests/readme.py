"""Run every `$ ` command of the README in a fresh folder and compare what it prints with what is written there.

`…` in a written line stands for any text, and a line that is `…` alone for any lines: what differs between machines.
`python -m tests.readme` checks; `--write` puts what the commands print now into the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


@dataclass(frozen=True)
class Step:
    """A command of the README and the lines that it should print, by their place in the file."""

    line: int
    command: str
    expected: list[str]


def steps(text: str) -> list[Step]:
    """Find the commands in the README's console blocks."""
    found: list[Step] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append(Step(number, line[2:], []))
        elif inside and found:
            found[-1].expected.append(line)
    return found


def _pattern(expected: list[str]) -> re.Pattern[str]:
    lines = [r"(?:[^\n]*\n)*?" if line == "…" else r"[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n"
             for line in expected]  # fmt: skip
    return re.compile("".join(lines))


def printed(command: str, folder: Path) -> str:
    """Run a command as a shell would and give its standard output; a failing command ends the check."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"README: $ {command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Check, or with --write refresh, the README."""
    lines = README.read_text("utf-8").splitlines()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        for step in reversed([(step, printed(step.command, Path(name))) for step in steps("\n".join(lines))]):
            wanted, got = step
            if _pattern(wanted.expected).fullmatch(got):
                continue
            wrong += 1
            print(
                f"README.md:{wanted.line}: $ {wanted.command}\nwritten:\n"
                + "\n".join(wanted.expected)
                + f"\nprinted:\n{got}"
            )
            lines[wanted.line : wanted.line + len(wanted.expected)] = got.rstrip("\n").split("\n") if got else []
    if "--write" in sys.argv:
        README.write_text("\n".join(lines) + "\n", "utf-8")
        return 0
    print(f"{len(steps(README.read_text('utf-8')))} commands of the README run, {wrong} print something else")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
