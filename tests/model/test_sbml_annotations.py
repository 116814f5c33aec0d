"""What the shipped SBML says of each symbol: terms, identifiers of registries, and sources."""

import html
import re

import libsbml
import pytest

from ketasim.errors import ModelError
from ketasim.evidence import bibliography
from ketasim.model import list_drugs, load_drug, load_model
from ketasim.model.assembly import assemble
from ketasim.model.files import mechanism_texts
from ketasim.model.parameters import parameter_table
from ketasim.model.sbml import to_sbml, variable_table
from ketasim.model.sbml_annotations import identify, parameter_term, resources

# Patterns of the identifiers.org registry for the name spaces in use.
REGISTRIES = {
    "CHEBI": r"\d+",
    "GO": r"\d{7}",
    "uniprot": r"[OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d[A-Z][A-Z\d]{2}\d",
    "pubchem.compound": r"\d+",
    "doi": r"10\.\d+/\S+",
    "pubmed": r"\d+",
    "pmc": r"PMC\d+",
}
LOSS, MOVEMENT, CONVERSION = "SBO:0000179", "SBO:0000185", "SBO:0000176"
# No identifier was found that could be checked, or there is none.
WITHOUT = {"gr127935", "void"}


@pytest.fixture(scope="module")
def document() -> libsbml.SBMLDocument:
    return libsbml.readSBMLFromString(load_model().sbml)


@pytest.fixture(scope="module")
def model(document: libsbml.SBMLDocument) -> libsbml.Model:
    return document.getModel()


def variables(model: libsbml.Model) -> list[libsbml.Parameter]:
    return [one for one in model.getListOfParameters() if not one.getConstant()]


def noted(element: libsbml.SBase) -> list[str]:
    """The parts of an element's first note: status or 'computed', keys, and the rest."""
    first = re.search(r"<p[^>]*>([^<]*)<", element.getNotesString()).group(1)
    return html.unescape(first).split("; ", 2)


def test_every_species_parameter_and_reaction_has_a_term(model: libsbml.Model) -> None:
    elements = [
        *model.getListOfSpecies(), *model.getListOfParameters(), *model.getListOfReactions(),
        *model.getListOfCompartments(),
    ]  # fmt: skip
    assert [one.getId() for one in elements if not one.isSetSBOTerm()] == []
    assert {one.getSBOTermID() for one in model.getListOfSpecies()} == {
        "SBO:0000247", "SBO:0000291",
    }  # fmt: skip


def test_every_species_names_its_molecule_in_a_registry(model: libsbml.Model) -> None:
    named = {one.getId() for one in model.getListOfSpecies() if resources(one)}
    assert {one.getId() for one in model.getListOfSpecies()} - named == WITHOUT
    assert len(named) == 42


def test_one_molecule_has_one_identifier_wherever_it_is(model: libsbml.Model) -> None:
    for enantiomer in ("s", "r"):
        inside = [f"ket_{enantiomer}{part}" for part in
                  ("", "_fast", "_slow", "_nasal", "_gut", "_muscle", "_mucosa")]  # fmt: skip
        assert len({resources(model.getSpecies(name)) for name in inside}) == 1
    assert resources(model.getSpecies("ket_s")) != resources(model.getSpecies("ket_r"))
    racemate = "https://identifiers.org/CHEBI:6121"
    term = model.getSpecies("ket_r").getCVTerm(1)
    assert term.getResourceURI(0) == racemate
    assert term.getBiologicalQualifierType() == libsbml.BQB_IS_VERSION_OF


