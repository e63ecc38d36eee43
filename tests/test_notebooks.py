"""Notebooks run from top to bottom with no network, draw their charts as SVG, and are saved without output."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qsim
from tests.colours import contrast, linear, over

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 180
# The longest run of a notebook: on each push so many of its days.
DAYS, FEWER = "ticks=150 * 24", "ticks=30 * 24"
# Names of XML vocabularies look like addresses; nothing loads them.
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)")

Cell = dict[str, Any]


def cells_of(notebook: Path, kind: str) -> list[Cell]:
    saved = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell | {"source": "".join(cell["source"])} for cell in saved["cells"] if cell["cell_type"] == kind]


def shortened(notebook: Any) -> Any:
    """Let a notebook run markets of fewer days."""
    for cell in notebook.cells:
        cell["source"] = cell["source"].replace(DAYS, FEWER)
    return notebook


@pytest.fixture(
    scope="module",
    params=[(path, False) for path in NOTEBOOKS]
    + [pytest.param((path, True), marks=pytest.mark.nightly) for path in NOTEBOOKS],
    ids=lambda of: f"{of[0].stem}{' as it is' * of[1]}",
)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cell]]:
    """The code cells of a notebook after a run in a folder of its own, of fewer days on each push."""
    path, as_it_is = request.param
    nbclient = pytest.importorskip("nbclient", reason="nbclient is missing: install the extra 'notebook'")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is missing: install the extra 'notebook'")
    for library in ("altair", "vl_convert", "ipykernel"):
        pytest.importorskip(library, reason=f"{library} is missing: install the extra 'notebook'")
    folder = tmp_path_factory.mktemp(path.stem)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        notebook = nbformat.read(path, as_version=4)
        if not as_it_is:
            notebook = shortened(notebook)
        client = nbclient.NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        client.allow_errors = True
        client.execute()
    yield [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(cells: list[Cell]) -> list[Cell]:
    return [output for cell in cells for output in cell["outputs"]]


def test_there_are_notebooks_and_one_that_takes_long_has_days_to_leave_out() -> None:
    assert NOTEBOOKS
    assert [path.stem for path in NOTEBOOKS if DAYS in path.read_text("utf-8")] == ["02_how_real_is_it"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_title_is_one_question(notebook: Path) -> None:
    first = cells_of(notebook, "markdown")[0]["source"].splitlines()[0]
    assert first.startswith("# ")
    assert first.count("?") == 1
    assert first.endswith("?")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_saved_without_output(notebook: Path) -> None:
    for cell in cells_of(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_it_runs_without_error(ran: list[Cell]) -> None:
    faults = [f"{o['ename']}: {o['evalue']}" for o in outputs_of(ran) if o["output_type"] == "error"]
    assert faults == []
    assert all(cell["execution_count"] for cell in ran)


def test_it_says_nothing_on_standard_error(ran: list[Cell]) -> None:
    assert [output["text"] for output in outputs_of(ran) if output.get("name") == "stderr"] == []


def test_each_chart_is_drawn_as_svg(ran: list[Cell]) -> None:
    charts = [cell for cell in ran if "alt.Chart(" in cell["source"]]
    assert charts
    for cell in charts:
        drawn = [output["data"] for output in cell["outputs"] if "image/svg+xml" in output.get("data", {})]
        assert len(drawn) == 1, cell["source"][:200]
        assert "<svg" in drawn[0]["image/svg+xml"]
        assert "text/html" not in drawn[0]


def test_no_output_loads_from_the_network(ran: list[Cell]) -> None:
    for output in outputs_of(ran):
        assert not ADDRESS.search(json.dumps(output)), str(output)[:300]


def drawn_in(cells: list[Cell]) -> str:
    return "".join(output.get("data", {}).get("image/svg+xml", "") for output in outputs_of(cells))


def test_a_share_can_be_read_on_the_colour_of_its_cell(ran: list[Cell]) -> None:
    cells = re.findall(r'Share led: [^>]+ fill="(#[0-9a-f]{6})" [^>]*opacity="([\d.]+)"', drawn_in(ran))
    assert bool(cells) == any("Share led" in cell["source"] for cell in ran)
    for colour, opacity in cells:
        ground = over(colour, "#ffffff", float(opacity))
        assert contrast(linear("#000000"), linear(ground)) >= 4.5, (colour, opacity)


def test_a_score_is_told_to_a_tenth_so_that_it_is_100_only_where_all_is_inside(ran: list[Cell]) -> None:
    told = re.findall(r"facts inside \(score (\S+) of 100\)", drawn_in(ran))
    assert bool(told) == any("facts inside" in cell["source"] for cell in ran)
    assert all(re.fullmatch(r"\d+\.\d", score) for score in told)


def test_where_nothing_can_be_told_apart_it_says_what_is_missing(ran: list[Cell]) -> None:
    asked = any("Nothing to tell apart" in cell["source"] for cell in ran)
    missing = "Nothing to tell apart. There are no real data here: QSIM_SHARED_DATA names no folder of them."
    with_data = bool(os.environ.get("QSIM_SHARED_DATA"))
    assert (missing in drawn_in(ran)) == (asked and not with_data)


def test_no_app_of_the_first_notebook_is_cheapest_for_what_it_has_sold_out(tmp_path: Path) -> None:
    [first] = [path for path in NOTEBOOKS if path.stem.startswith("01")]
    [cell] = [cell["source"] for cell in cells_of(first, "code") if "leaders = con.sql" in cell["source"]]
    qsim.generate(tmp_path / "m", products=60)
    qsim.run(tmp_path / "m", ticks=48, update_interval_seconds=1800)
    with qsim.connect(tmp_path / "m") as con:
        query = cell.partition('con.sql("""')[2].partition('""")')[0]
        found = con.sql(f"SELECT category, round(share, 9) FROM ({query}) WHERE hour = 11 ORDER BY ALL").fetchall()
        wanted = con.sql(
            """SELECT category, round(max(share), 9) FROM (
                SELECT category, platform, avg((price = lowest)::INTEGER) AS share
                FROM (SELECT *, min(price) OVER (PARTITION BY product_id) AS lowest FROM prices_at('2026-01-01 11:30') WHERE in_stock)
                WHERE is_active GROUP BY ALL) GROUP BY category ORDER BY ALL"""
        ).fetchall()
    assert found == wanted
    assert len(found) == 4


def test_a_notebook_serves_a_market_in_a_thread_and_says_so_where_it_cannot(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is missing: install the extra 'notebook'")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is missing: install the extra 'notebook'")
    pytest.importorskip("ipykernel", reason="ipykernel is missing: install the extra 'notebook'")
    pytest.importorskip("uvicorn", reason="uvicorn is missing: install the extra 'serve'")
    cells = [
        "import queue, threading, urllib.request, qsim; qsim.generate('m', products=12)['tick']",
        "try: qsim.serve('m', port=0)\nexcept qsim.QsimError as fault: print(fault)",
        "told, stop = queue.Queue(), threading.Event()\n"
        "options = {'port': 0, 'listening': told.put, 'stop': stop}\n"
        "served = threading.Thread(target=qsim.serve, args=['m'], kwargs=options, daemon=True); served.start()",
        "print(urllib.request.urlopen(told.get(timeout=30) + 'api/boards/overview').status)",
        "stop.set(); served.join(30); print(served.is_alive())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    refused, status, alive = (
        "".join(output.get("text", "") for output in notebook.cells[at].outputs) for at in (1, 3, 4)
    )
    assert refused.startswith("serve: found a running event loop") and refused.count("\n") == 1
    assert (status, alive) == ("200\n", "False\n")
