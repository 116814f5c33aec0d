"""Formulas of SBML against answers that are known without a computer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import libsbml
import pytest

from ketasim.errors import ModelError
from ketasim.report.mechanism.formula import Formula, compile_formula, names_in, weighted_sum

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = {"x": 2.0, "y": 3.0, "z": -8.0}


def value(text: str, **names: float) -> float:
    node = libsbml.parseL3Formula(text)
    assert node is not None, libsbml.getLastParseL3Error()
    return compile_formula(node)({**VALUES, **names})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x + y + 1", 6.0),
        ("x - y", -1.0),
        ("-x", -2.0),
        ("x * y * 2", 12.0),
        ("y / x", 1.5),
        ("x ^ y", 8.0),
        ("pow(x, 5)", 32.0),
        ("1e3 + (1/4)", 1000.25),
        ("sqrt(16)", 4.0),
        ("root(3, 27)", 3.0),
        ("exp(0)", 1.0),
        ("ln(exp(y))", 3.0),
        ("log10(1000)", 3.0),
        ("log(2, 8)", 3.0),
        ("abs(z)", 8.0),
        ("min(x, y, z)", -8.0),
        ("max(x, y, z)", 3.0),
        ("floor(-1.5)", -2.0),
        ("ceil(1.2)", 2.0),
        ("sin(pi / 2)", 1.0),
        ("cos(0)", 1.0),
        ("tan(0)", 0.0),
        ("tanh(0)", 0.0),
        ("exponentiale", math.e),
        ("avogadro", 6.02214076e23),
        ("time + x", 2.0),
        ("piecewise(10, x > y, 20, x < y, 30)", 20.0),
        ("piecewise(10, x > y, 30)", 30.0),
        ("piecewise(1, x <= 2 && y >= 3 && z != 0, 0)", 1.0),
        ("piecewise(1, x == 3 || y == 3, 0)", 1.0),
        ("piecewise(1, !(x < y), 0)", 0.0),
        ("piecewise(1, true, 0)", 1.0),
        ("piecewise(1, false, 0)", 0.0),
    ],
)
def test_a_formula_has_its_known_value(text: str, answer: float) -> None:
    assert value(text) == pytest.approx(answer)


@pytest.mark.parametrize(
    "text", ["1 / (x - 2)", "ln(z)", "z ^ (1/2)", "exp(1e6)", "piecewise(1, x > y)"]
)
def test_what_has_no_value_is_nan(text: str) -> None:
    assert math.isnan(value(text))


def test_a_function_of_the_model_is_called_with_its_own_names() -> None:
    hill = libsbml.parseL3Formula("lambda(s, x, s^x / (s^x + 1))")
    call = compile_formula(libsbml.parseL3Formula("hill(y, x) + x"), {"hill": hill})
    assert call(VALUES) == pytest.approx(9 / 10 + 2)


def test_a_function_nobody_defined_is_named() -> None:
    with pytest.raises(ModelError, match="'mystery'"):
        value("mystery(x)")


def test_a_delay_has_no_value_at_a_point() -> None:
    with pytest.raises(ModelError, match="cannot evaluate 'delay'"):
        value("delay(x, 1)")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a * b + f(c, 2)", {"a", "b", "c"}),
        ("time + a", {"a"}),
        ("piecewise(a, b > 1, c)", {"a", "b", "c"}),
        ("1 + pi", set()),
    ],
)
def test_the_names_in_a_formula_are_those_with_values(text: str, names: set[str]) -> None:
    assert names_in(libsbml.parseL3Formula(text)) == names


def test_reaction_terms_add_up_with_their_stoichiometry() -> None:
    terms: list[tuple[float, Formula]] = [
        (2.0, compile_formula(libsbml.parseL3Formula("x"))),
        (-1.0, compile_formula(libsbml.parseL3Formula("y"))),
    ]
    assert weighted_sum(terms)(VALUES) == 2 * 2 - 3


def test_a_formula_is_never_run_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    # A model file is untrusted input: a name that is code is only a name that has no value.
    asked: Callable[..., float] = compile_formula(libsbml.parseL3Formula("__import__ + 1"))
    assert asked({"__import__": 1.0}) == 2.0
