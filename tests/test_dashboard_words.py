"""What the page says of moves, offers, causes and marks, whatever it is given."""

from __future__ import annotations

from typing import Any

import pytest

from qsim.schema import Cause
from tests.browser import Seen
from tests.odd_shop import PLATFORMS, chosen, drawn


@pytest.mark.parametrize(
    ("move", "said"),
    [
        ({"after_paise": 7000, "discount_bps": 3000}, "deal, 30 % off"),
        ({"after_paise": 5000, "discount_bps": 500}, "repriced, 5 % off"),
        ({"after_paise": 15600, "discount_bps": 500}, "repriced, 5 % off"),
        ({"after_paise": 14000, "discount_before_bps": 3000}, "deal ended"),
        ({"after_paise": 14000, "discount_before_bps": 3000, "discount_bps": 200}, "deal down to 2 %"),
        ({"after_paise": 14000, "discount_before_bps": 300}, "repriced"),
        ({"after_paise": 11000, "surge_bps": 1000}, "surge +10 %"),
        ({"after_paise": 9000, "surge_bps": 1000}, "repriced, surge +10 %"),
        (
            {"after_paise": 14000, "discount_before_bps": 3000, "discount_bps": 3000, "surge_fee_paise": 2500},
            "surge fee set, deal suspended",
        ),
        ({"after_paise": 14000, "surge_fee_paise": 2500}, "repriced, surge fee set"),
        ({"after_paise": 9000, "repriced": False, "cause": "rival_match"}, "meets a rival"),
        ({"after_paise": 10200, "repriced": False, "discount_bps": 500}, "time of day, 5 % off"),
    ],
)
def test_a_mover_is_told_what_made_most_of_its_move(desk: tuple[Any, Seen], move: dict[str, Any], said: str) -> None:
    page, _ = desk
    still = {
        "before_paise": 10_000,
        "cause": "time_of_day",
        "repriced": True,
        "discount_before_bps": 0,
        "discount_bps": 0,
        "surge_bps": 0,
        "surge_fee_paise": 0,
    }
    row = still | move | {"product_id": 1, "product": "Fig", "pack": "", "platform": next(iter(PLATFORMS))}
    told = {"tick": 9, "time": 9, "since": 1, "since_time": 1, "risen": 1, "fallen": 0, "rises": [row], "falls": []}
    why = "document.querySelector('#movers-body .why').innerText"
    assert drawn(page, "movers(told, 1, () => 0)", told, why).endswith(said)


def test_every_cause_has_words_of_its_own_and_a_clearance_is_no_new_offer(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    words = page.evaluate("async () => ({ ...(await import('/page/format.js')).CAUSES })")
    assert list(words) == [cause.name.lower() for cause in Cause] and len(set(words.values())) == len(words)
    assert words["clearance"] == "deal ends, repriced"


def test_a_deal_that_a_surge_fee_suspends_is_not_told_as_one(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    offer = {"platform": next(iter(PLATFORMS)), "stock": 3, "price_paise": 900, "discount_bps": 2000, "surge_bps": 0}
    told = {"product": "Fig", "pack": "", "category": "Fruit", "lines": {}, "closed": [], "every": 1}
    for fee, said in ((0, "20 % off"), (2500, "deal of 20 % suspended, surge fee ₹25.00")):
        offers = {"offers": [offer | {"surge_fee_paise": fee}]}
        also = drawn(page, "prices(told)", told | offers, "document.querySelector('#offers .best .also').innerText")
        assert also == f"cheapest, {said}, 3 left"


def test_of_an_offer_whose_stock_is_not_known_it_is_not_told_that_it_is_the_cheapest_to_be_had(
    desk: tuple[Any, Seen],
) -> None:
    page, _ = desk
    chosen(page, 1)
    page.locator("#price-chart").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#offers .best .also:has-text('lowest price')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#offers .best .also:has-text('cheapest')")


def test_marks_of_an_axis_are_written_as_they_lie(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    marks = page.evaluate("async () => [0, 0.25, 0.75, 1, 1500].map((await import('/page/format.js')).fraction)")
    assert marks == ["0", "0.25", "0.75", "1", "1,500"]
