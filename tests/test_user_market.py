"""Markets over a user's own product list: what of the list is sold, and what contradicts a list and is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import qsim
from qsim.errors import UsageError
from tests.commands import Shell

LIST = "product,brand,category,pack,mrp,price\n" + "".join(
    f"Good {n},Maker,Dairy,1 kg,{200 + n},150\n" for n in range(60)
)


@pytest.fixture
def goods(tmp_path: Path) -> Path:
    (tmp_path / "goods.csv").write_text(LIST)
    return tmp_path / "goods.csv"


def on_sale(market: Path) -> int:
    with qsim.connect(market) as connection:
        return connection.sql("SELECT count(*) FROM products WHERE is_active").fetchall()[0][0]


@pytest.mark.parametrize("preset", ["classic", "realistic"])
def test_all_products_of_a_list_are_on_sale(preset: str, goods: Path, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", preset=preset, catalog=goods)
    assert on_sale(tmp_path / "m") == 60


def test_products_of_a_list_are_taken_off_sale_where_that_is_asked_for(goods: Path, tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", catalog=goods, inactive_percent=10)
    assert on_sale(tmp_path / "m") == 54


def test_parameters_of_a_market_over_a_list_need_the_list(goods: Path, tmp_path: Path, shell: Shell) -> None:
    qsim.generate(tmp_path / "m", catalog=goods)
    (tmp_path / "m.toml").write_text(shell("config", "show", "m").out)
    told = shell.refused(2, "generate", "m2", "--config", "m.toml")
    assert "catalog: found 'goods.csv' without the file" in told and "give --catalog FILE" in told
    assert shell("generate", "m2", "--config", "m.toml", "--catalog", goods).code == 0
    assert shell("generate", "m3", "--config", "m.toml", "--set", 'catalog=""').code == 0


def test_a_number_of_products_beside_a_list_is_refused(goods: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"products: found 5000 with a catalog; .*; leave one of them out"):
        qsim.generate(tmp_path / "m", catalog=goods, products=5_000)
    assert not (tmp_path / "m").exists()


CONTRADICTIONS = {
    "strict without a list": (["generate", "m2", "--strict"], "strict: found without a catalog"),
    "a column for two fields": (
        ["generate", "m2", "--catalog", "goods.csv", "--map", "product=product", "--map", "product=brand"],
        "--map 'product=brand': found the column 'product' named for 'product' already",
    ),
    "a market and a preset": (["config", "show", "shop", "--preset", "realistic"], "allowed is one of them"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_contradicts_itself_is_refused_in_one_line(name: str, goods: Path, shell: Shell) -> None:
    command, told = CONTRADICTIONS[name]
    assert told in shell.refused(2, *command)
