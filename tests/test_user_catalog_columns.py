"""Which column of a user's product list stands for which field, and which group a category belongs to."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from qsim.behaviour import GROUPS
from qsim.catalog.csv_rows import clean_header
from qsim.catalog.user_file import read_user_catalog
from qsim.catalog.user_groups import packaged_groups
from qsim.errors import InputError, UsageError

HEADER = "product,brand,category,subcategory,pack,mrp,price\n"


def write(tmp_path: Path, text: str, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def row(product: str, category: str, subcategory: str = "") -> str:
    return f"{product},Amul,{category},{subcategory},1 l,30,28.50\n"


MILK = row("Milk", "Dairy")


def test_columns_are_known_by_synonyms_in_any_case(tmp_path: Path) -> None:
    text = "Product Name,BRAND,Category,Sub-Category,Market_Price,Selling price,Weight\na,b,Dairy,s,2,1,1 kg\n"
    products = read_user_catalog(write(tmp_path, text), {}).products
    expected = (2, "a", "b", "Dairy", "s", "1 kg", 200, 100, "dairy")
    assert products.row(0) == expected


def test_exact_field_name_wins_over_a_synonym(tmp_path: Path) -> None:
    text = "product,name,brand,category,mrp,price\na,z,b,Dairy,2,1\n"
    catalog = read_user_catalog(write(tmp_path, text), {})
    assert catalog.products["product"].to_list() == ["a"]
    assert catalog.warnings == ["columns not used: 'name'"]


def test_map_wins_over_names(tmp_path: Path) -> None:
    text = "product,brand,category,mrp,price,web rate\na,b,Dairy,9,8,7\n"
    catalog = read_user_catalog(write(tmp_path, text), {"Web_Rate": "price"})
    assert catalog.products["price_paise"].to_list() == [700]
    assert catalog.warnings == ["columns not used: 'price'"]


@pytest.mark.parametrize(
    ("mapping", "parts"),
    [
        ({"prise": "price"}, ["no column 'prise'", "nearest: 'price'"]),
        ({"price": "prize"}, ["no field 'prize'", "nearest: 'price'", "subcategory"]),
        ({"price": "mrp", "mrp": "mrp"}, ["mapped twice", "drop one --map"]),
    ],
)
def test_map_that_does_not_fit_names_the_nearest(mapping: dict[str, str], parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_user_catalog(write(tmp_path, HEADER + MILK), mapping)
    assert all(part in str(caught.value) for part in [*parts, "--map", "allowed"])


def test_unknown_category_goes_to_other_with_a_counted_warning(tmp_path: Path) -> None:
    text = HEADER + row("a", "Drones") + row("b", "Drones") + row("c", "Baby Care")
    catalog = read_user_catalog(write(tmp_path, text), {})
    assert catalog.products["volatility_group"].to_list() == ["other"] * 3
    (warning,) = catalog.warnings
    assert "'Drones' (2 rows)" in warning and "Baby" not in warning


def test_user_groups_override_the_packaged_table(tmp_path: Path) -> None:
    groups = write(tmp_path, "category,subcategory,group\nDRONES,,snacks\nDairy,Ghee,staples\n", "groups.csv")
    text = HEADER + row("a", "Drones") + row("b", "Dairy") + row("c", "Dairy", "ghee")
    products = read_user_catalog(write(tmp_path, text), {}, groups=groups).products
    assert products["volatility_group"].to_list() == ["snacks", "dairy", "staples"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "category,subcategory,group\nDairy,,diary\n",
            ["'diary' at line 2", "nearest: 'dairy'", "vegetables"],
        ),
        ("category,sub_categry,group\nDairy,,dairy\n", ["'sub_categry'", "nearest: 'subcategory'"]),
        ("category,group\nDairy,dairy\n", ["'category,group'", "category,subcategory,group"]),
        ("category,subcategory,group\nDairy,,dairy\ndairy,,other\n", ["second group", "line 3"]),
        ("category,subcategory,group\nDairy,dairy\n", ["2 cells under 3 columns", "line 2"]),
        ("category,subcategory,group\n,,dairy\n", ["no category at line 2"]),
    ],
)
def test_faulty_group_file_is_refused(text: str, parts: list[str], tmp_path: Path) -> None:
    groups = write(tmp_path, text, "groups.csv")
    with pytest.raises(InputError) as caught:
        read_user_catalog(write(tmp_path, HEADER + MILK), {}, groups=groups)
    assert all(part in str(caught.value) for part in [str(groups), "allowed", *parts])


def test_packaged_table_uses_every_group_and_knows_generated_categories() -> None:
    table = packaged_groups()
    assert set(table.values()) == set(GROUPS)
    made = [
        ("fruits and vegetables", "fruits"),
        ("fruits and vegetables", "vegetables"),
        ("dairy and eggs", ""),
    ]
    made += [("snacks and beverages", ""), ("pantry staples", "")]
    assert [table[key] for key in made] == ["fruits", "vegetables", "dairy", "snacks", "staples"]


def test_a_header_of_very_many_columns_is_read_in_time_that_grows_with_their_number(tmp_path: Path) -> None:
    header, begin = [f"c{nth}" for nth in range(100_000)], monotonic()
    assert clean_header(tmp_path, header) == header
    assert monotonic() - begin < 10
    with pytest.raises(InputError, match="two columns named 'c7'"):
        clean_header(tmp_path, [*header, "", "", "c7", "c3"])
