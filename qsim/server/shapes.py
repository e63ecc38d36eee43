"""Examples of answers, as the OpenAPI description shows them; the schemas are read off them."""

from __future__ import annotations

from typing import Any

from qsim.server.schemas import Extra, Keyed, Nullable, plain, schema_of

PLACE = {"commit": 42, "tick": 288, "market_time": "2026-01-01 00:24:00"}
_NAMED = {
    "product": "Onion",
    "brand": "",
    "category": "Fruits & Vegetables",
    "subcategory": "Vegetables",
    "pack": "1 kg",
}
_PRODUCT = {
    "product_id": 47,
    **_NAMED,
    "unit": "kg",
    "is_loose": True,
    "is_active": True,
    "volatility_group": "vegetables",
}
# Where a dark store is goes without saying where a platform has but one.
_PLACE = {"city": Extra("Mumbai"), "pincode": Extra("400053")}
_STORE = {"store_id": Extra(1), **_PLACE}
_OFFER = {
    "listing_id": 236, "platform": "zepto", "store_id": 1, "city": "Mumbai", "pincode": "400053", "mrp": Nullable(50.0),
    "regular_price": 41.09, "price": 30.82, "discount_pct": 25.0, "off_mrp_pct": Nullable(38.36),
    "unit_price": Nullable(30.82), "surge_fee": 0.0,
    "stock": 93, "in_stock": True, "updated_at": "2026-01-01 00:10:00", "order_fee": 0.0,
}  # fmt: skip
_CHEAPEST = {
    "product": "Onion", "brand": "", "pack": "1 kg", "platform": "zepto", **_STORE, "price": 30.82, "unit_price": Nullable(30.82),
    "unit": "kg", "discount_pct": 25.0, "surge_fee": 0.0, "order_fee": 0.0, "rank": 1, "is_cheapest": True,
    "ranked_by": "unit_price",
}  # fmt: skip
_DEAL = {
    "product": "Parle 20-20 Butter Cookies", "brand": "Parle", "subcategory": "Biscuits", "pack": "200 g", "platform": "blinkit",
    **_STORE, "regular_price": 33.17, "price": 19.9, "discount_pct": 40.0, "saved": 13.27,
    "campaign": Nullable("Snacks & Beverages Week"), "ends_at": Nullable("2026-01-07 00:00:00"),
}  # fmt: skip
_PAIR = {
    "product": "Banana", "brand": "", "pack": "6 pc", **_PLACE, "price_a": 40.0, "price_b": 42.5, "gap": 2.5, "gap_pct": 6.25,
    "winner": "zepto",
}  # fmt: skip
_SUMMARY = {
    "what": "fruits", "matched": "subcategory", "names": ["Fruits"], "platform_a": "zepto", "platform_b": "instamart",
    "compared": 22, "wins_a": 11, "wins_b": 11, "ties": 0, "mean_gap_pct": Nullable(1.2), "total_a": 2100.5, "total_b": 2110.0,
    "total_gap": 9.5, "cheaper": Nullable("zepto"),
}  # fmt: skip
_CHANGE = {
    "tick": 281, "ts": "2026-01-01 00:23:25", "listing_id": 236, "platform": "zepto", "store_id": 1, "cause": "update",
    "price_before": 31.2, "price_after": 30.82, "regular_price": 41.09, "discount_pct": 25.0, "surge_pct": 0.0, "surge_fee": 0.0,
}  # fmt: skip
_CAMPAIGN = {
    "campaign_id": 3, "campaign": "Snacks Week", "kind": "category", "platform": "blinkit", "category": "Snacks & Beverages",
    "starts_at": "2026-01-01 00:00:00", "ends_at": Nullable("2026-01-08 00:00:00"),
    "duration_seconds": 604800, "repeat_seconds": 2419200,
    "status": "running", "units_per_listing": 50, "listings": 12,
}  # fmt: skip
_COUNTS = {
    "all": Extra("all"), "platform": Extra("zepto", shown=True), "category": Extra("Fruits & Vegetables", shown=True),
    "attempted": 14400, "changed": 14310, "clipped": 210, "failed": 0,
    "sized": 14300, "down_20": 700, "down_10": 1900, "down_5": 1800, "down_2": 1400, "down_0": 1300, "up_0": 1300, "up_2": 1500,
    "up_5": 1900, "up_10": 1800, "up_20": 700, "skipped_waiting": 0, "skipped_inactive": 2, "discounted": 90, "surging": 12,
    "out_of_stock": 0, "mean_change_pct": 0.4, "sd_change_pct": 7.1, "success_pct": 100.0,
}  # fmt: skip
_LINE = {
    "item": "onion", "quantity": 2, "product": "Onion", "brand": "", "pack": "1 kg", "platform": Nullable("zepto"),
    "listing_id": Nullable(236), "price": Nullable(30.82), "surge_fee": Nullable(0.0), "cost": Nullable(61.64),
    "offers": Keyed({"blinkit": 38.85, "zepto": 30.82}),
}  # fmt: skip
_COSTS = {"goods": 61.64, "surge_fees": 0.0, "delivery": 29.0, "handling": 5.0, "total": 95.64}
_PLAN = {
    "orders": [{"platform": "zepto", "items": ["onion"], **_COSTS}], **_COSTS, "bought": 1, "unavailable": ["onigiri"],
    "left_out": ["basmati rice"],
}  # fmt: skip

