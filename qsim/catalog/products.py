"""Products of a generated market: which goods, in which brand, variant and pack, at which base price.

Every kind of good is given once before any is given twice, everyday goods first; real brands come before made-up
ones, which only large markets need. Works on whole columns; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress

import numpy as np
import polars as pl

from qsim import interrupts, money, streams, taxonomy, threads
from qsim.arrays import F64, I32, I64, Mask
from qsim.streams import Purpose

# Large packs are cheaper a unit: the price grows with size to this power. A choice; Indian shelf prices of the
# same good in several packs lie between .9 and 1.
_SIZE_POWER = 0.94
_PRICE_NOISE = 0.04
_MRP_OVER_BASE = 1.25


@dataclass(frozen=True)
class _Choice:
    """Which good and which of its combinations each product is: int32[n] columns, by product id."""

    good: I32
    brand: I32
    variant: I32
    pack: I32
    made_up: Mask


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
    if left:
        turn = turn[_of_any_brand(goods)[turn]]
        shares[turn] += left // len(turn)
        shares[turn[: left % len(turn)]] += 1
    return shares


def _choose(
    goods: tuple[taxonomy.Goods, ...], seed: int, order: I64, made_up_names: int, ranges: Mapping[str, float]
) -> _Choice:
    """Choose products; `order` tells the place of each among those of all goods laid end to end."""
    shares = _counts(goods, seed, len(order), ranges)
    good = np.repeat(np.arange(len(goods), dtype=np.int32), shares)[order]
    nth = (order - (np.cumsum(shares) - shares)[good]).astype(np.int32)
    brands, variants, packs = (
        np.array([len(getattr(g, name)) for g in goods], np.int32) for name in ("brands", "variants", "packs")
    )
    first = (streams.hashed(seed, Purpose.PRODUCT_CHOICE, 1, np.arange(len(goods))) >> np.uint64(40)).astype(np.int32)
    real = (brands * variants * packs)[good]
    made_up = nth >= real
    nth -= np.where(made_up, real, 0)
    names = np.where(made_up, np.int32(made_up_names), brands[good])
    rest = nth // names
    packs = packs[good]
    return _Choice(good, (nth + first[good]) % names, rest // packs % variants[good], rest % packs, made_up)


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
    numbers = np.arange(count if wanted is None else min(count, wanted), dtype=np.int64)
    numbers *= a % count
    numbers += c % count
    # A remainder by the quotient, which numpy finds many at a time: half of the time of its `%`.
    numbers -= numbers // count * count
    return numbers


def _flat(lists: list[tuple[tuple[str, float], ...]]) -> tuple[list[str], F64, I32]:
    """Lay lists of (name, number) end to end: names, numbers, and where each list starts."""
    starts = np.cumsum([0, *(len(names) for names in lists)], dtype=np.int32)[:-1]
    return [name for names in lists for name, _ in names], np.array([x for names in lists for _, x in names]), starts


def _texts(goods: tuple[taxonomy.Goods, ...], choice: _Choice) -> pl.DataFrame:
    """Give the columns of each product that are text: its name, brand, pack, and what its good has."""
    brands, _, brand_at = _flat([good.brands for good in goods])
    packs, _, pack_at = _flat([good.packs for good in goods])
    titles, _, title_at = _flat([tuple((title, 1.0) for title in _titles(good)) for good in goods])
    made_up, farms = taxonomy.words("brands"), taxonomy.words("farms")
    loose = np.array([good.is_loose for good in goods])
    made_up_at = np.where(loose, len(brands) + len(made_up), len(brands)).astype(np.int32)
    known = brands + list(made_up) + list(farms)
    places = pl.DataFrame(
        {
            "good": choice.good,
            "brand": np.where(choice.made_up, made_up_at[choice.good], brand_at[choice.good]) + choice.brand,
            "title": title_at[choice.good] + choice.variant,
            "pack": pack_at[choice.good] + choice.pack,
        }
    )

    words = pl.Series([f"{name} " if name else "" for name in known])
    # In one statement the columns are made side by side.
    return places.select(
        product=pl.lit(words).gather("brand") + pl.lit(pl.Series(titles)).gather("title"),
        **_repeated(places, "brand", brand=known),
        **_repeated(places, "pack", pack=packs),
        **_repeated(
            places,
            "good",
            category=[good.category for good in goods],
            subcategory=[good.subcategory for good in goods],
            volatility_group=[good.group for good in goods],
            unit=[good.unit for good in goods],
        ),
    )


def _repeated(places: pl.DataFrame, place: str, **lists: list[str]) -> dict[str, pl.Expr]:
    """Give columns of few texts, from lists in which a column of `places` tells where each row has its text.

    Texts are in alphabetical order, so that they sort as such, and only those that occur: they are written with the table.
    """
    occurs = np.zeros(len(next(iter(lists.values()))), bool)
    occurs[places[place]] = True
    columns = {}
    for name, texts in lists.items():
        used = {*compress(texts, occurs)}
        known = pl.Series([text if text in used else None for text in texts], dtype=pl.Enum(sorted(used)))
        columns[name] = pl.lit(known).gather(place)
    return columns


def _prices(goods: tuple[taxonomy.Goods, ...], choice: _Choice, seed: int, order: I64) -> tuple[I64, F64]:
    """Give each product's base price in paise, whole rupees from 5 up, and the units in its pack."""
    _, brand_factor, brand_at = _flat([good.brands for good in goods])
    _, variant_factor, variant_at = _flat([good.variants for good in goods])
    _, sizes, pack_at = _flat([good.packs for good in goods])
    firsts = np.repeat(sizes[pack_at], [len(good.packs) for good in goods])
    scales = money.power(sizes / firsts, _SIZE_POWER)
    good = choice.good
    pack = pack_at[good] + choice.pack
    brand = np.where(
        choice.made_up, 0.92, brand_factor[np.minimum(brand_at[good] + choice.brand, len(brand_factor) - 1)]
    )
    wobble = 1 + _PRICE_NOISE * (2 * streams.uniforms(streams.hashed(seed, Purpose.PRODUCT_PRICE, 0, order)) - 1)
    price = (
        np.array([g.price for g in goods])[good]
        * brand
        * variant_factor[variant_at[good] + choice.variant]
        * scales[pack]
        * wobble
    )
    return (np.maximum(5, money.round_half_up(price)) * money.PAISE_PER_RUPEE).astype(np.int64), sizes[pack]


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
    # The scattered order is put into the numbers that all else is made of.
    order = shuffled(seed, Purpose.PRODUCT_ORDER, count)
    choice = _choose(goods, seed, order, len(taxonomy.words("brands")), ranges or {})
    with interrupts.held_back(), ThreadPoolExecutor(1) as aside:
        # Texts are half of the work; they are made beside the numbers.
        texts = aside.submit(_texts, goods, choice)
        with interrupts.let_through():
            base, units = _prices(goods, choice, seed, order)
            may_be = np.zeros(count, bool)
            may_be[order] = np.array([not good.is_core for good in goods])[choice.good]
            active = ~inactive(seed, may_be, inactive_percent)[order]
            loose = np.array([good.is_loose for good in goods])[choice.good]
            mrp = np.where(loose, 0, -(-(base * _MRP_OVER_BASE) // 500) * 500).astype(np.int64)
        written = threads.result(texts)
    made = written.with_columns(
        pack_units=units,
        base_price_paise=base,
        mrp_paise=mrp,
        is_loose=loose,
        is_active=active,
        mrp_discount_bps=np.zeros(count, np.uint16),
    )
    return made.with_row_index("product_id")
