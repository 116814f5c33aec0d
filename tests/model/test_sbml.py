"""The assembled SBML: consistent, with units, sources and identifiers; wrong models are refused."""

import libsbml
import pytest

from ketasim.errors import ModelError
from ketasim.model import list_drugs, load_drug, load_model
from ketasim.model.assembly import assemble, check_sites, sites, variables_of
from ketasim.model.files import mechanism_texts
from ketasim.model.parameters import parameter_table
from ketasim.model.sbml import to_sbml


@pytest.fixture(scope="module")
def document() -> libsbml.SBMLDocument:
    return libsbml.readSBMLFromString(load_model().sbml)


def test_it_is_level_3_version_2_without_error_or_warning(document: libsbml.SBMLDocument) -> None:
    assert (document.getLevel(), document.getVersion()) == (3, 2)
    document.checkConsistency()
    messages = [document.getError(i).getMessage() for i in range(document.getNumErrors())]
    assert messages == []


def test_every_symbol_has_a_unit_and_a_term(document: libsbml.SBMLDocument) -> None:
    model = document.getModel()
    for element in [*model.getListOfParameters(), *model.getListOfSpecies()]:
        assert element.isSetSBOTerm(), element.getId()
        assert element.isSetUnits() or element.isSetSubstanceUnits(), element.getId()


def test_mechanisms_hold_no_numbers_but_0_and_1() -> None:
    import re

    for name, text in mechanism_texts().items():
        code = re.sub(r"//.*", "", text)
        numbers = set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", code))
        assert numbers <= {"0", "1"}, name


def test_every_mechanism_of_the_story_is_a_file() -> None:
    assert set(mechanism_texts()) == {
        "pharmacokinetics", "nmda", "glutamate", "ampa", "bdnf_trkb", "mtor", "opioid_camp",
        "serotonin", "synapse", "mood", "safety",
    }  # fmt: skip


def test_no_parameter_is_idle(document: libsbml.SBMLDocument) -> None:
    text = assemble(mechanism_texts(), {}, [load_drug(name) for name in list_drugs()])
    covariates = {"age", "ht1b_vst_baseline"}
    routes = {"f_nasal", "f_nasal_repeat", "f_muscle", "f_subcutaneous", "f_mucosa"}
    delays = {"swallowed_delay", "oral_delay"}
    idle = [name for name in parameter_table().index if name not in text]
    assert set(idle) <= covariates | routes | delays


def _with(changes: dict[str, str]) -> str:
    texts = {**mechanism_texts(), **changes}
    table = parameter_table()
    values = dict(zip(table.index, table["value"], strict=True))
    return to_sbml(assemble(texts, values, [load_drug(name) for name in list_drugs()]), table)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    wrong = mechanism_texts()["mtor"].replace("tau_s6k", "tau_s6kk")
    with pytest.raises(ModelError, match=r"'tau_s6kk' is used but has no value.*tau_s6k"):
        _with({"mtor": wrong})


def test_units_that_do_not_balance_are_refused() -> None:
    wrong = mechanism_texts()["mtor"].replace("(mtorc1 - s6k)/tau_s6k", "(mtorc1 - s6k)*tau_s6k")
    with pytest.raises(ModelError, match=r"inconsistent.*units"):
        _with({"mtor": wrong})


def test_text_that_is_no_antimony_is_refused() -> None:
    with pytest.raises(ModelError, match="a mechanism cannot be read"):
        _with({"mtor": mechanism_texts()["mtor"] + "\nmtorc1' = = 1"})


def test_a_drug_on_an_unknown_site_is_refused() -> None:
    from dataclasses import replace

    wrong = replace(load_drug("nbqx"), acts_on=("ampa_blok",))
    with pytest.raises(ModelError, match=r"unknown site 'ampa_blok'.*ampa_block"):
        check_sites([wrong], sites(mechanism_texts()))


def test_variables_are_found_where_they_are_defined() -> None:
    text = "a := 1\nb = 1\nb' = 1 - b\nsubstanceOnly species x in body, y in body"
    assert variables_of(text) == ("a", "b", "x", "y")