STATUS = {
    **PLACE, "start": "2026-01-01", "interval_seconds": 5, "head": "151cb338...", "digest": "9bcde6ca...", "products": 280,
    "stores": 5, "listings": 1400, "campaigns": 30, "events": 70000, "platforms": [{"platform": "zepto", "name": "Zepto"}],
    "categories": [{"category": "Fruits & Vegetables", "subcategories": ["Fruits", "Vegetables"], "products": 70}],
}  # fmt: skip
PRODUCT = {**PLACE, "product": _PRODUCT, "prices": [_OFFER]}
BASKET = {
    **PLACE, "lines": [_LINE], "one_app": Nullable(_PLAN), "split": _PLAN, "saving_rupees": Nullable(0.0), "budget": Nullable(100.0),
    "city": "Mumbai", "pincode": "400053", "platforms": ["blinkit", "zepto"],
    "not_found": [{"item": "onigiri", "reason": "no such product", "nearest": ["Onion"]}],
    "left_out": ["basmati rice"], "closed": ["dunzo"],
}  # fmt: skip
SQL = {
    **PLACE,
    "columns": ["platform"],
    "types": ["VARCHAR"],
    "rows": [Keyed({"platform": "zepto"}, free=True)],
    "truncated": False,
}
_REASON = {
    "level": "warning", "about": "speed", "found": "12.0 s behind the clock at tick 288, ticks take 5 s",
    "mend": "smaller batches (--batch-size), or a longer --interval",
}  # fmt: skip
HEALTH = {
    **PLACE, "status": "warning", "reasons": [_REASON], "looked_seconds_ago": 2.1, "commit_age_seconds": 1.2, "streams": 3,
}  # fmt: skip
FAILING = {**HEALTH, "status": "failing", "reasons": [_REASON | {"level": "failing"}]}


def listed(row: dict[str, Any], **head: Any) -> dict[str, Any]:
    """Give the example of a page of a list with such rows."""
    return {**PLACE, **head, "rows": [row], "next": Nullable("50.0123456789abcdef")}


PRODUCTS = listed({**_PRODUCT, "mrp": Nullable(50.0)})
PRICES = listed({"product_id": 47, **_NAMED, **_OFFER, "unit": "kg", "is_loose": True, "is_active": True})
CHANGES = listed(_CHANGE)
CHEAPEST = listed(_CHEAPEST, total=398)
DEALS = listed(_DEAL, total=120)
COMPARE = listed(_PAIR, total=22, summary=_SUMMARY)
TOTALS = {
    **PLACE,
    "counted_to": 288,
    "ticks_counted": 288,
    "rows": [_COUNTS],
}
CAMPAIGNS = listed(_CAMPAIGN, total=30)
METRICS = listed({"tick": 288, "ts": "2026-01-01 00:24:00", "attempted": 250, "changed": 249})


def shown(example: dict[str, Any], description: str = "The answer.") -> dict[int | str, dict[str, Any]]:
    """Describe a route's good answers by an example, with the ETag by which one is asked for again."""
    headers = {"ETag": {"description": "The commit's hash and qsim's version.", "schema": {"type": "string"}}}
    return {
        200: bare(example, description) | {"headers": headers},
        304: {"description": "The asker has the answer of the newest commit (If-None-Match)."},
    }


def bare(example: dict[str, Any], description: str = "The answer.") -> dict[str, Any]:
    """Describe an answer that is made anew whenever it is asked for, by an example."""
    content = {"application/json": {"schema": schema_of(example), "example": plain(example)}}
    return {"description": description, "content": content}
