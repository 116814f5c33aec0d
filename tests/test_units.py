from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.errors import InputError
from ketasim.units import DIMENSIONS, check_unit, convert, parse, quantity, registry


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("40 min", "time", 2 / 3),
        ("-45 min", "time", -0.75),
        ("84h", "time", 84.0),
        ("14 days", "time", 336.0),
        ("0.5 mg/kg", "mass_per_mass", 0.5),
        ("500 ug/kg", "mass_per_mass", 0.5),
        ("50 mg", "mass", 50.0),
        ("0.05 g", "mass", 50.0),
        ("2e-3 mmol", "amount", 2.0),
        ("1.42 uM", "concentration", 1.42),
        ("185 ng/mL", "mass_concentration", 185.0),
        ("1 L/min", "clearance", 60.0),
        ("0.25", "dimensionless", 0.25),
        ("25 %", "dimensionless", 0.25),
    ],
)
def test_text_becomes_the_dimensions_own_unit(text: str, dimension: str, expected: float) -> None:
    read = parse(text, dimension)  # type: ignore[arg-type]
    assert read.magnitude == pytest.approx(expected, rel=1e-12)
    assert read.units == registry().Unit(DIMENSIONS[dimension] or "dimensionless")


@pytest.mark.parametrize(
    ("text", "dimension", "words"),
    [
        ("0.5 mgkg", "mass_per_mass", "did you mean mg/kg"),
        ("0.5", "mass_per_mass", "a dose by body weight such as '0.5 mg/kg'"),
        ("0.5 mg/kg", "dimensionless", "is not a plain number"),
        ("0.5 mg/kg", "mass", "is not a mass"),
        ("forty min", "time", "does not begin with a number"),
        ("", "time", "does not begin with a number"),
        ("40 mg", "time", "is not a time"),
        ("1 __import__('os')", "time", "unknown unit"),
        ("1 m**9**9**9**9", "time", "unknown unit"),
    ],
)
def test_wrong_text_is_one_sentence_with_the_place(text: str, dimension: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, dimension, where="dose 2")  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("dose 2: ")
    assert words in message
    assert "\n" not in message


def test_a_quantity_of_another_registry_is_understood() -> None:
    import pint

    foreign = pint.UnitRegistry().Quantity(30.0, "minute")
    assert parse(foreign, "time").magnitude == pytest.approx(0.5)
    assert quantity(foreign).to("second").magnitude == pytest.approx(1800.0)


def test_quantity_of_the_wrong_dimension_is_shown_as_written() -> None:
    with pytest.raises(InputError, match=r"'3\.0 mg' is not a time"):
        parse(quantity("3 mg"), "time")


def test_quantity_keeps_the_written_unit() -> None:
    assert str(quantity("0.5 mg/kg")) == "0.5 milligram / kilogram"


def test_arrays_keep_their_shape() -> None:
    converted = convert(np.array([[1.0, 2.0]]), "h", "min")
    assert converted.tolist() == [[60.0, 120.0]]


def test_conversion_between_dimensions_is_refused() -> None:
    with pytest.raises(InputError, match=r"'mg' cannot be converted to 'umol'"):
        convert(1.0, "mg", "umol")


@given(st.floats(1e-6, 1e6), st.sampled_from([("mg", "g"), ("h", "day"), ("umol/L", "nmol/mL")]))
def test_there_and_back_is_where_it_was(value: float, units: tuple[str, str]) -> None:
    first, second = units
    assert convert(convert(value, first, second), second, first) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "unit",
    [
        *("", "1", "fold", "point", "beat/min", "mmHg", "umol/L/h", "1/h", "h^-1", "µmol", "%"),
        *("mL / (min * kg)", "umol ** 2 / L", "L/(h*kg)"),
    ],
)
def test_units_of_the_model_are_known(unit: str) -> None:
    assert check_unit(unit) == unit


def test_unknown_unit_names_its_place() -> None:
    with pytest.raises(InputError, match=r"^table\.csv, row 4: unknown unit 'umool'"):
        check_unit("umool", where="table.csv, row 4")


@pytest.mark.parametrize("unit", ["9**9**9**9", "os.system", "m" * 100, "lambda: 1", "m/0", "h)"])
def test_only_the_spelling_of_a_unit_reaches_the_parser(unit: str) -> None:
    with pytest.raises(InputError, match="unknown unit"):
        check_unit(unit)