def test_every_identifier_is_one_of_its_registry(model: libsbml.Model) -> None:
    elements = [*model.getListOfSpecies(), *model.getListOfParameters()]
    given = [uri for element in elements for uri in resources(element)]
    assert len(given) > 200
    for uri in given:
        space, _, identifier = uri.removeprefix("https://identifiers.org/").partition(":")
        assert re.fullmatch(REGISTRIES[space], identifier), uri


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("ntx", "CHEBI:7465"), ("forskolin", "CHEBI:42471"), ("ssri", "CHEBI:36791"),
        ("bdnf", "uniprot:P23560"), ("trkb", "uniprot:Q16620"), ("akt", "uniprot:P31749"),
        ("mtorc1", "GO:0031931"), ("mtorc1", "uniprot:Q8N122"), ("s6k", "uniprot:P23443"),
        ("eif4ebp", "uniprot:Q13541"), ("eef2", "uniprot:P13639"), ("glua1", "uniprot:P42261"),
        ("ht1b_density", "uniprot:P28222"), ("mor_tone", "uniprot:P35372"),
        ("kor_occupancy_ketamine", "uniprot:P41145"), ("dor_occupancy_ketamine", "uniprot:P41143"),
        ("camp", "CHEBI:17489"), ("serotonin", "CHEBI:28790"), ("pka", "GO:0004691"),
        ("glutamate", "CHEBI:29985"), ("nmda_occupancy", "GO:0017146"),
    ],
)  # fmt: skip
def test_the_story_s_molecules_are_the_ones_they_say(
    model: libsbml.Model, name: str, identifier: str
) -> None:
    assert f"https://identifiers.org/{identifier}" in resources(model.getElementBySId(name))


def test_a_variable_measures_its_molecule_and_is_not_it(model: libsbml.Model) -> None:
    for one in variables(model):
        for index in range(one.getNumCVTerms()):
            kind = one.getCVTerm(index).getBiologicalQualifierType()
            assert kind == libsbml.BQB_IS_PROPERTY_OF, one.getId()


def test_every_number_carries_its_status_source_and_note(model: libsbml.Model) -> None:
    for name, row in parameter_table().iterrows():
        status, source, note = noted(model.getParameter(str(name)))
        assert (status, source) == (row["status"], row["source"] or "no source"), name
        assert note == row["note"], name


def test_a_number_whose_source_has_a_doi_links_to_it(model: libsbml.Model) -> None:
    known, linked = bibliography(), 0
    for name, source in parameter_table()["source"].items():
        reference = known.get(source)
        if reference is not None and reference.doi:
            wanted = f"https://identifiers.org/doi:{reference.doi}"
            assert wanted in resources(model.getParameter(str(name))), name
            linked += 1
    assert linked > 50


def names_in(node: libsbml.ASTNode) -> set[str]:
    below = (names_in(node.getChild(child)) for child in range(node.getNumChildren()))
    return set().union({node.getName()} if node.isName() else set(), *below)


def test_every_variable_names_the_sources_of_the_numbers_in_its_formula(
    model: libsbml.Model,
) -> None:
    table = parameter_table()
    for rule in model.getListOfRules():
        _, keys, rest = noted(model.getParameter(rule.getVariable()))
        numbers = names_in(rule.getMath()) & set(table.index)
        wanted = set(table.loc[sorted(numbers), "source"]) - {""}
        assert not numbers or keys == (", ".join(sorted(wanted)) or "no source")
        for number in numbers:
            assert f"{number} ({table.at[number, 'status']}" in rest


def test_a_variable_without_numbers_rests_on_those_behind_it(model: libsbml.Model) -> None:
    _, keys, rest = noted(model.getParameter("ketamine_free_brain"))
    assert keys == "olofsen2022, spravatolabel"
    assert rest == "from c_s_brain, c_r_brain"


def test_every_species_and_reaction_says_on_whose_numbers_it_rests(model: libsbml.Model) -> None:
    for one in [*model.getListOfSpecies(), *model.getListOfReactions()]:
        if one.getId() != "void":
            assert noted(one)[0] == "computed", one.getId()
    assert "simons2022" in noted(model.getSpecies("nk_s"))[1]
    assert "simons2022" in noted(model.getReaction("r_to_fast"))[1]
    assert noted(model.getReaction("nbqx_loss"))[1] == "no source"


