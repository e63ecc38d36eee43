"""Examples of the boards' answers, as the OpenAPI description shows them; money in paise, shares of prices in basis points."""

from __future__ import annotations

from typing import Any

from qsim.server.schemas import Keyed, Nullable

# `sample` is how many products were counted where it is not all of them.
_AS_OF = {"tick": 288, "time": 1767227040, "sample": Nullable(140), "of_products": 280}
_PRODUCT = {"product_id": 47, "product": "Onion", "pack": "1 kg"}
_SURGE = {"surge_bps": 0, "surge_fee_paise": 0}
_MOVE = {
    **_PRODUCT, "platform": "zepto", "before_paise": 4109, "after_paise": 3082, "change_bps": -2499,
    "cause": "discount_start", "repriced": False, "discount_before_bps": 0, "discount_bps": 2500, **_SURGE, "stores": 1,
}  # fmt: skip

OVERVIEW: dict[str, Any] = {
    **_AS_OF, "head": 288, "head_time": 1767227040, "interval": 5, "epochs": [[0, 1767225600, 5]], "preset": "classic",
    "scenario": "", "seed": 42,
    "platforms": [{
        "platform": "zepto", "name": "Zepto", "listings": 272, "discounted": 86, "mean_discount_bps": 1270, "deep": 5, "surging": 11,
        "out": 14, "changed": 50, "order_fee_paise": 1000,
    }],
    "areas": [{"area": 0, "city": "Mumbai", "locality": "Andheri West"}], "product": Nullable(47),
}  # fmt: skip
SEARCH: dict[str, Any] = {
    "text": "onion",
    "products": [{**_PRODUCT, "brand": "", "category": "Fruits & Vegetables"}],
}
PRICES: dict[str, Any] = {
    **_AS_OF, **_PRODUCT, "brand": "", "category": "Fruits & Vegetables", "is_loose": True, "mrp_paise": 0, "from": 0,
    "from_time": 1767225600, "every": 1, "area": 0,
    "lines": Keyed({"zepto": [[281, 1767227005, 3082, 2500, 0, 0]]}), "closed": ["dunzo"],
    "offers": [{
        "platform": "zepto", "stock": Nullable(93), "price_paise": 3082, "regular_price_paise": 4109, "discount_bps": 2500, **_SURGE,
        "updated_tick": 281, "order_fee_paise": 1000,
    }],
}  # fmt: skip
CHEAPEST: dict[str, Any] = {
    **_AS_OF, "categories": ["Fruits & Vegetables"], "left_out": 0,
    "columns": [{
        "time": 1767225600, "tick": 0,
        "cells": [{"category": "Fruits & Vegetables", "platform": "zepto", "share": 0.34, "products": 68}],
    }],
}  # fmt: skip
MOVERS: dict[str, Any] = {
    **_AS_OF, "since": 0, "since_time": 1767225600, "risen": 640, "fallen": 700, "rises": [_MOVE], "falls": [_MOVE],
}  # fmt: skip
DEPTHS: dict[str, Any] = {
    **_AS_OF,
    "bin_bps": 500,
    "bins": [{"platform": "zepto", "from_bps": 2500, "listings": 12}],
}
STOCKOUTS: dict[str, Any] = {
    **_AS_OF, "stock_moves": False,
    "cells": [{"category": "Fruits & Vegetables", "platform": "zepto", "listings": 68, "out": 3}],
    "products": [{**_PRODUCT, "listings": 2, "platforms": ["dunzo", "zepto"]}],
}  # fmt: skip
TICKER: dict[str, Any] = {
    **_AS_OF,
    "events": [{
        "tick": 288, "cause": "update", **_PRODUCT, "platform": "zepto", "price_before_paise": 3120, "price_after_paise": 3082,
        "discount_bps": 2500, **_SURGE, "time": 1767227040,
    }],
}  # fmt: skip
ACTIVITY: dict[str, Any] = {
    **_AS_OF, "since": 0, "since_time": 1767225600, "every": 2, "hour_since": 0,
    "bars": [{"tick": 2, "attempted": 500, "changed": 498, "ticks": 2, "time": 1767225610}],
    "causes": [{"cause": "update", "events": 61000}],
}  # fmt: skip
