"""What `qsim ask` prints for a shopper, word by word: who is cheaper, what is saved, what is bought where, what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from qsim.cli import answers, events, top
from qsim.cli.metrics import _cost

Read = pytest.CaptureFixture[str]


def lines(capsys: Read) -> list[str]:
    """What was printed, without frames, blanks made one."""
    out = capsys.readouterr().out
    return [
        " ".join(line.replace("│", " ").replace("┃", " ").split()) for line in out.splitlines() if line[:1] not in "┏┡└"
    ]


def listing(**given: Any) -> dict[str, Any]:
    """A row of `cheapest` and `deals`."""
    return {"product": "Onion", "pack": "1 kg", "platform": "zepto", "unit": "kg", "price": 1234.5, "unit_price": 617.25,
            "discount_pct": 12.5, "surge_fee": 3.0, "rank": 1, "is_cheapest": True, "regular_price": 1500.0, "saved": 265.5,
            "campaign": "Week", "ends_at": "2026-01-07 08:30:59", **given}  # fmt: skip


def test_cheapest_prints_prices_of_a_pack_and_of_a_unit_and_marks_all_that_are_first(capsys: Read) -> None:
    rows = [
        listing(),
        listing(platform="dunzo"),
        listing(platform="blinkit", rank=3, is_cheapest=False, unit_price=None),
    ]
    answers.cheapest(rows, "Cheapest onions")
    assert lines(capsys) == [
        "Cheapest onions",
        "rank product pack platform price unit price off surge fee",
        "* 1 Onion 1 kg zepto ₹1,234.50 ₹617.25/kg 12.5 % ₹3.00",
        "* 1 Onion 1 kg dunzo ₹1,234.50 ₹617.25/kg 12.5 % ₹3.00",
        "3 Onion 1 kg blinkit ₹1,234.50 12.5 % ₹3.00",
    ]


def test_deals_print_the_price_the_regular_one_what_is_saved_and_until_when(capsys: Read) -> None:
    answers.deals([listing(), listing(campaign=None, ends_at=None)], "30 % off and more")
    answers.deals([listing(store_id=4, city="Pune")], "of many stores")
    assert lines(capsys) == [
        "30 % off and more",
        "product pack platform off price regular saved campaign until",
        "Onion 1 kg zepto 12.5 % ₹1,234.50 ₹1,500.00 ₹265.50 Week 2026-01-07 08:30",
        "Onion 1 kg zepto 12.5 % ₹1,234.50 ₹1,500.00 ₹265.50",
        "of many stores",
        "product pack platform store_id city off price regular saved campaign until",
        "Onion 1 kg zepto 4 Pune 12.5 % ₹1,234.50 ₹1,500.00 ₹265.50 Week 2026-01-07 08:30",
    ]


def test_a_comparison_prints_who_wins_how_often_and_what_one_of_each_costs(capsys: Read) -> None:
    row = {
        "product": "Onion",
        "pack": "1 kg",
        "price_a": 20.0,
        "price_b": 25.0,
        "gap": 5.0,
        "gap_pct": 25.0,
        "winner": "zepto",
    }
    less = {**row, "product": "Potato", "price_b": 15.0, "gap": -5.0, "gap_pct": -25.04, "winner": "dunzo"}
    summary = {"what": "Vegetables", "matched": "subcategory", "names": ["Vegetables"], "platform_a": "zepto", "platform_b": "dunzo",
               "wins_a": 5, "wins_b": 7, "ties": 2, "total_a": 400.0, "total_b": 390.5, "total_gap": -9.5}  # fmt: skip
    answers.comparison({"rows": [row, less], "summary": summary}, "Vegetables")
    assert lines(capsys)[1:] == [
        "product pack zepto dunzo gap gap % winner",
        "Onion 1 kg ₹20.00 ₹25.00 ₹5.00 +25.0 zepto",
        "Potato 1 kg ₹20.00 ₹15.00 -₹5.00 -25.0 dunzo",
        "zepto is cheaper for 5, dunzo for 7, 2 tie; one of each costs ₹400.00 at zepto, ₹390.50 at dunzo (₹9.50 apart)",
    ]


def plan(**given: Any) -> dict[str, Any]:
    order = {
        "platform": "zepto",
        "items": ["onion", "milk"],
        "delivery": 15.0,
        "handling": 5.0,
        "surge_fees": 0.0,
        "total": 120.0,
    }
    return {"total": 120.0, "bought": 2, "orders": [order], "unavailable": [], "left_out": [], **given}


def line_of(platform: str | None, **offers: float) -> dict[str, Any]:
    return {"quantity": 2, "product": "Onion", "pack": "1 kg", "offers": offers, "platform": platform}


def test_a_basket_prints_offers_orders_fees_and_what_is_saved(capsys: Read) -> None:
    second = {**plan()["orders"][0], "platform": "dunzo", "items": ["salt"], "surge_fees": 7.5, "total": 40.0}
    result = {
        "lines": [line_of("zepto", zepto=50.0, dunzo=60.0), line_of(None, dunzo=9.5)], "platforms": ["zepto", "dunzo"],
        "closed": ["blinkit"], "not_found": [{"item": "onoin", "reason": "no such product", "nearest": ["Onion", "Union"]}],
        "budget": None, "one_app": plan(unavailable=["salt"]), "saving_rupees": 12.25,
        "split": plan(total=160.0, bought=3, orders=[*plan()["orders"], second], left_out=["tea"]),
    }  # fmt: skip
    answers.basket(result, "Basket")
    order = "zepto ₹120.00 onion, milk (delivery ₹15.00, handling ₹5.00)"
    assert lines(capsys) == [
        "Basket",
        "product pack zepto dunzo buy at",
        "2 Onion 1 kg ₹50.00 ₹60.00 zepto",
        "2 Onion 1 kg ₹9.50",
        "closed now: blinkit",
        "not found: onoin (no such product; nearest: Onion, Union)",
        "best single app: ₹120.00 for 2 things",
        order,
        "not there: salt",
        "best over all apps: ₹160.00 for 3 things",
        order,
        "dunzo ₹40.00 salt (delivery ₹15.00, handling ₹5.00, surge ₹7.50)",
        "left out, below the minimum order: tea",
        "splitting saves ₹12.25",
    ]


def test_the_deepest_deal_there_is_is_told_with_how_to_see_it() -> None:
    assert answers.deepest([]) == "nothing is on a deal now"
    told = "the deepest now is 12.5 % off, on zepto; --min-discount 12.5 shows it"
    assert answers.deepest([listing()]) == told


def test_what_a_run_cost_is_told_in_seconds_megabytes_and_gigabytes() -> None:
    run = {
        "stage_seconds": {"simulate": 1.25, "write": 0.5}, "done": 1_200, "wanted": 2_000, "tick": 5_200, "events": 31_000,
        "seconds": 12.34, "kind": "stopped", "cpu_seconds": 11.0, "cpu_percent": 87.6, "memory_bytes": 250_400_000,
        "disk_free_bytes": 12_340_000_000, "lag_seconds": 1.234, "late_ticks": 1_017, "tick_seconds": 1.0,
    }  # fmt: skip
    told = {
        "newest run": "1,200 of 2,000 ticks up to 5,200, 31,000 events in 12.3 s, stopped",
        "seconds by stage": "simulate 1.25, write 0.50",
        "processor": "11.0 s, 88 % lately",
        "memory": "250 MB",
        "disk free": "12.3 GB",
    }
    assert _cost({**run, "tick_seconds": None}) == told
    assert _cost(run) == told | {"behind the clock": "1.23 s, 1,017 ticks late"}


def test_a_line_of_an_event_tells_when_where_why_and_from_which_price_to_which() -> None:
    event = {"ts": "2026-01-01 00:01:05", "tick": 13, "platform": "zepto", "cause": "discount_start", "price_before": 1234.5,
             "price_after": 99.0, "product": "Tata  Salt", "pack": "1 kg"}  # fmt: skip
    line = " ".join(events._line(event).split())
    assert line == "2026-01-01 00:01:05 tick 13 zepto discount_start 1,234.50 -> 99.00 Tata Salt 1 kg"
    wide, narrow = (" ".join(top._line(event, wide=is_wide).split()) for is_wide in (True, False))
    assert wide == "13 zepto discount_start 1,234.50 -> 99.00 Tata Salt 1 kg"
    assert narrow == "zepto 1,234.50 -> 99.00 Tata Salt 1 kg"


def test_the_head_of_top_tells_how_fast_a_run_is_how_far_behind_and_what_it_takes() -> None:
    run = {"kind": "run", "done": 1_200, "wanted": 2_000, "events": 24_000, "seconds": 12.0, "lag_seconds": 1.26, "tick_seconds": 1.0,
           "cpu_percent": 87.6, "memory_bytes": 250_400_000, "disk_free_bytes": 12_340_000_000}  # fmt: skip
    reason = {"level": "warning", "about": "disk", "found": "900 MB are free", "mend": "free space"}
    seen = {
        "status": {"directory": "a/shop/", "tick": 5_200, "market_time": "2026-01-01 07:13:20", "events": 31_000},
        "health": {"status": "warning", "reasons": [reason]},
        "metrics": {"run": run},
    }
    assert str(top._head(seen)).splitlines() == [
        "shop  tick 5,200  2026-01-01 07:13:20  31,000 events  warning",
        "running  1,200 of 2,000 ticks  2,000 events/s  1.3 s behind  CPU 88 %  memory 250 MB  12 GB free",
        "disk: 900 MB are free; free space",
    ]
    slow = {**seen, "metrics": {"run": {**run, "kind": "end", "events": 30, "tick_seconds": None}}}
    assert str(top._head(slow)).splitlines()[1].startswith("at rest  1,200 of 2,000 ticks  2.5 events/s  CPU 88 %")
