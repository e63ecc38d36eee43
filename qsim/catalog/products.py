"""Products of a generated market: which goods, in which brand, variant and pack, at which base price.

Every kind of good is given once before any is given twice, everyday goods first; real brands come before made-up
ones, which only large markets need. Works on whole columns; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from qsim import money, streams, taxonomy
from qsim.arrays import F64, I64, Mask
from qsim.streams import Purpose

# Large packs are cheaper a unit: the price grows with size to this power. A choice; Indian shelf prices of the
# same good in several packs lie between .9 and 1.
_SIZE_POWER = 0.94
_PRICE_NOISE = 0.04
_MRP_OVER_BASE = 1.25


@dataclass(frozen=True)
class _Choice:
    """Which good and which of its combinations each product is: int64[n] columns."""

    good: I64
    brand: I64
    variant: I64
    pack: I64
    made_up: Mask

    def at(self, places: I64) -> _Choice:
        """Give the choices at places."""
        return _Choice(
            self.good[places], self.brand[places], self.variant[places], self.pack[places], self.made_up[places]
        )


def _titles(good: taxonomy.Goods) -> list[str]:
    return [f"{variant} {good.kind}".strip() for variant, _ in good.variants]


def _of_any_brand(goods: tuple[taxonomy.Goods, ...]) -> Mask:
    """Tell the goods that made-up brands may take: no firm's own, and first with each of their titles, so none comes twice."""
    owner: dict[str, int] = {}
    for number, good in enumerate(goods):
        for title in _titles(good):
            owner.setdefault(title, number)
    first = [all(owner[title] == number for title in _titles(good)) for number, good in enumerate(goods)]
    return np.array([alone and not good.is_own for alone, good in zip(first, goods, strict=True)])


def own_names() -> frozenset[str]:
    """Give the full names of products whose words are their brand's own."""
    own = [good for good in taxonomy.goods() if good.is_own]
    return frozenset(f"{brand} {title}" for good in own for brand, _ in good.brands for title in _titles(good))


