"""How the compiled loops are built: by any compiler, into checkouts and wheels, and done without where there is none."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import qsim
from qsim import compiled
from qsim.compiled import build
from tests.compilers import ROOT, compiles, there


@there
def test_loops_that_were_built_from_another_source_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in compiled.FOLDER.glob("*.[ch]"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    assert compiled.library.__wrapped__() is not None
    with (tmp_path / "loops.h").open("a") as file:
        file.write("\n")
    assert compiled.library.__wrapped__() is None


def test_without_loops_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LIBRARY", tmp_path / "loops.so")
    assert compiled.library.__wrapped__() is None


@pytest.mark.parametrize("command", build._COMPILERS)
def test_every_compiler_builds_loops_that_give_the_same_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    if not (found := shutil.which(command)):
        pytest.skip(f"{command} is not installed")
    others = build._COMPILERS[: build._COMPILERS.index(command)]
    if same := [other for other in others if (there := shutil.which(other)) and Path(there).samefile(found)]:
        pytest.skip(f"{command} is {same[0]}")
    library = tmp_path / "loops.so"
    monkeypatch.setenv("CC", command)
    assert build.build(compiled.FOLDER, library) == ""
    code = (
        f"import qsim; from pathlib import Path; from qsim import compiled; compiled.LIBRARY = Path({str(library)!r});"
        "assert compiled.library(); qsim.generate('m', products=3000, batch_size=0); print(qsim.run('m', ticks=40)['digest'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    monkeypatch.setattr(compiled, "library", lambda: None)
    qsim.generate(tmp_path / "arrays", products=3000, batch_size=0)
    assert qsim.run(tmp_path / "arrays", ticks=40)["digest"] == ended.stdout.strip()


SUMS = """
double summed(const double *each, long count, double by) {
    double sum = 0;
    for (long at = 0; at < count; at++) sum += each[at] * by;
    return sum;
}
"""


@compiles
@pytest.mark.parametrize("faster", ["-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-ffp-contract=fast"])
def test_what_cc_says_of_sums_and_products_changes_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faster: str
) -> None:
    (tmp_path / "sums.c").write_text(SUMS)
    library, found = tmp_path / "loops.so", []
    command = f"{shlex.join(build.compiler())} -march=native"
    for said in ("-ffp-contract=off", faster):
        monkeypatch.setenv("CC", f"{command} {said}")
        assert build.build(tmp_path, library) == ""
        found.append(library.read_bytes())
    assert found[0] == found[1]


def test_a_checkout_keeps_what_was_built_last(tmp_path: Path) -> None:
    made, place = tmp_path / "loops.so", tmp_path / "compiled" / "loops.so"
    place.parent.mkdir()
    for content in (b"first", b"second"):
        made.write_bytes(content)
        assert build.keep(made, place) == ""
        assert place.read_bytes() == content
    made.unlink()
    assert build.keep(made, place) == ""
    assert [*place.parent.iterdir()] == []


def test_a_checkout_that_takes_no_file_is_told(tmp_path: Path) -> None:
    made, place = tmp_path / "loops.so", tmp_path / "compiled" / "loops.so"
    made.touch()
    assert "No such file" in build.keep(made, place)
    # A directory in its place can neither be replaced nor removed, as nothing can on a disk that is read-only.
    place.mkdir(parents=True)
    assert "directory" in build.keep(made, place)
    made.unlink()
    assert str(place) in build.keep(made, place)
    assert [*place.parent.iterdir()] == [place]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    shutil.copytree(ROOT / "qsim", made / "qsim", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, made)
    return made


def wheel(checkout: Path, **environment: str) -> Path:
    folder = checkout.parent / "made"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=checkout, env=os.environ | environment, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def libraries(wheel: Path) -> list[str]:
    return [name for name in ZipFile(wheel).namelist() if name.endswith(".so")]


@compiles
# Where no file can be put into a checkout, a directory in its place is no other than a disk that is read-only.
@pytest.mark.parametrize("writable", [True, False])
def test_a_wheel_has_the_loops_of_its_system(checkout: Path, writable: bool) -> None:
    beside = checkout / "qsim/compiled/loops.so"
    if not writable:
        beside.mkdir()
    made = wheel(checkout)
    assert "-py3-none-" in made.name
    assert "-any" not in made.name
    assert libraries(made) == ["qsim/compiled/loops.so"]
    assert beside.is_file() == writable
    ZipFile(made).extract("qsim/compiled/loops.so", checkout.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "LIBRARY", checkout.parent / "qsim/compiled/loops.so")
        assert compiled.library.__wrapped__() is not None


def test_a_wheel_tells_the_licence_of_what_is_copied_in_beside_its_own(checkout: Path) -> None:
    named = [name.partition("licenses/")[2] for name in ZipFile(wheel(checkout, CC="false")).namelist()]
    assert {name for name in named if name} == {"LICENSE", "qsim/server/page/uplot/LICENSE"}


@pytest.mark.parametrize("command", ["false", "cc '"])
def test_where_no_compiler_works_a_wheel_is_made_without_the_loops(checkout: Path, command: str) -> None:
    (checkout / "qsim/compiled/loops.so").write_bytes(b"those of an earlier installation")
    made = wheel(checkout, CC=command)
    assert made.name.endswith("-py3-none-any.whl")
    assert libraries(made) == []
    assert not (checkout / "qsim/compiled/loops.so").exists()


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("no-such-compiler", "No such file"),
        ("false", "built nothing"),
        ("cc --none", "--none"),
        ("cc '", "No closing quotation"),
        (r"sh -c 'printf \\377 >&2; exit 1'", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_fault_of_the_compiler_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, fault: str
) -> None:
    if shutil.which(command.split()[0]) is None and command.startswith("cc"):
        pytest.skip("there is no C compiler")
    monkeypatch.setenv("CC", command)
    assert fault in build.build(compiled.FOLDER, tmp_path / "loops.so")


@compiles
@pytest.mark.parametrize(
    "told",
    [
        # Clones for several processors need an attribute that this compiler is told to take for a fault.
        pytest.param("-Dtarget_clones=unknown -Werror=attributes", id="knows no variants"),
        # The sources refuse fast mathematics, which is taken back.
        pytest.param("-ffast-math", id="is fast"),
    ],
)
def test_whatever_else_a_compiler_is_told_it_builds_the_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("CC", f"{build.compiler()[0]} {told}")
    assert build.build(compiled.FOLDER, tmp_path / "loops.so") == ""
    assert (tmp_path / "loops.so").exists()
