import math

import numpy as np
import pytest

from ketasim.errors import EvidenceError, InputError
from ketasim.instruments.pet.regions import (
    QUANTITIES,
    constant,
    constants_table,
    load_regions,
    published_test_retest,
    regions_table,
)
from ketasim.instruments.pet.scans import REGIONS

# Mean BPND, SD over people, ICC, absolute variability and signed change of SRTM as published
# (Tjerkaski 2020; 8 men scanned twice).
REAL = {
    "FC": (1.513, 0.132, 0.35, 0.069, -0.019),
    "OC": (1.595, 0.171, 0.67, 0.059, 0.004),
    "INS": (1.484, 0.120, 0.44, 0.057, -0.033),
    "PUT": (1.437, 0.137, 0.46, 0.069, -0.042),
    "CAU": (0.876, 0.149, 0.60, 0.126, -0.089),
    "THA": (0.611, 0.084, 0.29, 0.131, -0.128),
}


@pytest.mark.parametrize("region", REAL)
def test_real_scans_are_preferred_to_simulated_ones(region):
    mean, sd, icc, variability, change = REAL[region]
    values = load_regions([region])
    assert values.bpnd == mean
    assert values.absolute_variability == variability
    assert values.signed_change == change
    assert values.between_sd[0] == pytest.approx(sd * math.sqrt(icc) / mean, abs=5e-5)


def test_what_no_source_gives_is_labelled_assumed():
    status = regions_table()["status"]
    for region in ("CAU", "PUT"):
        assert status[(region, "r1")] == status[(region, "k2_prime")] == "assumed"
    assert status[("HIP", "absolute_variability")] == "assumed"
    constants = constants_table()
    assert set(constants.loc[constants.index.str.startswith("plasma_"), "status"]) == {"assumed"}
    sources = regions_table().query("status in ('published', 'derived')")["source"]
    assert sources.str.len().min() > 0


def test_every_source_is_in_the_bibliography():
    from ketasim.evidence.bibliography import bibliography

    named = {*regions_table()["source"], *constants_table()["source"]}
    named |= set(published_test_retest()["source"])
    assert named - {""} <= set(bibliography())


def test_depression_lowers_the_cingulate_by_a_fifth_and_the_hippocampus_by_a_third():
    values = load_regions()
    lower = {n: d for n, d in zip(values.names, values.depression, strict=True) if d != 1}
    assert lower == {"HIP": 0.68, "ACC": 0.80}


def test_the_simulated_spread_is_that_of_the_model_in_every_region():
    import ketasim as ks

    table = ks.load_model("article").table
    own = table.set_index("id") if "id" in table.columns else table
    assert set(load_regions(spread="simulated").between_sd) == {
        float(own.loc["ht1b_vst_baseline", "cv"])
    }


def test_a_subset_keeps_its_order_and_values():
    every, some = load_regions(), load_regions(["THA", "VSTR"])
    assert some.names == ("THA", "VSTR")
    for quantity in QUANTITIES:
        whole = getattr(every, quantity)
        wanted = [whole[REGIONS.index(name)] for name in some.names]
        assert np.array_equal(getattr(some, quantity), wanted)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: load_regions(["HPI"]), "unknown region 'HPI': did you mean HIP?"),
        (lambda: load_regions(["HIP", "HIP"]), "named twice"),
        (lambda: load_regions(spread="real"), "unknown spread 'real'"),
        (lambda: load_regions(hippocampus_variability=12.0), "such as 0.12"),
        (lambda: load_regions().with_values("bp", 1.0), "unknown quantity of a region 'bp'"),
        (lambda: load_regions().with_values("bpnd", {"CER": 1.0}), "unknown region 'CER'"),
        (lambda: constant("half_live"), "unknown constant"),
    ],
)
def test_a_wrong_name_or_number_is_one_sentence(call, sentence):
    with pytest.raises(InputError) as found:
        call()
    assert sentence in str(found.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows[:-1], "age_per_decade of PUT is missing"),
        (lambda rows: [*rows, rows[-1]], "age_per_decade of PUT stands twice"),
        (lambda rows: [rows[0].replace("1.78", "high"), *rows[1:]], "row 2"),
        (lambda rows: [rows[0].replace("derived", "guessed"), *rows[1:]], "unknown status"),
        (lambda rows: [rows[0].replace("simbaref", ""), *rows[1:]], "has no source"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_place(tmp_path, change, sentence):
    from ketasim.instruments.pet.regions import REGIONS_FILE

    head, *rows = REGIONS_FILE.read_text().splitlines()
    file = tmp_path / "regions.csv"
    file.write_text("\n".join([head, *change(rows)]))
    with pytest.raises(EvidenceError) as found:
        regions_table(file)
    assert sentence in str(found.value)
    assert str(found.value).startswith("regions.csv")
