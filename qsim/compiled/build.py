"""Builds the loops while qsim is installed, for this machine; without a C compiler qsim is installed all the same."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_COMPILERS = ("cc", "gcc", "clang")
# Arithmetic as it is written, whatever CC asks for: no fast mathematics, and no products that are contracted with sums.
_EXACT = ("-fno-fast-math", "-fno-unsafe-math-optimizations", "-ffp-contract=off")
# Without traps that nobody waits for, which loops of several rows at a time would need.
_FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", *_EXACT, "-fno-trapping-math", "-fno-math-errno")
# A compiler that cannot build for several processors at once builds for the oldest.
_VARIANTS: tuple[tuple[str, ...], ...] = ((), ("-DONE_PROCESSOR",))


def compiler() -> list[str]:
    """Give the command of the C compiler: what CC says, else the first that is found, else none."""
    if named := os.environ.get("CC"):
        return shlex.split(named)
    return next(([name] for name in _COMPILERS if shutil.which(name)), [])


def build(folder: Path, library: Path) -> str:
    """Build a library from the sources in a folder; give what went wrong, nothing where all went well."""
    sources = sorted(folder.glob("*.[ch]"))
    units = [str(path) for path in sources if path.suffix == ".c"]
    try:
        command = compiler()
    except ValueError as error:
        return f"CC: found {os.environ['CC']!r}: {error}"
    fault = f"found no C compiler ({', '.join(_COMPILERS)})"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    for variant in _VARIANTS if command else ():
        given = [*_FLAGS, *variant, f'-DSOURCE="{digest}"', *units, "-o", str(library), "-lm"]
        try:
            ended = subprocess.run([*command, *given], capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            return f"{command[0]}: {error}"
        if not ended.returncode and library.exists():
            return ""
        fault = f"{command[0]}: {ended.stderr.strip()[-2000:] or 'built nothing'}"
    return fault


def keep(made: Path, library: Path) -> str:
    """Put what was built at its place in a checkout, or where nothing was, leave none there; give what went wrong."""
    try:
        if not made.exists():
            library.unlink(missing_ok=True)
            return ""
        # Whoever opens the library meanwhile finds the one before or this one whole.
        with TemporaryDirectory(prefix=".loops-", dir=library.parent) as folder:
            shutil.copy(made, folder)
            Path(folder, made.name).replace(library)
    except OSError as error:
        return str(error)
    return ""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts the library into the wheel, which then is one for this system, and beside its sources, so that a checkout that can be
    written has it too.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the wheel is put together."""
        folder = Path(self.root, "qsim", "compiled")
        # Installations of a checkout may go on beside one another: each takes what it built itself, which stays until then.
        self.made = TemporaryDirectory(prefix="qsim-loops-")
        library = Path(self.made.name, "loops.so")
        fault = build(folder, library)
        unkept = keep(library, folder / library.name)
        if fault or (unkept and version == "editable"):
            self.app.display_warning(f"qsim is installed without compiled loops and will be slower: {fault or unkept}")
            return
        system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data |= {"pure_python": False, "tag": f"py3-none-{system}"}
        build_data["force_include"][str(library)] = "qsim/compiled/loops.so"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        self.made.cleanup()
