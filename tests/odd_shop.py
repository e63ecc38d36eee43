"""A shop as none is: its goods, its platforms, and how tests go about on its page."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import qsim
from qsim.params import preset_values

TICKS = 40
LONG = "X" * 120
GOODS = [
    ('Amul "Gold" <b>Milk</b>', "Dairy & <Eggs>", '1 "l"', "64", "60"),
    ("حليب كامل الدسم (طازج)", "C" * 60, "500 g", "70", "65"),
    (LONG, "Snacks", "1 pc", "20", "18"),
    ("Gold Bar", "Luxury", "1 kg", "21000000", "20000000"),
    ("Toffee", "Cheap", "1 pc", "0.05", "0.04"),
    ("Milk Rusk", "Snacks", "1 pc", "40", "38"),
    ("Potato Chips", "Snacks", "1 pc", "40", "38"),
]
PLATFORMS = {
    "cart": "🛒🛍️ <b>Shop</b>",
    "corner": "חנות הפינה",
    "wide": "W" * 60,
    "store_a": "Store A",
    "store_b": "Store B",
}


def odd_shop(place: Path) -> Path:
    """Make a market of seven odd goods at five odd platforms."""
    with (place / "goods.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [[name, "Acme", *others] for name, *others in GOODS]
        csv.writer(file).writerows([["product", "brand", "category", "pack", "mrp", "price"], *rows])
    law = {"low_percent": 90, "high_percent": 110, "average_discount_percent": 10}
    platforms = {"platforms": {key: law | {"name": name} for key, name in PLATFORMS.items()}}
    qsim.generate(place / "market", catalog=place / "goods.csv", config=preset_values("classic") | platforms)
    qsim.run(place / "market", ticks=TICKS, update_interval_seconds=900)
    return place / "market"


def chosen(page: Any, product: int) -> None:
    """Go to a product by the address, as a link does, and wait for it."""
    page.evaluate(f"location.hash = '#product={product}'")
    titled(page, GOODS[product][0])


def titled(page: Any, product: str) -> None:
    """Wait until a product's prices are shown."""
    page.wait_for_selector(f"#prices-title bdi:text-is({json.dumps(product, ensure_ascii=False)})")


def drawn(page: Any, call: str, told: dict[str, Any], read: str) -> Any:
    """Let a board draw what it is told and read it, in one go: the page draws its own over it when that comes."""
    return page.evaluate(f"async told => {{ (await import('/page/boards.js')).{call}; return {read}; }}", told)


def slowly(page: Any) -> None:
    """Let the page wait 0.3 s for what a search finds."""
    page.evaluate(
        """() => {
            const soon = window.fetch;
            const late = (url, more) => new Promise((done, failed) => {
                more.signal.addEventListener("abort", () => failed(new DOMException("", "AbortError")));
                setTimeout(() => soon(url, more).then(done, failed), 300);
            });
            window.fetch = (url, more) => (String(url).includes("/search") ? late : soon)(url, more);
        }"""
    )