def _counts(goods: tuple[taxonomy.Goods, ...], seed: int, count: int, ranges: Mapping[str, float]) -> I64:
    """Share `count` products out over the goods, one each in turn, as long as their real combinations last, or the
    share of these that `ranges` has for their subcategory.
    """
    room = np.array([math.ceil(good.combinations * ranges.get(good.subcategory, 1)) for good in goods], np.int64)
    core = np.array([good.is_core for good in goods])
    turn = np.lexsort((streams.hashed(seed, Purpose.PRODUCT_CHOICE, 0, np.arange(len(goods))), ~core))
    shares = np.zeros(len(goods), np.int64)
    left = count
    while left and (open_goods := turn[shares[turn] < room[turn]]).size:
        rounds = max(1, min(left // len(open_goods), int((room - shares)[open_goods].min())))
        taken = open_goods if left >= len(open_goods) else open_goods[:left]
        shares[taken] += rounds
        left -= rounds * len(taken)
    turn = turn[_of_any_brand(goods)[turn]]
    shares[turn] += left // len(turn)
    shares[turn[: left % len(turn)]] += 1
    return shares


def _choose(
    goods: tuple[taxonomy.Goods, ...], seed: int, count: int, made_up_names: int, ranges: Mapping[str, float]
) -> _Choice:
    shares = _counts(goods, seed, count, ranges)
    good = np.repeat(np.arange(len(goods)), shares)
    nth = np.arange(count) - np.repeat(np.cumsum(shares) - shares, shares)
    brands, variants, packs = (
        np.array([len(getattr(g, name)) for g in goods])[good] for name in ("brands", "variants", "packs")
    )
    first = (streams.hashed(seed, Purpose.PRODUCT_CHOICE, 1, np.arange(len(goods))) >> np.uint64(40)).astype(np.int64)[
        good
    ]
    made_up = nth >= brands * variants * packs
    nth = np.where(made_up, nth - brands * variants * packs, nth)
    names = np.where(made_up, made_up_names, brands)
    rest = nth // names
    return _Choice(good, (nth + first) % names, rest // packs % variants, rest % packs, made_up)


def shuffled(seed: int, purpose: int, count: int, wanted: int | None = None) -> I64:
    """Give the numbers 0..count-1 in a scattered order, all or the first `wanted`: i -> (a i + c) mod count with a prime
    to count, int64.
    """
    if not count:
        return np.zeros(0, np.int64)
    a, c = (int(word) for word in streams.hashed(seed, purpose, 0, np.arange(2)) >> np.uint64(33))
    a = a % count | 1
    while np.gcd(a, count) != 1:
        a += 2
    places = np.arange(count if wanted is None else min(count, wanted), dtype=np.int64)
    return (places * (a % count) + c % count) % count


def _flat(lists: list[tuple[tuple[str, float], ...]]) -> tuple[list[str], F64, I64]:
    """Lay lists of (name, number) end to end: names, numbers, and where each list starts."""
    starts = np.cumsum([0, *(len(names) for names in lists)])[:-1]
    return [name for names in lists for name, _ in names], np.array([x for names in lists for _, x in names]), starts


def _names(goods: tuple[taxonomy.Goods, ...], choice: _Choice) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Give each product's brand, full name and pack."""
    brands, _, brand_at = _flat([good.brands for good in goods])
    packs, _, pack_at = _flat([good.packs for good in goods])
    titles, _, title_at = _flat([tuple((title, 1.0) for title in _titles(good)) for good in goods])
    made_up, farms = taxonomy.words("brands"), taxonomy.words("farms")
    loose = np.array([good.is_loose for good in goods])[choice.good]
    known = pl.Series(brands + list(made_up) + list(farms))
    place = (
        np.where(choice.made_up, len(brands) + np.where(loose, len(made_up), 0), brand_at[choice.good]) + choice.brand
    )
    brand = known.gather(place)
    lead = pl.Series([f"{name} " if name else "" for name in known]).gather(place)
    name = lead + pl.Series(titles).gather(title_at[choice.good] + choice.variant)
    return brand, name, pl.Series(packs).gather(pack_at[choice.good] + choice.pack)


def _prices(goods: tuple[taxonomy.Goods, ...], choice: _Choice, seed: int) -> tuple[I64, F64]:
    """Give each product's base price in paise, whole rupees from 5 up, and the units in its pack."""
    _, brand_factor, brand_at = _flat([good.brands for good in goods])
    _, variant_factor, variant_at = _flat([good.variants for good in goods])
    _, sizes, pack_at = _flat([good.packs for good in goods])
    good = choice.good
    units = sizes[pack_at[good] + choice.pack]
    scale = money.power(units / sizes[pack_at[good]], _SIZE_POWER)
    brand = np.where(
        choice.made_up, 0.92, brand_factor[np.minimum(brand_at[good] + choice.brand, len(brand_factor) - 1)]
    )
    wobble = 1 + _PRICE_NOISE * (
        2 * streams.uniforms(streams.hashed(seed, Purpose.PRODUCT_PRICE, 0, np.arange(len(good)))) - 1
    )
    price = (
        np.array([g.price for g in goods])[good]
        * brand
        * variant_factor[variant_at[good] + choice.variant]
        * scale
        * wobble
    )
    return (np.maximum(5, money.round_half_up(price)) * money.PAISE_PER_RUPEE).astype(np.int64), units


def inactive(seed: int, may_be: Mask, percent: float) -> Mask:
    """Choose the products taken off sale: the given percent of all, of those that may be, bool[n]."""
    wanted = min(round(len(may_be) * percent / 100), int(may_be.sum()))
    off = np.zeros(len(may_be), bool)
    order = shuffled(seed, Purpose.PRODUCT_ACTIVE, len(may_be))
    off[order[may_be[order]][:wanted]] = True
    return off


def generated_products(
    seed: int, count: int, inactive_percent: float, ranges: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """Generate `count` products with distinct (product, pack), in scattered order; columns of `schema.PRODUCTS`.

    `ranges` are the shares of the goods list's combinations that may be taken, by subcategory; all, where none is given.
    """
    goods = taxonomy.goods()
    choice = _choose(goods, seed, count, len(taxonomy.words("brands")), ranges or {})
    base, units = _prices(goods, choice, seed)
    core = np.array([good.is_core for good in goods])[choice.good]
    active = ~inactive(seed, ~core, inactive_percent)
    # Numbers are put in their scattered order before words are made of them, which costs many times as much.
    order = shuffled(seed, Purpose.PRODUCT_ORDER, count)
    choice, base, units, active = choice.at(order), base[order], units[order], active[order]
    brand, name, pack = _names(goods, choice)
    loose = np.array([good.is_loose for good in goods])[choice.good]
    mrp = -(-(base * _MRP_OVER_BASE) // 500) * 500
    of_good = pl.DataFrame(
        [(good.category, good.subcategory, good.group, good.unit) for good in goods],
        orient="row",
        schema=["category", "subcategory", "volatility_group", "unit"],
    )[choice.good]
    return of_good.with_columns(
        product=name,
        brand=brand,
        pack=pack,
        pack_units=units,
        base_price_paise=base,
        mrp_paise=np.where(loose, 0, mrp).astype(np.int64),
        is_loose=loose,
        is_active=active,
        mrp_discount_bps=np.zeros(count, np.uint16),
    ).with_row_index("product_id")
