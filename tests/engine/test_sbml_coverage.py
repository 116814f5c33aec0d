"""Each construct of SBML means what libRoadRunner makes of it: values, starts, derivatives.

Compared are the values of all symbols at the start, the derivatives where libRoadRunner gives
them, and trajectories of the equations as read here, integrated by scipy.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pytest
import roadrunner
import scipy.integrate

from ketasim.engine.sbml import read_sbml
from ketasim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ketasim.engine.network import Network

MODELS = {
    "a compartment that grows": """
        model m
          compartment V; V = 2; V' = 0.3 + 0.1*V
          species A in V; A = 3; species B in V; B = 1; substanceOnly species D in V; D = 4
          species $X in V; X = 5; k = 0.2
          A -> B; k*A*V; B -> D; 0.1*B*V; X -> A; 0.05*V*X
        end""",
    "a compartment set by a rule": """
        model m
          compartment V; V := 2 + 0.5*x + sin(time); x = 1; x' = 0.3 - 0.1*x
          species A in V; A = 3; species B in V; B = 1; substanceOnly species D in V; D = 4
          species $X in V; X = 5; k = 0.2
          A -> B; k*A*V; B -> D; 0.1*B*V; X -> A; 0.05*V*X
        end""",
    "a concentration with a rate rule in a compartment that grows": """
        model m
          compartment V; V = 2; V' = 0.3
          species A in V; A = 3; A' = 0.4 - 0.1*A
          substanceOnly species B in V; B = 1; B' = 0.5*A
        end""",
    "species given as amounts in a compartment with a computed start": """
        model m
          compartment V; V = 2*w; w = 3; V' = 0.1*V
          species A in V; A = 3/V; species B in V; B = A/2; A -> B; 0.2*A*V
          compartment W = w; species C in W; C = 4/W; C -> ; 0.1*C
        end""",
    "the rate of change of a concentration": """
        model m
          compartment V; V = 2; V' = 0.3; species A in V; A = 3; k = 0.2
          A -> ; k*A*V; r := rateOf(A) + rateOf(V); s = 1; s' = rateOf(A)*2 - s
          u = 4; u' = 1 + rateOf(k)
        end""",
    "a stoichiometry with a rate rule": """
        model m
          compartment V = 1; species A in V; A = 3; species B in V; B = 0; n = 2; n' = 0.1
          A -> n B; 0.3*A*V
        end""",
    "a stoichiometry with an assignment rule": """
        model m
          compartment V = 4; species A in V; A = 3; species B in V; B = 0; n := 1 + 0.5*A
          n A -> 3 B; 0.05*A*V
        end""",
    "a stoichiometry with an initial assignment": """
        model m
          compartment V = 1; species A in V; A = 3; species B in V; B = 0; n = 2*p; p = 1.5
          A -> n B; 0.3*A*V; q := 2*n
        end""",
    "constant species and boundaries": """
        model m
          compartment V = 3; const species E in V; E = 2; species $S in V; S = 5; S' = -0.3*S*E
          substanceOnly species $F in V; F = 7; species P in V; P = 0
          S -> P; E*S*V/F; P -> ; 0.1*F*P
        end""",
    "one species on both sides": """
        model m
          compartment V = 2; species A in V; A = 1; species B in V; B = 2
          2 A + B -> 3 A; 0.1*A*B*V; A -> ; 0.3*A*V
        end""",
    "functions of one number": """
        model m
          x = 0.4; y = 1.7; x' = -0.1*x; y' = 0.05
          r := sec(x) + csc(y) + cot(x) + arcsec(y) + arccsc(y) + arccot(x) + sech(x) + csch(y)
          s := coth(y) + arcsech(x) + arccsch(y) + arccoth(y) + arcsinh(x) + arccosh(y) + arctanh(x)
          t := ceil(y) + floor(y) - abs(-x) + exp(x) + ln(y) + log10(y) + log(3, y) + sqrt(y)
          u := root(3, y) + x^y + y^3 + arcsin(x) + arccos(x) + arctan(x) + sinh(x) + cosh(y) + tanh(x)
        end""",
    "logic": """
        model m
          x = 0.4; y = 1.7; x' = 0.1; y' = -0.2*y
          a := piecewise(1, x < y && y > 1, 2, x >= y || x == 0.4, 3)
          b := piecewise(1, xor(x < 1, y < 1, true), 2) + piecewise(1, !(x <= y), 4) + (x != y)
          c := piecewise(5, x > 100)
        end""",
    "numbers": """
        model m
          x = 1e-3; x' = avogadro * 1e-24 * pi - exponentiale*x; y := time*x + 2e3
        end""",
}


def values_here(network: Network, names: list[str], state: list[float], time: float) -> np.ndarray:
    nodes = network.output_nodes(names, "concentration")
    return np.array(network.graph.evaluate(nodes, network.defaults, state, time))


def rates(network: Network, state: Sequence[float], time: float = 0.0) -> list[float]:
    return network.graph.evaluate(network.rates, network.defaults, list(state), time)


def start(network: Network) -> list[float]:
    return network.graph.evaluate(network.initial, network.defaults)


def trusted(text: str, network: Network, names: list[str]) -> roadrunner.RoadRunner:
    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-11, 1e-14
    shown = [f"[{name}]" if name in network.species else name for name in names]
    runner.timeCourseSelections = ["time", *shown]
    return runner


def asked(network: Network) -> list[str]:
    return [name for name in network.symbols if "." not in name]


@pytest.mark.parametrize("name", MODELS)
def test_all_values_at_the_start(name: str, sbml: Callable[[str], str]) -> None:
    text = sbml(MODELS[name])
    network = read_sbml(text)
    names = asked(network)
    runner = trusted(text, network, names)
    expected = [runner.getValue(shown) for shown in runner.timeCourseSelections[1:]]
    found = values_here(network, names, start(network), 0.0)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14, nan_ok=True)
    amounts = network.output_nodes(list(network.species), "amount")
    assert network.graph.evaluate(amounts, network.defaults, start(network)) == pytest.approx(
        [runner.getValue(species) for species in network.species], rel=1e-12
    )


@pytest.mark.parametrize("name", MODELS)
def test_derivatives(name: str, sbml: Callable[[str], str]) -> None:
    text = sbml(MODELS[name])
    network = read_sbml(text)
    runner = roadrunner.RoadRunner(text)
    read = libsbml.readSBMLFromString(text)
    ruled = {rule.getVariable() for rule in read.getModel().getListOfRules()}
    # libRoadRunner tells the derivatives of species that reactions move.
    told = set(runner.model.getFloatingSpeciesIds()) - ruled
    found = dict(zip(network.states, rates(network, start(network)), strict=True))
    scale = network.graph.evaluate(network.dose_scale, network.defaults)
    factors = dict(zip(network.states, scale, strict=True))
    expected = {name: runner.getValue(name + "'") * factors[name] for name in told}
    assert {name: found[name] for name in told} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_trajectories(name: str, sbml: Callable[[str], str]) -> None:
    text = sbml(MODELS[name])
    network = read_sbml(text)
    names, times = asked(network), np.linspace(0.0, 2.0, 5)
    expected = np.array(trusted(text, network, names).simulate(times=times.tolist()))[:, 1:]
    solved = scipy.integrate.solve_ivp(
        lambda t, y: rates(network, y, t),
        (0.0, 2.0), start(network), method="LSODA", t_eval=times, rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    found = [
        values_here(network, names, y.tolist(), t) for y, t in zip(solved.y.T, times, strict=True)
    ]
    assert np.array(found) == pytest.approx(expected, rel=1e-7, abs=1e-9, nan_ok=True)


def test_amounts_do_not_change_with_the_volume(sbml: Callable[[str], str]) -> None:
    network = read_sbml(sbml(MODELS["a compartment that grows"].replace("A -> B; k*A*V;", "")))
    assert network.states == ("A", "B", "D", "X", "V")
    found = rates(network, [6.0, 2.0, 4.0, 10.0, 2.0])
    # B -> D at 0.1 B and X -> A at 0.05 X in amounts, whatever V does; X is a boundary.
    assert found == pytest.approx([0.5, -0.2, 0.2, 0.0, 0.5])


def test_a_concentrations_rate_rule_holds_for_the_concentration_in_any_compartment(
    sbml: Callable[[str], str],
) -> None:
    # libRoadRunner leaves out the change of a size that a rule computes; the closed form decides:
    # [A]' = 0.4 - 0.1 [A], so [A] = 4 - exp(-0.1 t) from [A] = 3.
    network = read_sbml(
        sbml("""
        model m
          compartment V; V := 2 + 0.5*x; x = 1; x' = 0.3; species A in V; A = 3
          A' = 0.4 - 0.1*A
        end""")
    )
    solved = scipy.integrate.solve_ivp(
        lambda t, y: rates(network, y, t),
        (0.0, 3.0), start(network), rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    found = values_here(network, ["A"], solved.y[:, -1].tolist(), 3.0)
    assert found[0] == pytest.approx(4.0 - np.exp(-0.3), rel=1e-9)


def test_a_constant_species_keeps_its_amount_where_the_volume_changes(
    sbml: Callable[[str], str],
) -> None:
    model = "model m; compartment V; V = 2; V' = 1; species $K in V; K = 6; x = 1; x' = K; end"
    text = sbml(model)
    place = text.index('<species id="K"')
    text = text[:place] + text[place:].replace('constant="false"', 'constant="true"', 1)
    network = read_sbml(text)
    assert (network.states, network.parameters) == (("V", "x"), ("K",))
    assert rates(network, [2.0, 1.0]) == [1.0, 6.0]
    assert rates(network, [4.0, 1.0]) == [1.0, 3.0]
    runner = roadrunner.RoadRunner(text)
    runner.simulate(0.0, 2.0, 3)
    assert runner.getValue("[K]") == pytest.approx(3.0)


MATH = "http://www.w3.org/1998/Math/MathML"


def document(
    body: str, level: int = 3, version: int = 2, attributes: str = "", model: str = ""
) -> str:
    ending = "/core" if level == 3 else ""
    space = f"http://www.sbml.org/sbml/level{level}/version{version}{ending}"
    if level == 2 and version == 1:
        space = "http://www.sbml.org/sbml/level2"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="{space}" level="{level}" '
        f'version="{version}" {attributes}><model id="m" {model}>{body}</model></sbml>'
    )


def formula(content: str) -> str:
    return f'<math xmlns="{MATH}">{content}</math>'


def rule(variable: str, content: str, kind: str = "assignmentRule") -> str:
    return f'<{kind} variable="{variable}">{formula(content)}</{kind}>'


def computed(content: str) -> float:
    """Value of an expression, by way of an assignment rule."""
    body = (
        '<listOfParameters><parameter id="y" constant="false"/>'
        '<parameter id="a" value="7" constant="true"/><parameter id="b" value="-2.5" constant="true"/>'
        '<parameter id="n" value="5" constant="true"/></listOfParameters>'
        f"<listOfRules>{rule('y', content)}</listOfRules>"
    )
    network = read_sbml(document(body))
    return network.graph.evaluate(network.output_nodes(["y"]), network.defaults)[0]


TRUE, FALSE = "<true/>", "<false/>"


def apply(operation: str, *args: str) -> str:
    return f"<apply><{operation}/>{''.join(args)}</apply>"


def number(value: float) -> str:
    return f"<cn>{value}</cn>"


EXPRESSIONS = {
    # Remainders have the sign of the dividend, quotients are rounded towards zero.
    apply("rem", "<ci>a</ci>", "<ci>b</ci>"): 2.0,
    apply("rem", apply("minus", "<ci>a</ci>"), "<ci>b</ci>"): -2.0,
    apply("quotient", "<ci>a</ci>", "<ci>b</ci>"): -2.0,
    apply("min", number(3), "<ci>b</ci>", number(4)): -2.5,
    apply("max", number(3), "<ci>b</ci>", "<ci>a</ci>"): 7.0,
    apply("factorial", "<ci>n</ci>"): 120.0,
    apply("factorial", number(6)): 720.0,
    apply("factorial", apply("times", "<ci>n</ci>", number(34))): float("7.257415615307994e306"),
    # n-ary comparisons hold for each neighbouring pair
    apply("lt", number(1), number(2), number(3)): 1.0,
    apply("lt", number(1), number(3), number(2)): 0.0,
    apply("geq", number(3), number(3), "<ci>b</ci>"): 1.0,
    apply("eq", number(1), number(1), number(2)): 0.0,
    apply("eq", number(1)): 1.0,
    # no operands: the neutral element
    "<apply><plus/></apply>": 0.0,
    "<apply><times/></apply>": 1.0,
    "<apply><and/></apply>": 1.0,
    "<apply><or/></apply>": 0.0,
    "<apply><xor/></apply>": 0.0,
    "<piecewise><otherwise><cn>3</cn></otherwise></piecewise>": 3.0,
    '<cn type="rational">3<sep/>4</cn>': 0.75,
    '<cn type="e-notation">2.5<sep/>3</cn>': 2500.0,
    "<apply><root/><degree><cn>3</cn></degree><cn>27</cn></apply>": 3.0,
    "<apply><log/><logbase><cn>2</cn></logbase><cn>8</cn></apply>": 3.0,
    "<apply><log/><cn>1000</cn></apply>": 3.0,
    "<infinity/>": float("inf"),
}


@pytest.mark.parametrize("content", EXPRESSIONS)
def test_operations_of_mathml(content: str) -> None:
    assert computed(content) == pytest.approx(EXPRESSIONS[content], rel=1e-14)


def test_truth_tables() -> None:
    for a, b in itertools.product((False, True), repeat=2):
        args = (TRUE if a else FALSE, TRUE if b else FALSE)
        assert computed(apply("and", *args)) == float(a and b)
        assert computed(apply("or", *args)) == float(a or b)
        assert computed(apply("xor", *args)) == float(a != b)
        assert computed(apply("implies", *args)) == float((not a) or b)
        assert computed(apply("xor", *args, TRUE)) == float((a != b) != True)  # noqa: E712
    assert computed(apply("not", FALSE)) == 1.0


def test_a_piecewise_without_a_match_and_a_factorial_of_a_fraction_are_no_numbers() -> None:
    content = (
        f"<piecewise><piece>{number(1)}{apply('gt', number(1), number(2))}</piece></piecewise>"
    )
    assert np.isnan(computed(content))
    assert np.isnan(computed("<piecewise/>"))
    assert np.isnan(computed(apply("factorial", apply("divide", "<ci>n</ci>", number(2)))))
    assert computed(apply("factorial", apply("times", "<ci>n</ci>", number(40)))) == float("inf")


@pytest.mark.parametrize(
    "operation", ["sin", "power", "divide", "not", "implies", "max", "rem", "minus"]
)
def test_an_operation_without_operands_is_refused_by_name(operation: str) -> None:
    with pytest.raises(ModelError, match=f"'{operation}' has 0 arguments; expected [12]"):
        computed(f"<apply><{operation}/></apply>")


ONE_COMPARTMENT = '<listOfCompartments><compartment id="c" {}/></listOfCompartments>'


def two_levels(species: str, compartment: str) -> dict[str, tuple[str, int, int]]:
    body = ONE_COMPARTMENT.format(compartment) + f"<listOfSpecies>{species}</listOfSpecies>"
    return {f"{level}.{version}": (body, level, version) for level, version in ((2, 4), (2, 1))}


@pytest.mark.parametrize("case", two_levels("", ""))
def test_a_species_in_a_compartment_without_dimensions_is_an_amount(case: str) -> None:
    body, level, version = two_levels(
        '<species id="S" compartment="c" initialAmount="3"/>', 'spatialDimensions="0"'
    )[case]
    network = read_sbml(document(body, level, version))
    assert start(network) == [3.0]
    assert network.graph.evaluate(network.dose_scale) == [1.0]
    assert network.output_nodes(["S"], "amount") == network.output_nodes(["S"])
    with pytest.raises(
        Exception, match="'S' has no concentration: its compartment 'c' has no size"
    ):
        network.output_nodes(["S"], "concentration")


def test_level_two_parameters_and_compartments_are_constant_unless_they_say_otherwise() -> None:
    body = (
        '<listOfParameters><parameter id="k" value="2"/><parameter id="x" value="1" '
        'constant="false"/></listOfParameters><listOfRules>'
        f"{rule('x', '<ci>k</ci>', 'rateRule')}</listOfRules>"
    )
    network = read_sbml(document(body, 2, 4))
    assert (network.states, network.parameters) == (("x",), ("k",))
    constant = body.replace(' constant="false"', "")
    with pytest.raises(ModelError, match="'x' is constant and has a rule"):
        read_sbml(document(constant, 2, 4))


def test_a_stoichiometry_that_varies_in_level_two() -> None:
    body = (
        ONE_COMPARTMENT.format('size="2"')
        + '<listOfSpecies><species id="A" compartment="c" initialConcentration="3"/>'
        '<species id="B" compartment="c" initialAmount="1"/></listOfSpecies><listOfReactions>'
        '<reaction id="R"><listOfReactants><speciesReference species="A" stoichiometry="2"/>'
        '</listOfReactants><listOfProducts><speciesReference species="B"><stoichiometryMath>'
        f"{formula(apply('times', '<ci>A</ci>', number(4)))}</stoichiometryMath></speciesReference>"
        f"</listOfProducts><kineticLaw>{formula('<ci>k</ci>')}<listOfParameters><parameter "
        'id="k" value="0.5"/></listOfParameters></kineticLaw></reaction></listOfReactions>'
    )
    network = read_sbml(document(body, 2, 4))
    assert start(network) == [3.0, 0.5]
    found = rates(network, [3.0, 0.5])
    assert found == [-2 * 0.5 / 2, 3.0 * 4 * 0.5 / 2]


def with_factors(of_model: str, of_species: str) -> str:
    body = (
        ONE_COMPARTMENT.format('size="2" constant="true"')
        + '<listOfSpecies><species id="A" compartment="c" initialAmount="6" constant="false" '
        f'hasOnlySubstanceUnits="true" boundaryCondition="false" {of_species}/></listOfSpecies>'
        '<listOfParameters><parameter id="f" value="3" constant="true"/>'
        '<parameter id="g" value="5" constant="true"/></listOfParameters><listOfReactions>'
        '<reaction id="R" reversible="false"><listOfReactants><speciesReference species="A" '
        'stoichiometry="2" constant="true"/></listOfReactants><kineticLaw>'
        f"{formula(number(0.5))}</kineticLaw></reaction></listOfReactions>"
    )
    return document(body, model=of_model)


@pytest.mark.parametrize(
    ("of_model", "of_species", "factor"),
    [("", "", 1.0), ('conversionFactor="f"', "", 3.0), ("", 'conversionFactor="g"', 5.0),
     ('conversionFactor="f"', 'conversionFactor="g"', 5.0)],
)  # fmt: skip
def test_conversion_factors(of_model: str, of_species: str, factor: float) -> None:
    text = with_factors(of_model, of_species)
    network = read_sbml(text)
    found = rates(network, [6.0])
    assert found == [-2 * 0.5 * factor]
    assert found[0] == pytest.approx(roadrunner.RoadRunner(text).getValue("A'"))


def test_formulas_that_are_left_out_change_nothing() -> None:
    """Level 3 version 2 lets the math of a rule, an assignment or an event be missing."""
    body = (
        '<listOfParameters><parameter id="x" value="1" constant="false"/><parameter id="y" '
        'value="4" constant="false"/></listOfParameters><listOfInitialAssignments>'
        '<initialAssignment symbol="x"/></listOfInitialAssignments><listOfRules>'
        f'<assignmentRule variable="y"/>{rule("x", "<ci>y</ci>", "rateRule")}</listOfRules>'
        '<listOfEvents><event id="e" useValuesFromTriggerTime="true"><trigger initialValue="true" '
        'persistent="true"/></event></listOfEvents>'
    )
    network = read_sbml(document(body))
    assert (network.states, network.rules, network.events) == (("x",), {}, ())
    assert start(network) == [1.0]
    assert network.graph.evaluate(network.rates, network.defaults, [1.0]) == [4.0]


def test_local_parameters_hide_those_of_the_model(sbml: Callable[[str], str]) -> None:
    text = sbml("model m; species A = 5; k = 2; J: A -> ; k*A; K: A -> ; q*A; q = 0.25; end")
    hidden = text.replace(
        "</kineticLaw>",
        '<listOfLocalParameters><localParameter id="k" value="7"/></listOfLocalParameters></kineticLaw>',
        1,
    )
    network = read_sbml(hidden)
    assert "J.k" in network.parameters
    values = dict(zip(network.inputs, network.defaults, strict=True))
    assert (values["k"], values["J.k"]) == (2.0, 7.0)
    found = rates(network, [5.0])
    assert found == [pytest.approx(-(7.0 + 0.25) * 5.0)]
    assert network.graph.evaluate(network.output_nodes(["J", "J.k"]), network.defaults, [5.0]) == [
        35.0, 7.0,
    ]  # fmt: skip


RATE = "http://www.sbml.org/sbml/symbols/rateOf"


def with_rates(of_x: str, of_y: str, kind: str) -> str:
    """Two parameters, each formula asking for the rate of the other."""
    asked = '<apply><csymbol encoding="text" definitionURL="{}">r</csymbol><ci>{}</ci></apply>'
    body = (
        '<listOfParameters><parameter id="x" value="1" constant="false"/><parameter id="y" '
        'value="1" constant="false"/></listOfParameters><listOfRules>'
        f"{rule('x', asked.format(RATE, of_x), 'rateRule')}"
        f"{rule('y', (of_y and asked.format(RATE, of_y)) or number(2), kind)}</listOfRules>"
    )
    return document(body)


def test_the_rate_of_what_a_formula_computes_is_refused() -> None:
    with pytest.raises(ModelError, match="rate of change of 'y', which a formula computes"):
        read_sbml(with_rates("y", "", "assignmentRule"))


def test_rates_that_need_each_other_are_a_circle() -> None:
    with pytest.raises(ModelError, match=r"circle: (x -> y -> x|y -> x -> y)"):
        read_sbml(with_rates("y", "x", "rateRule"))
    assert rates(read_sbml(with_rates("y", "", "rateRule")), [1.0, 1.0]) == [2.0, 2.0]


def test_a_rate_in_an_initial_assignment_is_that_of_the_start(sbml: Callable[[str], str]) -> None:
    text = sbml("model m; x = 3; x' = 2*x; k = rateOf(x); end")
    network = read_sbml(text)
    assert network.default_values() == {"k": 6.0}
