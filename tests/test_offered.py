"""What a list may be bought as where a platform has several dark stores in one pincode."""

from __future__ import annotations

from pathlib import Path

import qsim
from qsim.queries.offered import offered


def test_an_order_goes_to_the_first_dark_store_of_each_platform_in_the_pincode(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=4, stores=200)
    with qsim.connect(tmp_path / "m") as con:
        query = "SELECT pincode, platform, list(store_id ORDER BY store_id) FROM stores GROUP BY ALL"
        stores = {(pincode, platform): ids for pincode, platform, ids in con.execute(query).fetchall()}
        crowded = max(stores, key=lambda place: len(stores[place]))[0]
        names = [name for (name,) in con.execute("SELECT product FROM products WHERE is_active").fetchall()]
        found = offered(con, [(1, name) for name in names], pincode=crowded)
    offers = [(offer["platform"], offer["listing_id"] % 1_000) for choice in found.choices for offer in choice]
    assert {*offers} == {(platform, ids[0]) for (pincode, platform), ids in stores.items() if pincode == crowded}
    assert any(len(stores[crowded, platform]) > 1 for platform, _ in offers)
