"""Every source is in one file, is used, and claims no more than was read."""

import re

import pytest
from pybtex.database import parse_string

from ketasim.errors import EvidenceError, UnknownNameError
from ketasim.evidence import Citations, bibliography, cite, list_tables, load, reference
from ketasim.evidence.bibliography import _read, split_keys
from ketasim.evidence.loading import citation_of_labels

PAGES = {"signalling", "pharmacokinetics", "clinical", "safety", "models", "pet"}
TABLES = [name for name in list_tables() if "citation" in load(name)]


def cited(name):
    return {key for cell in load(name)["citation"] for key in split_keys(cell)}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_source_that_exists(name):
    assert load(name)["citation"].notna().all()
    assert cited(name) <= set(bibliography())


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("clinical_arms", "study"),
        ("clinical_aux", "study"),
        ("adverse_events", "study"),
        ("safety_timecourse", "source"),
    ],
)
def test_the_index_of_sources_is_complete_and_has_nothing_else(table, column):
    assert set(citation_of_labels(table)) == set(load(table)[column])


def test_no_reference_without_a_place_in_the_evidence():
    for one in bibliography().values():
        pages = {page.strip() for page in one.fields["keywords"].split(",")}
        assert pages
        assert pages <= PAGES, one.key


def test_clinical_and_safety_references_are_used_by_a_table_or_a_note():
    used = set().union(*(cited(name) for name in TABLES))
    clinical = {k for k, one in bibliography().items() if one.fields["keywords"] == "clinical"}
    assert clinical <= used


def test_dois_have_the_form_of_a_doi():
    dois = [one.doi for one in bibliography().values() if one.doi]
    assert len(dois) > 100
    assert all(re.fullmatch(r"10\.\d{4,9}/\S+", doi) for doi in dois)
    assert len(set(dois)) == len(dois)


def test_dois_of_the_clinical_tables_are_those_of_their_references():
    seen_mismatch = {"bahji2022"}  # its DOI was recollected and is left out on purpose
    for row in load("clinical_arms").itertuples():
        found = re.search(r"10\.\d{4,9}/[^;\s]+", str(row.doi_or_nct))
        key = split_keys(row.citation)[0]
        if found and key not in seen_mismatch:
            assert reference(key).doi == found.group(0)
    assert reference("bahji2022").doi is None


def test_every_reference_says_how_it_was_seen():
    counts = {}
    for one in bibliography().values():
        counts[one.seen] = counts.get(one.seen, 0) + 1
        assert one.fields["note"].startswith("as cited in the evidence notes")
        assert "MEMORY" not in str(one.fields)
    assert set(counts) == {"SEEN-A", "SEEN-F", "SEEN-2"}


@pytest.mark.parametrize("key", ["shaffer2014", "gilling2009", "olofsen2012", "delaat"])
def test_unverified_attributions_say_so(key):
    assert "unverified" in reference(key).fields["note"]
    assert "author" not in reference(key).fields


@pytest.mark.parametrize(
    ("key", "doi"),
    [
        ("williams2018", "10.1176/appi.ajp.2018.18020138"),
        ("abdallah2020", "10.1038/s41386-020-0644-9"),
        ("zaytseva2023", "10.7554/eLife.86022"),
        ("tiger2020", "10.1038/s41398-020-0844-4"),
        ("jewell2019", "10.7554/eLife.43038"),
        ("yoon2025", "10.1093/ijnp/pyaf056"),
    ],
)
def test_known_dois(key, doi):
    assert reference(key).doi == doi
    assert reference(key).url == f"https://doi.org/{doi}"


def test_bibtex_can_be_read_back_whole():
    back = parse_string(cite(bibliography(), form="bibtex"), "bibtex")
    assert list(back.entries) == list(bibliography())
    for key, one in bibliography().items():
        fields = dict(back.entries[key].fields)
        assert {k: v for k, v in one.fields.items() if k != "author"} == fields


def test_reference_text():
    assert reference("ebert1997").to_text() == (
        "Ebert 1997. Eur J Pharmacol 333:99 (read in abstract, table or label)"
    )
    assert "18(1)" in reference("lepack2015").to_text()
    assert "A Reference Tissue Implementation of SiMBA" in reference("simbaref").to_text()
    assert reference("dallepezze2012").fields["author"] == "{Dalle Pezze}"
    assert reference("rabiner2011").url is None


def test_cite_says_what_was_cited_because_of_what():
    used = Citations().add("williams2018", because="naltrexone: 7 of 12 against 0 of 12")
    used.add("spravatolabel;doherty2020", because="blood pressure")
    used.add("williams2018", because="dissociation unchanged").add("williams2018")
    assert used.keys == ("williams2018", "spravatolabel", "doherty2020")
    text = used.to_text(verbose=True)
    assert "because of: naltrexone: 7 of 12 against 0 of 12" in text
    assert "because of: dissociation unchanged" in text
    assert "because of" not in cite(used)
    assert cite(["tiger2020", "tiger2020"]).count("tiger2020") == 1
    assert used.to_bibtex().count("@") == 3


def test_accumulators_are_merged_and_independent():
    one = Citations().add("tiger2020", because="a")
    two = Citations().add(["tiger2020", "klein2020"], because="b")
    one.merge(two)
    assert one.reasons == {"tiger2020": ["a", "b"], "klein2020": ["b"]}
    assert two.reasons == {"tiger2020": ["b"], "klein2020": ["b"]}
    assert len(Citations()) == 0
    assert "klein2020" in one
    assert list(one) == ["tiger2020", "klein2020"]


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown citation 'wiliams2018'.*williams2018"):
        cite("wiliams2018")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@article{a, title = {", "the references cannot be read"),
        ("@article{a,\n seen = {SEEN-A},\n}", "the reference 'a' has no shorthand"),
        ("@misc{a,\n shorthand = {A},\n seen = {MEMORY},\n}", "marked 'MEMORY'; expected one of"),
    ],
)
def test_a_bad_file_of_references(tmp_path, text, expected):
    (tmp_path / "bad.bib").write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        _read(tmp_path / "bad.bib")
    assert expected in str(caught.value)
    assert "bad.bib" in str(caught.value)
