"""What SBML says is what is computed: libRoadRunner reads the same files and must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pint
import pytest
import roadrunner
import scipy.integrate

from ketasim.engine import CompiledModel, compile_model
from ketasim.errors import ModelError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

# Each model: its text, and the names compared.
MODELS = {
    "hill": """
        function hill(x, k, n)
          x^n / (k^n + x^n)
        end
        model m
          compartment V = 2
          substanceOnly species A in V = 1.5; substanceOnly species B in V = 0
          k = 0.7; n = 1.6; K := 0.4 + 0.1*c; c := A / V
          R1: A -> 2 B; k * hill(c, K, n); R2: B -> ; j * B; j = 0.3
        end""",
    "piecewise": """
        model m
          compartment C = 1
          species S in C = 1; species T in C = 0
          R1: S -> T; C * piecewise(0.1*S, time < 2.5, S, (time >= 2.5) && (time < off), 0.3*S)
          R2: T -> ; C * T * piecewise(1, time > 7.25, 0.2); off = 4.1
        end""",
    "concentrations": """
        model m
          compartment P = 3; compartment Q = 0.5
          species X in P = 2; species Y in Q; Y = 1; species $Z in P = 4
          X -> Y; k1 * X * P; Y -> X; k2 * Y * Q; Z -> X; k3 * P
          k1 = 0.2; k2 = 0.5; k3 = 0.01
        end""",
    "initial assignments": """
        model m
          compartment V = 2
          substanceOnly species A in V; A = a0 * 3; a0 = k + 1; k = 0.5
          u = 2 * a0 + w; w := A + 1; x = u; x' = k - 0.1 * x * a0
          A -> ; k * A
        end""",
    "functions": """
        model m
          x = 0.5; y = 1.2; z = 3
          x' = sin(y) * exp(-x) + tanh(z) - abs(x - 10)/20 + arctan(y)/5
          y' = ln(1 + z^2) - sqrt(y) * log10(z + 10) - min(x + 7, y, 8) * y
          z' = cos(time) * max(x, -9) - floor(2.7) * z / 4 + ceil(0.2) * root(3, 2 + y)/9
          r := arcsin(0.3) * sec(x) + cosh(0.1 * y) + pi + exponentiale
        end""",
    "local parameters and conversion": """
        model m
          species A = 5; species B = 0; compartment c; c = 1
          A in c; B in c
          J0: 2 A -> 3 B; kk * A * A; kk = 0.05
          J1: B -> A; 0.1 * B / (2 + B)
          q := J0 - J1
        end""",
    "logic": """
        model m
          x = 0; y = 1
          x' = piecewise(1, !(x > 3) || (y == 7), 0.5)
          y' = piecewise(2, xor(time > 1, time > 4), 0.5, true && (time != 0), 0) - 0.2*y
        end""",
}


def trusted(sbml: str, times: np.ndarray, names: list[str], amounts: set[str]) -> np.ndarray:
    runner = roadrunner.RoadRunner(sbml)
    runner.integrator.relative_tolerance = 1e-12
    runner.integrator.absolute_tolerance = 1e-15
    runner.integrator.maximum_num_steps = 100_000
    species = set(runner.model.getFloatingSpeciesIds()) | set(runner.model.getBoundarySpeciesIds())
    chosen = [f"[{n}]" if n in species - amounts else n for n in names]
    runner.timeCourseSelections = ["time", *chosen]
    return np.array(runner.simulate(times=times.tolist()))[:, 1:]


SMOOTH = [name for name in MODELS if name not in ("piecewise", "logic")]


@pytest.mark.parametrize("name", SMOOTH)
def test_trajectories_agree_with_libroadrunner(name: str, sbml: Callable[[str], str]) -> None:
    text = sbml(MODELS[name])
    model = compile_model(text)
    times = np.linspace(0.0, 10.0, 21)
    amounts = {s for s in model.states if "substanceOnly species " + s in MODELS[name]}
    names = [n for n in model.observables if n != "Z"]
    expected = trusted(text, times, names, amounts)
    found = model.solve(times, outputs=names, rtol=1e-12, atol=1e-15).values[0]
    # At its tightest CVODE's own error over the whole run is some 1e-9.
    assert found == pytest.approx(expected, rel=2e-8, abs=1e-10)


@pytest.mark.parametrize("name", SMOOTH)
def test_trajectories_agree_with_scipy_over_libroadrunners_equations(
    name: str, sbml: Callable[[str], str]
) -> None:
    text = sbml(MODELS[name])
    fast, slow = compile_model(text), compile_model(text, backend="roadrunner")
    times = np.linspace(0.0, 5.0, 11)
    oracle = scipy.integrate.solve_ivp(
        lambda t, y: slow.derivatives(y, time=t), (0.0, 5.0), slow.initial_state(),
        method="DOP853", t_eval=times, rtol=1e-12, atol=1e-15,
    )  # fmt: skip
    found = fast.solve(times, rtol=1e-12, atol=1e-15).values[0]
    assert found == pytest.approx(oracle.y.T, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("name", ["piecewise", "logic"])
def test_switching_equations_agree_with_libroadrunner(
    name: str, sbml: Callable[[str], str]
) -> None:
    # CVODE steps over switches, so it is the less exact of the two.
    text = sbml(MODELS[name])
    model = compile_model(text)
    times = np.linspace(0.0, 10.0, 21)
    expected = trusted(text, times, list(model.states), set())
    found = model.solve(times, rtol=1e-10, atol=1e-13).values[0]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_rates_and_start_agree_with_libroadrunner(name: str, sbml: Callable[[str], str]) -> None:
    text = sbml(MODELS[name])
    fast, slow = compile_model(text), compile_model(text, backend="roadrunner")
    start = fast.initial_state()
    assert start == pytest.approx(slow.initial_state(), rel=1e-14)
    moved = start * 1.1 + 0.05
    assert fast.derivatives(moved, time=0.5) == pytest.approx(
        slow.derivatives(moved, time=0.5), rel=1e-12, abs=1e-14
    )


@pytest.mark.parametrize("name", MODELS)
def test_jacobians_agree_with_finite_differences(name: str, sbml: Callable[[str], str]) -> None:
    from ketasim.engine.population import PopulationSolver

    model = PopulationSolver(sbml(MODELS[name]))
    state, step = model.initial_state() * 1.1 + 0.07, 1e-6
    matrix = np.zeros((len(state), len(state)))
    for column in range(len(state)):
        shift = np.eye(len(state))[column] * step
        up = model.derivatives(state + shift, time=0.5)
        matrix[:, column] = (up - model.derivatives(state - shift, time=0.5)) / (2 * step)
    assert model.jacobian(state, time=0.5) == pytest.approx(matrix, rel=1e-6, abs=1e-8)


def test_a_parameter_set_by_the_user_reaches_what_is_computed_from_it(
    solver: Callable[[str], CompiledModel],
) -> None:
    model = solver(MODELS["initial assignments"])
    assert model.defaults["a0"] == 1.5
    # A starts at 3 a0, a0 = k + 1, u = 2 a0 + A + 1.
    assert dict(zip(model.states, model.initial_state(), strict=True)) == {"A": 4.5, "x": 8.5}
    assert model.initial_state({"k": 1.0}).tolist() == [6.0, 11.0]
    assert model.initial_state({"a0": 1.0}).tolist() == [3.0, 6.0]
    assert model.initial_state({"A": 9.0}).tolist() == [9.0, 13.0]


def test_names_units_and_defaults(solver: Callable[[str], CompiledModel]) -> None:
    model = solver(
        """
        model m
          unit h = 3600 second; unit umol = 1e-6 mole; unit per_h = 1 / (3600 second)
          unit L = litre; unit mg = 1e-3 gram
          unit time_unit = h; unit substance = umol; unit volume = L
          compartment V = 2; V has L
          substanceOnly species A in V = 1; species B in V = 3
          k = 0.5; k has per_h; w = 70; w has mg; z = 1
          A -> B; k * A
          conc := A / V
        end"""
    )
    registry = pint.UnitRegistry()
    expected = {
        "A": "umol", "B": "umol/L", "k": "1/h", "V": "L", "w": "mg", "time": "h",
    }  # fmt: skip
    for name, unit in expected.items():
        assert registry.Unit(model.units[name]) == registry.Unit(unit)
    assert model.units["z"] == ""
    assert model.states == ("A", "B")
    assert set(model.parameters) == {"V", "k", "w", "z"}
    assert model.observables == ("A", "B", "conc")
    assert model.defaults == {"V": 2.0, "k": 0.5, "w": 70.0, "z": 1.0}


@pytest.mark.parametrize("backend", ["numba", "roadrunner"])
def test_a_reaction_without_a_rate_is_refused_by_name(
    backend: Literal["numba", "roadrunner"], sbml: Callable[[str], str]
) -> None:
    with pytest.raises(ModelError, match="reaction 'R' has no rate"):
        compile_model(sbml("model m; species A, B; R: A -> B; ; end"), backend=backend)


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_an_algebraic_rule_a_delay_and_a_package_are_refused(sbml: Callable[[str], str]) -> None:
    plain = sbml("model m; x = 1; y := 2 * x; x' = -x; end")
    algebraic = edited(
        edited(plain, '<assignmentRule variable="y">', "<algebraicRule>"),
        "</assignmentRule>", "</algebraicRule>",
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"algebraic rule 0 = 2 \* x"):
        compile_model(algebraic)
    with pytest.raises(ModelError, match="delay"):
        compile_model(sbml("model m; x = 1; x' = -delay(x, 2); end"))
    flux = edited(
        edited(plain, "<model ", '<model fbc:strict="false" '), 'level="3"',
        'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2" '
        'fbc:required="false" level="3"',
    )  # fmt: skip
    with pytest.raises(ModelError, match="package 'fbc'"):
        compile_model(flux)


def test_broken_files_are_told_in_a_sentence(sbml: Callable[[str], str]) -> None:
    with pytest.raises(ModelError, match="line"):
        compile_model("this is no model")
    with pytest.raises(ModelError, match="line"):
        compile_model("")
    plain = sbml("model m; rate = 1; x = 1; x' = -rate*x; end")
    with pytest.raises(ModelError, match=r"'rote'.*did you mean rate"):
        compile_model(edited(plain, "<ci> rate </ci>", "<ci> rote </ci>"))


def test_rules_in_a_circle_are_named(sbml: Callable[[str], str]) -> None:
    plain = sbml("model m; x = 1; a := 2*x; b := a + 1; x' = -b; end")
    rest = "</ci>\n          </apply>\n        </math>\n      </assignmentRule>"
    circle = edited(plain, "<ci> x " + rest, "<ci> b " + rest)
    with pytest.raises(ModelError, match=r"circle: .*(a.*b|b.*a)"):
        compile_model(circle)


def test_rules_in_any_order_and_long_chains(solver: Callable[[str], CompiledModel]) -> None:
    count = 150
    links = [f"r{i} := r{i + 1} + 1" for i in range(count)]
    model = solver("model m; x = 2; x' = -r0; " + "; ".join(links) + f"; r{count} := x; end")
    assert model.derivatives([2.0]).tolist() == [-(2.0 + count)]


def test_a_missing_value_is_named(sbml: Callable[[str], str]) -> None:
    text = edited(sbml("model m; k = 77; x = 1; x' = -k*x; end"), 'id="k" value="77"', 'id="k"')
    model = compile_model(text)
    with pytest.raises(ModelError, match="'k' has no value"):
        model.initial_state()
    assert model.derivatives([1.0], {"k": 2.0}).tolist() == [-2.0]


def test_unknown_names_are_answered_with_the_nearest(
    solver: Callable[[str], CompiledModel],
) -> None:
    model = solver(
        "model m; clearance = 1; amount = 1; amount' = -clearance*amount; c := 2*amount; end"
    )
    with pytest.raises(UnknownNameError, match="clearance"):
        model.solve([0.0], parameters={"clearence": 1.0})
    with pytest.raises(UnknownNameError, match="amount"):
        model.solve([0.0], outputs=["amont"])
    with pytest.raises(ModelError, match="'c' is computed by an assignment rule"):
        model.solve([0.0], parameters={"c": 1.0})


LEVEL_TWO = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4">
 <model id="old">
  <listOfCompartments><compartment id="c" size="2"/></listOfCompartments>
  <listOfSpecies>
   <species id="A" compartment="c" initialAmount="6"/>
   <species id="B" compartment="c" initialConcentration="0"/>
  </listOfSpecies>
  <listOfReactions>
   <reaction id="R" reversible="false">
    <listOfReactants><speciesReference species="A"/></listOfReactants>
    <listOfProducts><speciesReference species="B"><stoichiometryMath>
     <math xmlns="http://www.w3.org/1998/Math/MathML"><cn> 2 </cn></math>
    </stoichiometryMath></speciesReference></listOfProducts>
    <kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">
     <apply><times/><ci>k</ci><ci>A</ci><ci>c</ci></apply></math>
     <listOfParameters><parameter id="k" value="0.5"/></listOfParameters>
    </kineticLaw>
   </reaction>
  </listOfReactions>
 </model>
</sbml>"""


def test_level_two_with_local_parameters_and_computed_stoichiometry() -> None:
    model = compile_model(LEVEL_TWO)
    assert model.parameters == ("c", "R.k")
    times = np.array([0.0, 1.0, 2.0])
    values = model.solve(times, rtol=1e-10, atol=1e-13).values[0]
    assert values[:, 0] == pytest.approx(3.0 * np.exp(-0.5 * times), rel=1e-9)
    assert values[:, 1] == pytest.approx(6.0 * (1 - np.exp(-0.5 * times)), rel=1e-9)
    faster = model.solve(times, parameters={"R.k": 1.0}, rtol=1e-10, atol=1e-13).values[0]
    assert faster[:, 0] == pytest.approx(3.0 * np.exp(-times), rel=1e-9)
