"""Checks of the catalog against what it is made from (category 1): packs, places, and permanent discounts to the MRP."""

from __future__ import annotations

from qsim.taxonomy.packs import pack_size
from qsim.validation.checks import Check, Judgement, Rows, as_text, faults

# Reading a pack takes microseconds; a list of a million goods has hundreds of thousands of packs.
_MOST_PACKS = 20_000


def _misread(rows: Rows, _: float) -> Judgement:
    wrong = [row for row in rows if (pack_size(row["pack"]) or ("", 0.0)) != (row["unit"], row["pack_units"])]
    return Judgement(not wrong, len(wrong), f"for example {as_text(wrong[0])}" if wrong else "")


CHECKS: tuple[Check, ...] = (
    Check(
        "1.31",
        "A pack holds so many of its unit as its text says.",
        f"SELECT DISTINCT pack, unit, pack_units FROM raw.products ORDER BY ALL LIMIT {_MOST_PACKS}",
        "0 faulty rows",
        _misread,
    ),
    faults(
        "1.32",
        "The dark stores of every platform are at the places of the list, one after the other.",
        """SELECT store_id, city, pincode, area FROM (
            SELECT *, row_number() OVER (PARTITION BY platform_id ORDER BY store_id) - 1 AS nth FROM raw.stores)
        ANTI JOIN (SELECT s.nth, p.city, p.pincode, p.area FROM (SELECT unnest(range(stores)) AS nth FROM checked.market) AS s
            JOIN checked.places AS p ON p.place = s.nth % (SELECT count(*) FROM checked.places)) AS p
            USING (nth, city, pincode, area)""",
    ),
    faults(
        "1.33",
        "Permanent discounts to the MRP are of the sizes that the parameters give the goods; where a list of goods gives them,"
        " loose goods alone have one, from its MRP to its price.",
        """SELECT product_id, volatility_group, is_loose, mrp_discount_bps FROM raw.products, checked.market
        WHERE CASE WHEN generated THEN mrp_discount_bps > 0 AND (volatility_group, mrp_discount_bps) NOT IN
                (SELECT (volatility_group, bps) FROM checked.mrp_discounts)
            ELSE mrp_discount_bps > 0 AND NOT is_loose END""",
    ),
)
