"""The data files of the taxonomy: every row is read, every pack has a size, no combination comes twice."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from qsim import taxonomy
from qsim.params import GROUPS

FOLDER = Path(taxonomy.__file__).parent
HEADER = [
    "category",
    "subcategory",
    "group",
    "kind",
    "form",
    "unit",
    "packs",
    "price",
    "brands",
    "variants",
    "core",
    "own",
]


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / "goods" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, restkey="too many"))


@pytest.mark.parametrize("name", taxonomy.GOODS_FILES)
def test_every_row_of_the_goods_has_every_field_in_its_form(name: str) -> None:
    for row in rows(name):
        assert list(row) == HEADER, row
        assert row["form"] in ("loose", "packaged"), row
        assert row["core"] in ("0", "1"), row
        assert row["own"] in ("0", "1"), row
        assert row["group"] in GROUPS, row
        assert all(row[field].strip() == row[field] != "" for field in ("category", "subcategory", "kind")), row
        assert float(row["price"]) >= 5, row


@pytest.mark.parametrize("name", taxonomy.GOODS_FILES)
def test_every_pack_of_a_good_has_a_size_in_the_goods_own_unit(name: str) -> None:
    for row in rows(name):
        sizes = [taxonomy.pack_size(pack) for pack in row["packs"].split("|")]
        assert sizes, row
        assert {size[0] if size else None for size in sizes} == {row["unit"]}, row
        assert len(set(sizes)) == len(sizes), row


def test_all_rows_of_all_files_are_read_as_goods() -> None:
    goods = taxonomy.goods()
    assert len(goods) == sum(len(rows(name)) for name in taxonomy.GOODS_FILES)
    assert [good.kind for good in goods] == [row["kind"] for name in taxonomy.GOODS_FILES for row in rows(name)]
    for good, packs in zip(goods, (row["packs"] for name in taxonomy.GOODS_FILES for row in rows(name)), strict=True):
        assert len(good.packs) == packs.count("|") + 1


def test_no_brand_variant_and_kind_come_twice() -> None:
    counts = Counter(
        (brand, variant, good.kind)
        for good in taxonomy.goods()
        for brand, _ in good.brands
        for variant, _ in good.variants
    )
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_two_combinations_read_as_the_same_full_name() -> None:
    counts = Counter(
        " ".join(f"{brand} {variant} {good.kind}".split())
        for good in taxonomy.goods()
        for brand, _ in good.brands
        for variant, _ in good.variants
    )
    assert [name for name, count in counts.items() if count > 1] == []


def test_factors_of_price_are_sane_and_a_brand_comes_once_a_good() -> None:
    for good in taxonomy.goods():
        factors = [factor for _, factor in (*good.brands, *good.variants)]
        assert 0.4 <= min(factors) <= max(factors) <= 3, good.kind
        assert len(dict(good.brands)) == len(good.brands), good.kind
        assert good.combinations == len(good.brands) * len(good.variants) * len(good.packs)


def test_loose_goods_have_no_brand_and_most_fruits_and_vegetables_are_loose() -> None:
    fresh = [good.is_loose for good in taxonomy.goods() if good.group in ("fruits", "vegetables")]
    assert sum(fresh) > len(fresh) / 2
    for good in taxonomy.goods():
        if good.is_loose:
            assert [name for name, _ in good.brands] == [""], good.kind


@pytest.mark.parametrize(
    ("pack", "wanted"),
    [("500 g", ("kg", 0.5)), ("1 kg", ("kg", 1)), ("750 ML", ("l", 0.75)), ("6 pc", ("piece", 6)), (" 2 l ", ("l", 2))],
)
def test_a_pack_is_read_as_unit_and_size(pack: str, wanted: tuple[str, float]) -> None:
    size = taxonomy.pack_size(pack)
    assert size is not None
    assert size[0] == wanted[0]
    assert size[1] == pytest.approx(wanted[1])


UNDERSTOOD = {
    ("kg", 0.25): ["quarter kg", "net wt. 250 g", "Net Weight: 250 g", "250gm", "250 gm", "250 Gms.", "250 grams",
                  "250 grms", "0.25 kilo", ".25 kgs", "1 pack (250 g)"],
    ("kg", 0.3): ["20 sachets x 15 g", "15 g x 20 sachets", "20 x 15 g Sachets", "3 bars x 100 g", "3 packets of 100 g"],
    ("kg", 0.5): ["half kg", "Half a kilo", "about 500 g", "500 GM", "500 g Pouch", "4 x 125 g", "125 g x 4", "125g*4 pcs",
                  "4×125 g Pouch", "500 g (2 x 250 g)",
                  "½ kg", "1/2 Kg", "4 N x 125 g", "५०० ग्राम", "500ग्राम"],
    ("kg", 0.84): ["12 x 70 g", "70 g (Pack of 12)", "70g, pack of 12"],
    ("kg", 1): ["1kg", "1 kg.", "1 KG Bag", "500 g (Pack of 2)", "500 g, pack of 2", "500 g pack of 2 pouch", "500 g 2 pack",
                "1 किलो", "1,000 g", "1 kg (Box of 4)", "approx. 1 kg", "~1 kg", "2 pack x 500 g", "pack of 4 x 250 g",
                "500 g pouch x 2", "2 packs of 500 g", "1 packet (1 kg)"],
    ("l", 0.2): ["200ML", "200 ml Tetra Pak", "200 millilitre", "200 ml (Can)", "200 ml approx."],
    ("l", 1): ["1 Ltr", "1 litre", "1 lt", "1 liters", "1 L (Bottle)", "1 L Refill Pouch", "1 L - Bottle", "2 x 0.5 L",
               "१ लीटर", "1000 मिली"],
    ("l", 1.2): ["6 x 200 ml", "1200 ml", "200 ml x 6"],
    ("l", 1.5): ["1.5 L Bottle", "1½ l"],
    ("l", 2): ["2x1 L", "4 bottles x 500 ml", "2 bottles of 1 L", "4 x 500 ml Bottles"],
    ("piece", 1): ["1 each", "1 packet", "1 pkt", "1 unit", "1 piece", "1 pc (approx. 250 g - 300 g)", "1 pc (250 g)"],
    ("piece", 2): ["1 pair", "2 units", "1 जोड़ी"],
    ("piece", 6): ["3 pairs", "half dozen", "½ dozen", "6 eggs", "6 slices", "pack of 6 cans", "Bundle of 6", "6 pieces",
                  "Pack of 6", "6 pack", "Set of 6", "6 N", "6 nos", "6 no.", "6 pcs (300 g)", "6 count"],
    ("piece", 12): ["12 pcs", "1 dozen", "dozen", "Dozen (12 pcs)", "12 Units Box", "12's", "12s", "Box of 12", "1 दर्जन", "12 U"],
    ("piece", 18): ["1.5 dozen"],
    ("piece", 20): ["20 sachets", "20 Tea Bags", "20 teabags", "20 capsules", "20 tablets", "20 wipes", "box of 20 sachets",
                    "1 strip of 20", "pack of 20's", "20 sachets (150 g)"],
    ("piece", 24): ["2 dozen"],
    ("piece", 30): ["30 pc tray", "30 eggs tray", "1 tray (30 pcs)"],
}  # fmt: skip


@pytest.mark.parametrize(("pack", "wanted"), [(pack, size) for size, packs in UNDERSTOOD.items() for pack in packs])
def test_packs_are_read_as_indian_shops_write_them(pack: str, wanted: tuple[str, float]) -> None:
    # Alike to the last bit, however written: baskets count packs of the same size.
    assert taxonomy.pack_size(pack) == wanted


NO_PACKS = ["", "kg", "1", "-1 kg", "0 g", "nan kg", "inf kg", "some g", "250-300 g", "500 g + 50 g free", "pack of 0",
            "500 g (400 g)", "500 g (50 g free)", "5 gold", "1 ltrx", "0.5 pc", "500 g (", "pack", "g" * 200,
            "0,5 kg", "1,50 g", "1/20 kg", "11/2 kg", "1/2", "12",
            "1 bunch", "2 rolls", "1 bottle", "6 cans", "250 g (4 packets)", "2 packets", "half", "0.3 dozen", "half pc",
            "1 pair (3 pcs)"]  # fmt: skip


@pytest.mark.parametrize("pack", ["99999999999999999999 kg", "1001 kg", "0.01 g", "10001 pc", "90000 x 1 kg"])
def test_a_size_that_no_pack_has_is_none(pack: str) -> None:
    assert taxonomy.pack_size(pack) is None


def test_packs_of_goods_are_a_number_a_blank_and_a_unit_and_no_more() -> None:
    scales = {"g": 0.001, "kg": 1.0, "ml": 0.001, "l": 1.0, "pc": 1.0}
    for pack, size in {pack for good in taxonomy.goods() for pack in good.packs}:
        number, unit = pack.split(" ")
        assert size == float(number) * scales[unit], pack


@pytest.mark.parametrize("pack", NO_PACKS)
def test_what_is_no_pack_has_no_size(pack: str) -> None:
    assert taxonomy.pack_size(pack) is None


def test_localities_have_city_pincode_and_area_once_each() -> None:
    places = taxonomy.places()
    assert len(places) > 50
    assert all(len(pincode) == 6 and pincode.isdecimal() and pincode[0] != "0" for _, pincode, _ in places)
    assert all(city and area for city, _, area in places)
    assert len({(city, area) for city, _, area in places}) == len(places)


@pytest.mark.parametrize("name", ["brands", "farms"])
def test_made_up_names_are_many_distinct_and_no_real_brands(name: str) -> None:
    names = taxonomy.words(name)
    assert len(set(names)) == len(names) == 3_000
    assert all(word == word.strip() != "" for word in names)
    assert not set(names) & {brand for good in taxonomy.goods() for brand, _ in good.brands}


def test_nothing_but_the_maker_of_the_word_lists_imports_faker() -> None:
    importers = [path.name for path in FOLDER.parent.rglob("*.py") if "import Faker" in path.read_text("utf-8")]
    assert importers == ["make_words.py"]
