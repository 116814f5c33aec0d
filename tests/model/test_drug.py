"""Drugs: files, molar masses, routes."""

from pathlib import Path

import pytest

from ketasim.errors import ModelError, UnknownNameError
from ketasim.model import list_drugs, load_drug
from ketasim.model.drug import molar_mass_of, read_drug


def test_the_drugs_of_the_story_are_there() -> None:
    assert set(list_drugs()) >= {
        "ketamine", "esketamine", "arketamine", "naltrexone", "naloxone", "morphine", "rapamycin",
        "nbqx", "pcpa", "cp94253", "gr127935", "rolipram", "forskolin", "ssri", "midazolam",
        "saline",
    }  # fmt: skip


@pytest.mark.parametrize("name", list_drugs())
def test_every_molar_mass_follows_from_its_formula(name: str) -> None:
    drug = load_drug(name)
    assert drug.molar_mass == pytest.approx(molar_mass_of(drug.formula), abs=0.1)


def test_a_salt_of_esketamine_weighs_what_the_label_says() -> None:
    assert 32.3 * load_drug("esketamine").salts["hydrochloride"] == pytest.approx(28.0, abs=0.01)


def test_the_racemate_is_half_and_half() -> None:
    legs = load_drug("ketamine").routes["iv"]
    assert {leg.target: leg.share for leg in legs} == {"ket_s": 0.5, "ket_r": 0.5}


def test_a_nasal_dose_goes_two_ways_that_add_up() -> None:
    nasal, swallowed = load_drug("esketamine").routes["nasal"]
    assert nasal.fraction == swallowed.fraction == "f_nasal"
    assert (nasal.complement, swallowed.complement) == (False, True)


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean ketamine"):
        load_drug("ketamin")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("molar_mass: 58.44", "molar_mass: 85.44", "does not fit NaCl"),
        ("  iv: []", "  ivv: []", "unknown route 'ivv'"),
        ("kinetics: none", "kinetic: none", "unknown field 'kinetic'|field 'kinetics'"),
        ("formula: NaCl", "formula: Xx2", "no atomic weight for Xx"),
        ("formula: NaCl", "formula: nacl", "is no sum formula"),
        ("name: saline", "name: [", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_answered_with_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    from ketasim.model.files import DRUGS

    text = (DRUGS / "saline.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "saline.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ModelError if "ivv" not in new else UnknownNameError, match=words):
        read_drug(path)
