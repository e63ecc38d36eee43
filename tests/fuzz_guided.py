"""The targets under a fuzzer that follows the coverage: `python -m tests.fuzz_guided SURFACE RUNS` (needs the extra `fuzz`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["qsim", "tomllib", "csv", "json"]):
    from tests import fuzz_targets


def _dictionary(words: tuple[bytes, ...]) -> str:
    return "".join('"' + "".join(f"\\x{byte:02X}" for byte in word[:120]) + '"\n' for word in words)


def main(surface: str, runs: str) -> None:
    """Run so many inputs; the first that is neither taken nor refused in a line ends the process with its replay."""
    fuzz_targets.connection()
    with tempfile.TemporaryDirectory(prefix="qsim-fuzz-corpus-") as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        for number, seed in enumerate(fuzz_targets.SURFACES[surface].seeds()):
            (corpus / str(number)).write_bytes(seed)
        words.write_text(_dictionary(fuzz_targets.SURFACES[surface].words))
        options = [f"-runs={runs}", "-max_len=8192", "-timeout=10", f"-dict={words}", f"-artifact_prefix={folder}/"]

        def one(data: bytes) -> None:
            fuzz_targets.take(surface, data)

        atheris.Setup([sys.argv[0], *options, str(corpus)], one, enable_python_coverage=True)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
