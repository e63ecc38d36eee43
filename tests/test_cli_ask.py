"""Questions on the command line: budgets, percents and names as people write them, and answers that are told to be none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import qsim
from tests.commands import Shell


def test_a_product_of_several_words_needs_no_quotes(shell: Shell, questioned: Path) -> None:
    unquoted, quoted = (
        shell("ask", "cheapest", *words, "--dir", questioned).out for words in (["toned", "milk"], ["toned milk"])
    )
    assert unquoted == quoted and unquoted.startswith("Cheapest toned milk")


@pytest.mark.parametrize("budget", ["₹1,234", "Rs. 1234", "1234/-", "1,234.00", "1.234e3"])
def test_a_budget_may_be_written_as_amounts_are(budget: str, shell: Shell, ran: Path) -> None:
    done = shell("ask", "basket", "--budget", budget, "--dir", str(ran))
    assert (done.code, done.err) == (0, "") and done.out.startswith("Basket within ₹1,234.00, to Bengaluru 560034\n")


def test_deals_that_are_none_tell_the_deepest_there_is(shell: Shell, ran: Path) -> None:
    [deal] = json.loads(shell("ask", "deals", "--min-discount", "0", "--limit", "1", "--dir", ran, "--json").out)
    done = shell("ask", "deals", "--min-discount", "99", "--dir", ran)
    depth = f"{deal['discount_pct']:g}"
    assert (done.code, done.out) == (0, "99 % off and more: no rows\n")
    assert done.err == f"the deepest now is {depth} % off, on {deal['platform']}; --min-discount {depth} shows it\n"
    assert shell("ask", "deals", "--min-discount", "99", "--dir", ran, "--json").err == ""


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_a_name_is_taken_for_is_told_beside_the_answer(
    shell: Shell, questioned: Path, as_json: tuple[str, ...]
) -> None:
    done = shell("ask", "compare", "veggies", "zepto", "instamart", "--dir", questioned, *as_json)
    assert "veggies is taken as the subcategory Vegetables\n" in (done.err if as_json else done.out)
    assert shell("ask", "compare", "vegetables", "zepto", "instamart", "--dir", questioned, *as_json).err == ""
    found = shell("ask", "cheapest", "fruits", "--dir", questioned, *as_json)
    assert found.err.startswith("fruits is also the subcategory Fruits, of which this shows "), found.err
    assert shell("ask", "cheapest", "onions", "--dir", questioned, *as_json).err == ""


@pytest.mark.parametrize("budget", ["nan", "inf", "-inf", "0", "-5"])
def test_a_budget_that_is_no_amount_is_refused(budget: str, shell: Shell, ran: Path) -> None:
    assert "allowed is more than 0" in shell.refused(2, "ask", "basket", f"--budget={budget}", "--dir", ran)


def test_percents_may_have_their_sign_and_other_texts_are_refused_in_one_line(shell: Shell, ran: Path) -> None:
    assert "45 % off and more" in shell("ask", "deals", "--min-discount", "45%", "--limit", "1", "--dir", str(ran)).out
    done = shell("ask", "deals", "--min-discount", "half", "--dir", str(ran))
    assert done.code == 2 and "found 'half'; allowed is a number, as in 30 or 30%" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_budget_is_told_in_rupees(shell: Shell, ran: Path) -> None:
    done = shell("ask", "basket", "--budget", "1234567", "--dir", str(ran))
    assert done.out.startswith("Basket within ₹12,34,567.00, to Bengaluru 560034\n")


def test_a_product_that_is_not_on_sale_is_told_so(shell: Shell, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=100, inactive_percent=50)
    with qsim.connect(tmp_path / "m") as connection:
        query = "SELECT product FROM products GROUP BY product HAVING bool_and(NOT is_active) ORDER BY product LIMIT 1"
        ((name,),) = connection.sql(query).fetchall()
    done = shell("ask", "cheapest", name, "--dir", str(tmp_path / "m"))
    assert (done.code, done.out) == (0, f"Cheapest {name}: not on sale\n")


def test_one_product_is_no_products(shell: Shell, tmp_path: Path) -> None:
    done = shell("generate", str(tmp_path / "m"), "--products", "1")
    assert ": 1 product, 5 listings, " in done.out


def test_a_basket_tells_the_surge_fees_that_its_total_holds(shell: Shell, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset="realistic", products=60, config={"surge_fees": {"capacity": 0.1}})
    qsim.run(tmp_path / "m", ticks=20, update_interval_seconds=3_600)
    best = qsim.ask("basket", directory=tmp_path / "m")["one_app"]
    fees = {name: f"₹{best[name]:,.2f}" for name in ("delivery", "handling", "surge_fees", "total")}
    assert best["surge_fees"] == 30 and best["goods"] + 30 + best["delivery"] + best["handling"] == best["total"]
    told = shell("ask", "basket", "--dir", str(tmp_path / "m")).out
    assert f"(delivery {fees['delivery']}, handling {fees['handling']}, surge {fees['surge_fees']})" in told
