"""A mutation score by a sample: `python -m tests.mutants {storage|guard|validation} [--count N] [--seed S] [--jobs N]`.

A mutant is a copy of the project with one comparison, condition, number, operator or statement changed; it is killed where
a test of its area fails. Those that live are printed, to be looked at: some change nothing that can be told. Where pytest-cov is
installed a mutant meets only the tests that reach its line, and all of their file where its fixtures do; the quickest first.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
_GUARD = ("guard", "statement", "functions", "locked", "sandbox", "child", "values")
AREAS = {
    "storage": (
        [path for path in sorted((ROOT / "qsim/storage").glob("*.py")) if path.stem not in ("parquet", "digests")],
        [
            "test_places",
            "test_directories",
            "test_pieces",
            "test_integrity",
            "test_tables",
            "test_merging",
            "test_object_store",
            "test_log",
            "test_checkpoints",
            "test_files",
            "test_full_disk",
            "test_lock",
            "test_lease",
            "test_crash_model",
            "test_upkeep",
            "test_verify",
            "test_beside_writers",
            "test_regeneration",
            "test_crashes",
            "test_objects",
            "test_object_requests",
            "test_object_writers",
        ],
    ),
    "guard": (
        [ROOT / "qsim/queries" / f"{name}.py" for name in _GUARD],
        ["test_guard_statement", "test_values", "test_sandbox", "test_guard_process", "test_guard"],
    ),
    "validation": (
        sorted((ROOT / "qsim/validation").glob("*.py")),
        [
            "test_validation_laws",
            "test_validation_demand",
            "test_validation_epochs",
            "test_validation_told",
            "test_validation_parts",
            "test_validation_handmade",
            "test_validation",
            "test_validation_faults",
            "test_validation_realistic",
        ],
    ),
}
# Modules that run in programs of their own, of whose lines nothing is known here: their mutants meet every test.
_APART = ("sandbox", "child", "locked")
_OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change at a line of a file, and the source that it makes."""

    file: Path
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.change}"


def _changes(node: ast.AST) -> Iterator[tuple[str, str, object]]:
    """The changes of a node: what it is, the field that changes, and its new value."""
    if isinstance(node, ast.Compare):
        yield "comparison", "ops", [_OTHER[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in _OTHER:
        yield "operator", "op", _OTHER[type(node.op)]()
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition", "test", ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        yield "constant", "value", not node.value if isinstance(node.value, bool) else node.value + 1


def _statements(node: ast.AST) -> Iterator[int]:
    """The places of statements in a body that can be left out."""
    for at, statement in enumerate(getattr(node, "body", ()) if isinstance(getattr(node, "body", None), list) else ()):
        call = isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Call, ast.Yield))
        if call or isinstance(statement, (ast.Raise, ast.AugAssign)):
            yield at


def mutants(file: Path) -> Iterator[Mutant]:
    """Make every mutant of a file."""
    text = file.read_text("utf-8")
    for number, node in enumerate(ast.walk(ast.parse(text))):
        line = getattr(node, "lineno", 0)
        for what, field, value in _changes(node):
            yield _made(file, text, number, line, f"{what}: {ast.unparse(node)[:60]!r}", field, value)
        for at in _statements(node):
            gone = node.body[at]  # type: ignore[attr-defined]
            body = [*node.body[:at], ast.Pass(), *node.body[at + 1 :]]  # type: ignore[attr-defined]
            yield _made(file, text, number, gone.lineno, f"left out: {ast.unparse(gone)[:60]!r}", "body", body)


def _made(file: Path, text: str, number: int, line: int, change: str, field: str, value: object) -> Mutant:
    tree = ast.parse(text)
    setattr(list(ast.walk(tree))[number], field, value)
    return Mutant(file, line, change, ast.unparse(ast.fix_missing_locations(tree)))


@contextmanager
def copied(mutant: Mutant | None) -> Iterator[Path]:
    """A copy of the project, changed by a mutant."""
    with tempfile.TemporaryDirectory(prefix="qsim-mutant-") as place:
        copy = Path(place) / "project"
        left_out = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*_cache", "data", "qsim-demo*")
        shutil.copytree(ROOT, copy, ignore=left_out)
        if mutant:
            (copy / mutant.file.relative_to(ROOT)).write_text(mutant.source, "utf-8")
        yield copy