def test_every_key_in_a_note_is_explained_in_the_model_s_notes(model: libsbml.Model) -> None:
    explained = set(re.findall(r">(\w+): ", model.getNotesString()))
    elements = [
        *model.getListOfSpecies(), *model.getListOfParameters(), *model.getListOfReactions(),
    ]  # fmt: skip
    used = {
        key for one in elements if one.isSetNotes() for key in noted(one)[1].split(", ")
    } - {"no source"}  # fmt: skip
    assert used == explained


def test_every_variable_has_a_title_of_its_own(model: libsbml.Model) -> None:
    titles = [one.getName() for one in [*variables(model), *model.getListOfSpecies()]]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_no_row_describes_a_symbol_that_is_not_there(model: libsbml.Model) -> None:
    assert [name for name in variable_table().index if model.getElementBySId(name) is None] == []


@pytest.mark.parametrize(
    ("reaction", "term"),
    [
        ("s_to_fast", MOVEMENT), ("r_nasal_absorption", MOVEMENT), ("rapamycin_absorption", MOVEMENT),
        ("ntx_from_depot", MOVEMENT), ("s_metabolism", CONVERSION), ("r_gut_first_pass", CONVERSION),
        ("ntx_to_naltrexol", CONVERSION), ("s_nk_to_hnk", CONVERSION), ("s_elimination", LOSS),
        ("gr127935_loss", LOSS), ("s_gut_loss", LOSS),
    ],
)  # fmt: skip
def test_a_reaction_is_a_movement_a_conversion_or_a_loss(
    model: libsbml.Model, reaction: str, term: str
) -> None:
    assert model.getReaction(reaction).getSBOTermID() == term


@pytest.mark.parametrize(
    ("name", "unit", "term"),
    [
        ("ic50_nmda_s", "umol/L", "SBO:0000288"), ("c50_nausea", "umol/L", "SBO:0000287"),
        ("ki_mor_ketamine", "umol/L", "SBO:0000282"), ("tau_s6k", "h", "SBO:0000348"),
        ("swallowed_delay", "h", "SBO:0000002"), ("n_ampa", "dimensionless", "SBO:0000190"),
        ("n_transit", "dimensionless", "SBO:0000002"), ("fu_ntx", "dimensionless", "SBO:0000540"),
        ("f_clearance_ketamine", "dimensionless", "SBO:0000002"), ("v_nk_70", "L", "SBO:0000468"),
    ],
)  # fmt: skip
def test_a_number_s_term_follows_from_its_name_and_unit(name: str, unit: str, term: str) -> None:
    assert parameter_table().at[name, "unit"] == unit
    assert parameter_term(name, unit) == term


def test_the_file_stays_small() -> None:
    assert len(load_model().sbml) < 1_000_000


@pytest.mark.parametrize("entry", ["si CHEBI:1", "CHEBI:1", "is"])
def test_an_identifier_without_a_known_qualifier_is_refused(
    model: libsbml.Model, entry: str
) -> None:
    with pytest.raises(ModelError, match=r"is no identifier.*is CHEBI:7465"):
        identify(model.getSpecies("void").clone(), entry)


def test_a_reaction_into_nothing_is_a_loss_and_its_note_is_well_formed() -> None:
    texts = {
        **mechanism_texts(),
        "mine": "substanceOnly species x in body\ngone: x -> ; tau_off*x\n",
    }
    table = parameter_table().copy()
    table.loc["tau_off"] = {**table.loc["ka_ntx"], "note": "below < 1 & above > 0"}
    joined = assemble(texts, table["value"].to_dict(), [load_drug(one) for one in list_drugs()])
    document = libsbml.readSBMLFromString(to_sbml(joined, table))
    assert document.getModel().getReaction("gone").getSBOTermID() == LOSS
    assert (
        "below &lt; 1 &amp; above" in document.getModel().getParameter("tau_off").getNotesString()
    )
