"""The shape of the project: who imports whom, which library has which home, how long things are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVELS = {
    0: "versions layers forks errors arrays given inputs money clock scalars startup allocation interrupts",
    1: "threads compiled schema explain toml_text params assortment behaviour streams taxonomy depths popularity",
    2: "catalog market festivals calendars scenarios",
    3: "events blocks rulebook hours",
    4: "simulation storage",
    5: "standing runs queries",
    6: "validation realism monitoring fitting",
    7: "server",
    8: "cli",
}
LEVEL_OF = {name: level for level, names in LEVELS.items() for name in names.split()}
FREE = ("__init__", "__main__")
HOMES = {
    "click": ("cli",),
    "rich": ("cli",),
    "duckdb": ("queries", "validation"),
    "pyarrow.parquet": ("storage",),
    "numpy.random": ("streams", "realism"),
    "random": ("taxonomy.make_words",),
    "faker": ("taxonomy.make_words",),
    "pydantic": ("params", "behaviour", "assortment", "server"),
    "highspy": ("queries",),
    "altair": ("realism",),
    "fastapi": ("server",),
    "starlette": ("server",),
    "uvicorn": ("server",),
    "prometheus_client": ("server",),
    "obstore": ("storage",),
    "dask": ("runs.cluster",),
    "distributed": ("runs.cluster",),
    "hatchling": ("compiled.build",),
}
STORAGE_KNOWS = {
    "versions",
    "errors",
    "given",
    "arrays",
    "compiled",
    "interrupts",
    "threads",
    "money",
    "clock",
    "schema",
    "streams",
    "storage",
}
HEAVY = ("numpy", "polars", "duckdb", "pydantic", "pyarrow", "rich", "altair", "psutil", "fastapi", "uvicorn")
SOURCES = sorted((ROOT / "qsim").rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One import of a module: who, whom (dotted), and in which line; `for_types` when it is never run."""

    module: str
    target: str
    line: int
    for_types: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def module_of(path: Path) -> str:
    """The dotted name of a source file below qsim; a folder's own module is the folder's name."""
    parts = path.relative_to(ROOT / "qsim").with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "imports are absolute"
    return [f"{node.module}.{alias.name}" for alias in node.names]


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in targets(node):
                yield Import(module_of(path), target, node.lineno, node in guarded)


IMPORTS = [one for path in SOURCES for one in imports_of(path)]


def head(dotted: str) -> str:
    return dotted.split(".")[0]


def inside(one: Import) -> str | None:
    """The part of qsim that an import takes something of; None for a library."""
    return one.target.split(".")[1] if one.target.startswith("qsim.") else None


def takes(one: Import, library: str) -> bool:
    return f"{one.target}.".startswith(f"{library}.")


def lives_in(module: str, homes: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{home}.") for home in homes)


def test_every_module_has_a_level_and_levels_have_no_others() -> None:
    assert {head(module_of(path)) for path in SOURCES} == {*LEVEL_OF, *FREE}


def test_no_module_imports_from_a_higher_level() -> None:
    upward = [
        str(one)
        for one in IMPORTS
        if head(one.module) not in FREE and (part := inside(one)) and part in LEVEL_OF
        if LEVEL_OF[part] > LEVEL_OF[head(one.module)]
    ]
    assert upward == []
    assert sum(inside(one) is not None for one in IMPORTS) > 100


def test_storage_knows_no_market() -> None:
    assert [
        str(one) for one in IMPORTS if head(one.module) == "storage" and inside(one) not in {None, *STORAGE_KNOWS}
    ] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_used_in_its_home_alone(library: str) -> None:
    strays = [
        str(one)
        for one in IMPORTS
        if takes(one, library) and not one.for_types and not lives_in(one.module, HOMES[library])
    ]
    assert strays == []


def test_random_numbers_are_made_in_streams_alone() -> None:
    makers = {
        module_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("random", "default_rng")
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy")
    }
    # A realism score resamples what was measured; nothing of that goes into a market.
    assert makers == {"streams", "realism.classifier", "realism.sample"}


def test_the_rules_of_the_market_use_numpy_and_no_tables_or_files() -> None:
    libraries = {head(one.target) for one in IMPORTS if head(one.module) == "market" and not inside(one)}
    assert libraries <= {
        "__future__",
        "numpy",
        "dataclasses",
        "itertools",
        "typing",
        "collections",
        "enum",
        "functools",
        "math",
        "qsim",
    }


def test_the_command_line_needs_click_alone_until_a_command_is_called() -> None:
    code = f"import sys, qsim, qsim.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_library_but_click() -> None:
    code = (
        f"import sys, qsim.cli as c\nc.main(['--help'])\nloaded = [n for n in {HEAVY} if n in sys.modules]\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


def texts(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def test_every_module_is_under_300_lines() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in
               texts("qsim/**/*.py")}  # fmt: skip
    assert {name: lines for name, lines in lengths.items() if lines >= 300} == {}


def test_every_function_is_under_40_lines() -> None:
    long = {
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in texts("qsim/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 >= 40
    }
    assert long == {}


def test_no_text_of_the_project_puts_something_off() -> None:
    words = ["TO" + "DO", "FIX" + "ME"]
    patterns = (
        "qsim/**/*.py",
        "qsim/**/*.toml",
        "tests/**/*.py",
        "*.md",
        "*.toml",
        "data/*.md",
        "notebooks/*",
        ".ci/*",
    )
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}"
        for path in texts(*patterns)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if any(word in line for word in words)
    ]
    assert found == []


def test_the_readme_says_what_its_calls_need_that_an_installation_lacks() -> None:
    told = (ROOT / "README.md").read_text(encoding="utf-8")
    base = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert not [name for name in base if name.startswith(("pandas", "jupyter"))]
    assert [line for line in told.splitlines() if ".df()" in line and "pip install pandas" not in line] == []
    assert "`pip install '.[notebook]' jupyterlab`" in told and "`jupyter lab notebooks`" in told


def test_a_platform_has_the_same_colour_on_the_page_in_reports_and_in_notebooks() -> None:
    css = (ROOT / "qsim" / "server" / "page" / "app.css").read_text(encoding="utf-8")
    page = {number: re.findall(rf"--p{number}: (#\w+)", css) for number in range(1, 9)}
    style = (ROOT / "qsim" / "monitoring" / "page.py").read_text(encoding="utf-8")
    for number, (light, dark, chosen) in page.items():
        assert dark == chosen and re.findall(rf"--k{number - 1}:(#\w+)", style) == [light, dark]
    five = ", ".join(rf"\"{page[number][0]}\"" for number in range(1, 6))
    assert all(f"range=[{five}]" in path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/*.ipynb"))