def run(copy: Path, *words: str, patience: float | None = None) -> int:
    """Run tests in a copy; give pytest's exit code. TimeoutExpired where they do not end within so many seconds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={copy.parent}/t", *words]
    environment = {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, timeout=patience, check=False
    ).returncode


def passes(tests: list[str], mutant: Mutant | None, patience: float) -> bool:
    """Run tests against a mutant; they fail where they do not end within so many seconds."""
    with copied(mutant) as copy:
        try:
            return run(copy, "-x", *tests, patience=patience) == 0
        except subprocess.TimeoutExpired:
            return False


@dataclass(frozen=True)
class Reach:
    """What tests do in the unchanged project: the tests that reach each line of each file, and the seconds that each takes."""

    lines: dict[Path, dict[int, list[str]]]
    seconds: dict[str, float]


def reached(tests: list[str]) -> Reach:
    """Run the tests of the unchanged project, which must pass; without pytest-cov no lines are known."""
    covered = ("--cov=qsim", "--cov-context=test", "--cov-report=") if find_spec("pytest_cov") else ()
    with copied(None) as copy:
        report = copy.parent / "report.xml"
        if run(copy, *covered, f"--junitxml={report}", "-o", "junit_family=xunit1", *tests):
            raise SystemExit("the tests fail without any change: mend them first")
        cases = [case.attrib for case in ElementTree.parse(report).iter("testcase")]
        seconds = {f"{case['file']}::{case['name']}": float(case["time"]) for case in cases}
        return Reach(_lines(copy) if covered else {}, seconds)


def _lines(copy: Path) -> dict[Path, dict[int, list[str]]]:
    from coverage import CoverageData

    data = CoverageData(str(copy / ".coverage"))
    data.read()
    return {ROOT / Path(file).relative_to(copy): data.contexts_by_lineno(file) for file in data.measured_files()}


def tests_for(mutant: Mutant, reach: Reach, files: list[str]) -> list[str]:
    """Choose the tests that reach a mutant's statement; all, where it runs at import or in programs of their own alone.

    Those of the file that takes least time come first, since the first failure ends the run.
    """
    statements = [node for node in ast.walk(ast.parse(mutant.file.read_text("utf-8"))) if isinstance(node, ast.stmt)]
    around = [one for one in statements if one.lineno <= mutant.line <= (one.end_lineno or one.lineno)]
    if not around or mutant.file.stem in _APART:
        return _quick_first(reach, reach.seconds) or files
    inmost = min(around, key=lambda one: (one.end_lineno or one.lineno) - one.lineno)
    # A statement with a body is reached where its head is.
    last = inmost.body[0].lineno - 1 if getattr(inmost, "body", None) else inmost.end_lineno or inmost.lineno
    lines = reach.lines.get(mutant.file, {})
    names = {name for line in range(inmost.lineno, max(inmost.lineno, last) + 1) for name in lines.get(line, ())} - {""}
    whole = {name.partition("::")[0] for name in names if name.endswith("|setup")}
    tests = {name.rpartition("|")[0] for name in names} | {
        one for one in reach.seconds if one.partition("::")[0] in whole
    }
    return _quick_first(reach, tests & reach.seconds.keys()) or _quick_first(reach, reach.seconds) or files


def _quick_first(reach: Reach, tests: Iterable[str]) -> list[str]:
    """Order tests by time, and the files that they are in by the time of all, so that each file's fixtures are made once."""
    of_file: dict[str, list[str]] = {}
    for test in sorted(tests, key=lambda test: reach.seconds[test]):
        of_file.setdefault(test.partition("::")[0], []).append(test)
    return [
        test
        for group in sorted(of_file.values(), key=lambda group: sum(map(reach.seconds.__getitem__, group)))
        for test in group
    ]


def lives_on(mutant: Mutant, reach: Reach, files: list[str], jobs: int) -> bool:
    """Tell whether a mutant passes the tests that reach it. Those that take several times as long as before hang."""
    tests = tests_for(mutant, reach, files)
    seconds = sum(reach.seconds.get(test, 0.0) for test in tests) or sum(reach.seconds.values())
    return passes(tests, mutant, 60 + 4 * jobs * seconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("area", choices=AREAS)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants are tested at once")
    arguments = parser.parse_args()
    files, names = AREAS[arguments.area]
    tests = [f"tests/{name}.py" for name in names]
    every = [mutant for file in files for mutant in mutants(file)]
    chosen = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
    reach = reached(tests)
    dead = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        lives = pool.map(lambda one: lives_on(one, reach, tests, arguments.jobs), chosen)
        for number, (mutant, alive) in enumerate(zip(chosen, lives, strict=True), 1):
            dead += not alive
            print(f"{dead:4} of {number} killed{f'; lives: {mutant}' if alive else ''}", flush=True)
    print(f"{arguments.area}: {dead} of {len(chosen)} mutants killed, of {len(every)} there are; seed {arguments.seed}")


if __name__ == "__main__":
    main()
