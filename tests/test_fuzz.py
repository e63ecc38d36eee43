"""Whatever comes in by a file or an argument is taken or refused in a line, in five seconds of processor, and no market changes."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qsim.cli import main
from tests import fuzz_targets
from tests.fuzz_targets import SURFACES, Surface
from tests.stored import tree

EXAMPLES = {"product_name": 30, "product_csv": 100, "config": 100}
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
NIGHTLY, GUIDED_RUNS = 10_000, 10_000


@st.composite
def mutated(draw: st.DrawFn, surface: Surface) -> bytes:
    """An input that a surface takes, changed in a few places; or words in a row; or any bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=300))
    if kind == 1:
        return b"".join(draw(st.lists(st.sampled_from(surface.words), max_size=12)))
    data = draw(st.sampled_from(surface.seeds()))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 40)))
        piece = draw(st.one_of(st.sampled_from(surface.words), st.binary(max_size=4), st.just(data[at:end] * 2)))
        data = data[:at] + piece + data[draw(st.sampled_from([at, end])) :]
    return data


@pytest.fixture(scope="module", autouse=True)
def _cleaned() -> Iterator[None]:
    fuzz_targets.connection()
    yield
    fuzz_targets.clean()


def fuzz(name: str, examples: int) -> None:
    """Give a surface so many inputs; an input that fails is named with the line that runs it again."""
    before = tree(fuzz_targets.market(), without=())

    @settings(QUIET, max_examples=examples, print_blob=True)
    @given(mutated(SURFACES[name]))
    def each(data: bytes) -> None:
        fuzz_targets.take(name, data)

    each()
    assert tree(fuzz_targets.market(), without=()) == before


@pytest.mark.parametrize("name", SURFACES)
def test_what_the_surface_is_meant_for_is_taken(name: str) -> None:
    taken = [fuzz_targets.take(name, seed) for seed in SURFACES[name].seeds()]
    assert any(taken)


@pytest.mark.parametrize("name", SURFACES)
def test_any_input_is_taken_or_refused_in_a_line(name: str) -> None:
    fuzz(name, EXAMPLES.get(name, 150))


@pytest.mark.nightly
@pytest.mark.parametrize("name", SURFACES)
def test_ten_thousand_inputs_are_taken_or_refused_in_a_line(name: str) -> None:
    fuzz(name, NIGHTLY)


RUN = (
    "--ticks",
    "--until",
    "--duration",
    "--interval",
    "--batch-size",
    "--max-workers",
    "--scenario",
    "--set",
    "--config",
)
GENERATE = (
    "--products",
    "--stores",
    "--preset",
    "--seed",
    "--start",
    "--catalog",
    "--map",
    "--groups",
    "--calendar",
    "--set",
)
ASK = ("--city", "--pincode", "--min-discount", "--limit", "--budget", "--list", "--platform")
VALUES = ("", "0", "-1", "1", "3", "ten", "1.5", "nan", "inf", "1e12", "9" * 30, "'", '"', "\x1b[2J", "\udcff", "all", "none", "=",
          "a=b", "seed=7", "batch_size=2", "seed.a.b=1", "/dev/zero", "..", "nowhere", "onion", "zepto", "--json", "--strict",
          "-h", "--", "x" * 300)  # fmt: skip
COMMANDS = (
    (("run", "{m}", "--ticks", "1"), RUN),
    (("generate", "{new}", "--products", "3"), GENERATE),
    (("status", "{m}"), ("--json",)),
    (("config", "show"), ("--preset", "{m}")),
    (("ask", "cheapest", "--dir", "{m}"), ASK),
    (("ask", "deals", "--dir", "{m}"), ASK),
    (("ask", "compare", "--dir", "{m}"), VALUES),
    (("ask", "basket", "--dir", "{m}"), ASK),
    ((), VALUES),
)
REFUSED = {1, 2, 3, 4, 6}


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    start, known = draw(st.sampled_from(COMMANDS))
    rest = draw(st.lists(st.sampled_from(known) | st.sampled_from(VALUES), max_size=6))
    return [*start, *rest]


def call(words: list[str]) -> None:
    """Call the command line; a refusal is one line, or its help, and what is refused changes and makes nothing."""
    market, new = fuzz_targets.market(), fuzz_targets.place() / "new"
    before, said = tree(market, without=()), io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        code = main([word.format(m=market, new=new) if "{" in word else word for word in words])
    made = new.exists()
    shutil.rmtree(new, ignore_errors=True)
    lines = said.getvalue().splitlines()
    if code in REFUSED:
        help_shown = lines[0].startswith("Usage: qsim")
        assert help_shown or [line for line in lines if line.startswith("qsim: ")] == lines[:1], (words, lines)
        assert not made and tree(market, without=()) == before, words
    assert code == 0 or code in REFUSED, (words, code, lines)
    assert all(line.isprintable() for line in lines) and "Traceback" not in said.getvalue(), (words, lines)


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a command writes by default out of the checkout."""
    monkeypatch.chdir(fuzz_targets.place())


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize("examples", [30, pytest.param(1_000, marks=pytest.mark.nightly)])
def test_any_words_are_a_command_or_refused_in_a_line_and_change_nothing(examples: int) -> None:
    settings(QUIET, max_examples=examples, print_blob=True)(given(commands())(call))()


@pytest.mark.nightly
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: pip install .[fuzz]")
@pytest.mark.parametrize("name", SURFACES)
def test_inputs_that_follow_the_coverage_are_taken_or_refused_in_a_line(name: str) -> None:
    words = [sys.executable, "-m", "tests.fuzz_guided", name, str(GUIDED_RUNS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
