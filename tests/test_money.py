"""Money: powers that are the same everywhere, rupees in the Indian grouping, halves up."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsim import money
from qsim.money import MAX_PAISE, power, round_half_up, rupees

DOCUMENTED_ERROR = 1e-14


def relative_error(base: float, exponent: float, found: float) -> float:
    """How far a power is from the exact one, worked out in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        exact = (Decimal(exponent) * Decimal(base).ln()).exp()
        return float(abs(Decimal(found) - exact) / exact)


def test_powers_equal_the_librarys_to_the_documented_error_on_many_prices() -> None:
    bases = np.unique(np.concatenate([np.arange(1, 3_000), np.geomspace(1, MAX_PAISE, 3_000)])).astype(np.float64)
    for exponent in (0.0, 0.1, 0.5, 0.9, 0.94, 1.0):
        wanted = np.array([math.pow(base, exponent) for base in bases.tolist()])
        assert np.abs(power(bases, exponent) / wanted - 1).max() < DOCUMENTED_ERROR


@settings(max_examples=400, deadline=None)
@given(st.floats(1e-300, 1e300), st.floats(-9, 9))
def test_powers_are_within_the_documented_error_of_exact_ones(base: float, log_of_result: float) -> None:
    exponent = log_of_result / math.log10(base) if abs(math.log10(base)) > 1e-6 else 1.0
    found = float(power(np.array([base]), exponent)[0])
    if 1e-9 <= found <= 1e9:
        assert relative_error(base, exponent, found) < DOCUMENTED_ERROR


@pytest.mark.parametrize("base", [5e-324, 2.0**-1022, 1.0 - 2.0**-53, 1.0, 1.0 + 2.0**-52, 2.0**1023, 1.7e308])
def test_powers_hold_at_the_ends_of_what_a_double_can_be(base: float) -> None:
    for exponent in (0.01, -0.01):
        assert relative_error(base, exponent, float(power(np.array([base]), exponent)[0])) < DOCUMENTED_ERROR


@pytest.mark.parametrize("exponent", [-746.0, -2e9, -1e17, -1e20, -1e100, -1e300, -math.inf])
def test_exponentials_of_anything_far_below_are_nothing(exponent: float) -> None:
    assert money.exp(np.array([exponent])).tolist() == [0.0]


def test_exponentials_of_anything_far_above_are_finite_and_no_less_than_others() -> None:
    found = money.exp(np.array([590.0, 610.0, 710.0, 1e4, 1e10, 1e300, math.inf]))
    assert (np.diff(found) >= 0).all()
    assert np.isfinite(100 * money.MAX_PAISE * found).all()


def test_powers_are_exact_where_nothing_is_to_be_done() -> None:
    assert power(np.array([1.0, 7.0, 1e9]), 0.0).tolist() == [1.0, 1.0, 1.0]
    assert power(np.array([1.0]), 0.9).tolist() == [1.0]


def test_powers_never_fall_as_the_price_rises() -> None:
    for exponent in (0.5, 0.9, 1.0):
        assert (np.diff(power(np.arange(1, 200_000, dtype=np.float64), exponent)) > 0).all()


def test_the_bits_of_powers_are_those_of_the_format() -> None:
    bits = [value.hex() for value in power(np.array([2.0, 1000.0, 123_456.0, MAX_PAISE]), 0.9).tolist()]
    assert bits == ["0x1.ddb680117ab12p+0", "0x1.f52fee8b01d89p+8", "0x1.2aa45fcf3d08ap+15", "0x1.ddb6800e1ecf8p+27"]
    every = power(np.arange(1.0, 200_000.0), 0.9)
    assert (
        hashlib.sha256(every.astype("<f8").tobytes()).hexdigest()
        == "abb1d806f4bb9b98bd2fe657e4501da201a0e49d001df8d70f473b0fd7a93aad"
    )


def test_powers_keep_the_shape_and_leave_their_input_alone() -> None:
    base = np.arange(1.0, 7.0).reshape(2, 3)
    found = power(base, 0.9)
    assert found.shape == (2, 3)
    assert found.ravel().tolist() == power(base.ravel(), 0.9).tolist()
    assert base.ravel().tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "₹0.00"), (5, "₹0.05"), (99_999, "₹999.99"), (100_000, "₹1,000.00"), (9_999_999, "₹99,999.99"),
        (12_345_678, "₹1,23,456.78"), (1_234_567_890, "₹1,23,45,678.90"), (10**13, "₹1,00,00,00,00,000.00"),
        (-5, "-₹0.05"), (-12_345_678, "-₹1,23,456.78"),
    ],
)  # fmt: skip
def test_rupees_are_grouped_by_thousands_lakhs_and_crores(paise: int, text: str) -> None:
    assert rupees(paise) == text


@given(st.integers(-(10**15), 10**15))
def test_rupees_hold_all_of_the_amount(paise: int) -> None:
    assert Decimal(rupees(paise).replace("₹", "").replace(",", "")) * 100 == paise


def test_halves_go_up() -> None:
    halves = np.array([0.0, 0.49, 0.5, 1.5, 2.5, 2.51, -0.5, -1.5, 99_999.5])
    assert round_half_up(halves).tolist() == [0, 0, 1, 2, 3, 3, 0, -1, 100_000]


@given(st.integers(-(2**40), 2**40), st.integers(1, 63))
def test_rounding_is_that_of_exact_fractions(whole: int, sixty_fourths: int) -> None:
    exact = Fraction(whole) + Fraction(sixty_fourths, 64)
    assert round_half_up(np.array([float(exact)]))[0] == math.floor(exact + Fraction(1, 2))


def test_logarithms_of_whole_amounts_are_those_of_log_in_the_table_and_beyond() -> None:
    prices = np.array([[1, 2, 131_071], [131_072, 5_000_000, 2**31 - 1]], np.int32)
    assert (money.log_of_paise(prices) == money.log(prices.astype(np.float64))).all()
