"""Every model that libRoadRunner ships is solved here as there, or refused with a known sentence.

They are the SBML files of its own tests, the models inside its ``.rrtest`` files and those of its
``TestModelFactory``: pathways, cycles, oscillators, events, the core metabolism of E. coli.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import libsbml
import numpy as np
import pytest
import roadrunner
from roadrunner.tests import TestModelFactory
from tests.engine.test_against_roadrunner import roadrunner_of, simulated, too_far

from ketasim.engine import compile_model
from ketasim.engine.sbml import read_sbml
from ketasim.errors import ModelError

HOME = Path(roadrunner.__file__).parent / "tests"
INSIDE = re.compile(r"\[SBML\]\s*(<\?xml.*?</sbml>)", re.DOTALL)
#: No example has an event at one of these times.
TIMES = np.concatenate([[0.0], np.linspace(0.25, 10.0, 40) + 0.00137])


def examples() -> dict[str, str]:
    """SBML texts by where they come from."""
    found = {
        str(path.relative_to(HOME)): path.read_text(encoding="utf-8")
        for path in sorted(HOME.rglob("*.xml"))
    }
    for path in sorted(HOME.rglob("*.rrtest")):
        for text in INSIDE.findall(path.read_text(encoding="utf-8", errors="replace")):
            found[path.name] = text
    for name in TestModelFactory.getAvailableTestModels():
        # One has no class in Python, so its text is out of reach.
        if hasattr(TestModelFactory, name):
            found[name] = getattr(TestModelFactory, name)().str()
    return found


EXAMPLES = examples()

#: What is not solved, and why. libRoadRunner takes 0 for what has no value, sorts elements that
#: are out of order, knows the packages 'comp' and 'distrib' and extends the factorial to broken
#: numbers, to 2.96 for (104/39)!, where the gamma function has 4.01.
NO_VALUE = "has no value in the model"
DISORDER = "The order of subelements within a <model> element must be the following"
REFUSALS = {
    "EcoliCore.xml": f"'M_13dpg_c' {NO_VALUE}",
    "FactorialInRateLaw": "in 'S1': A value became infinite or not a number",
    "LayoutOnly": "the reaction 'Reaction_1' has no rate; the reaction 'Reaction_2' has no rate",
    "RatesOfChange.rrtest": f"'S2' {NO_VALUE}",
    "Remove_Parameter1.rrtest": DISORDER,
    "Remove_Rules1.rrtest": DISORDER,
    "Set_Kinetic_Law1.rrtest": "the reaction 'J2' has no rate",
    "SimpleUniUni.rrtest": f"'S2' {NO_VALUE}",
    "named_stoic_in_kinetic_law.xml": "the SBML package 'comp' is not supported",
    "test_data/normalDistrib.xml": "the SBML package 'distrib' is not supported",
    "test_data/output_testmodel.xml": f"'srr' {NO_VALUE}",
    "test_data/uniformDistrib.xml": "the SBML package 'distrib' is not supported",
}
#: Models in which nothing happens: what is compared are the values at the start.
STILL = {
    "Add_Event_Assignment1.rrtest", "Add_Species1.rrtest", "Comp.rrtest",
    "test_data/eventassignment_nomath.xml", "test_data/mole_unit.xml",
    "test_data/species_conc.xml", "test_data/species_hosu1.xml", "test_data/species_hosu2.xml",
}  # fmt: skip


def solved(sbml: str, names: list[str], **given: float) -> np.ndarray:
    """Our solution; what the solver says instead is raised."""
    run = compile_model(sbml).solve(
        TIMES, outputs=names, species="amount", parameters=given, rtol=1e-9, atol=1e-12
    )
    if run.failed:
        raise ModelError(run.failures()[0])
    return run.values[0]


def asked(sbml: str) -> list[str]:
    """Everything that has a value, local parameters apart: libRoadRunner names those otherwise."""
    network = read_sbml(sbml)
    known = network.default_values()
    return [name for name in network.symbols if "." not in name and not _open(known.get(name))]


def _open(value: float | None) -> bool:
    return value is not None and math.isnan(value)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in REFUSALS])
def test_an_example_is_solved_alike(name: str) -> None:
    sbml = EXAMPLES[name]
    names = asked(sbml)
    expected = simulated(roadrunner_of(sbml, names), TIMES)
    assert too_far(names, solved(sbml, names), expected) == {}
    assert np.ptp(expected, axis=0).any() == (name not in STILL)
    model = libsbml.readSBMLFromString(sbml).getModel()
    assert set(names) >= {one.getId() for one in model.getListOfSpecies()}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_example_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(ModelError, match=re.escape(REFUSALS[name])):
        solved(EXAMPLES[name], asked(EXAMPLES[name]))


@pytest.mark.parametrize("name", [name for name in REFUSALS if NO_VALUE in REFUSALS[name]])
def test_what_has_no_value_may_be_given(name: str) -> None:
    sbml = EXAMPLES[name]
    network = read_sbml(sbml)
    missing = [n for n, v in zip(network.inputs, network.defaults, strict=True) if math.isnan(v)]
    names = asked(sbml)
    expected = simulated(roadrunner_of(sbml, names), TIMES)
    assert too_far(names, solved(sbml, names, **dict.fromkeys(missing, 0.0)), expected) == {}
    assert np.ptp(expected, axis=0).any()


def test_the_examples_are_there() -> None:
    kinds = {suffix: [n for n in EXAMPLES if n.endswith(suffix)] for suffix in (".xml", ".rrtest")}
    built_in = set(EXAMPLES) - {name for names in kinds.values() for name in names}
    assert len(kinds[".xml"]) >= 18
    assert len(kinds[".rrtest"]) >= 37
    assert len(built_in) >= 14
