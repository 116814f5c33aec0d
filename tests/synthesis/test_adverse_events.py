"""The shipped adverse events: the worked example of the notes, and the rules it rests on."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.evidence import load
from ketasim.synthesis import (
    adverse_event_contrasts,
    adverse_event_studies,
    families,
    number_needed,
    pool,
)
from ketasim.synthesis.adverse_events import CATEGORIES, contrast_rows

NASAL = "esketamine nasal against placebo"

# Event, ratio by REML with Wald's and Hartung-Knapp's interval, tau2, Mantel-Haenszel ratio.
WORKED = [
    ("Dissociation", 4.75, 3.49, 6.47, 3.10, 7.28, 0.000, 4.76),
    ("Dizziness", 3.42, 2.44, 4.80, 1.60, 7.32, 0.023, 3.46),
    ("Nausea", 2.40, 1.64, 3.52, 1.13, 5.13, 0.046, 2.47),
    ("Sedation", 3.16, 1.70, 5.88, 0.85, 11.83, 0.100, 3.02),
    ("Blood pressure increased", 3.56, 2.31, 5.49, 2.18, 5.81, 0.000, 3.60),
    ("Vomiting", 2.62, 1.48, 4.64, 0.74, 9.29, 0.041, 2.79),
    ("Headache", 1.14, 0.89, 1.46, 0.55, 2.36, 0.000, 1.17),
]


@pytest.mark.parametrize(
    ("event", "ratio", "low", "high", "hk_low", "hk_high", "tau2", "mh"), WORKED
)
def test_the_worked_example_of_the_notes(
    event: str,
    ratio: float,
    low: float,
    high: float,
    hk_low: float,
    hk_high: float,
    tau2: float,
    mh: float,
) -> None:
    studies = adverse_event_studies(event)
    wald, knapp = pool(studies), pool(studies, hartung_knapp=True)
    assert wald.k == 3
    found = wald.natural()
    assert [found[name] for name in ("estimate", "ci_low", "ci_high")] == pytest.approx(
        [ratio, low, high], abs=0.00501
    )
    ends = knapp.natural()
    assert [ends["ci_low"], ends["ci_high"]] == pytest.approx([hk_low, hk_high], abs=0.00501)
    assert wald.tau2 == pytest.approx(tau2, abs=0.000501)
    assert pool(studies, "mh").natural()["estimate"] == pytest.approx(mh, abs=0.00501)


def test_the_table_says_the_same_as_the_pools() -> None:
    found = adverse_event_contrasts(events=[row[0] for row in WORKED])
    table = found.pooled[found.pooled["comparison"] == NASAL].set_index("event")
    for event, ratio, low, high, *_ in WORKED:
        row = table.loc[event]
        assert [row["ratio"], row["ratio_low"], row["ratio_high"]] == pytest.approx(
            [ratio, low, high], abs=0.00501
        )
        assert row["nnh"] == pytest.approx(1.0 / row["risk_difference"])
        assert found.pool_of(event).k == row["k"] == 3
    assert table.loc["Dissociation", "patients_treatment"] == 346 + 227 + 122
    assert table.loc["Dissociation", "patients_control"] == 222 + 225 + 80
    assert set(found.citations()["used_for"].str.split(",").str[0]) <= {row[0] for row in WORKED}


@pytest.fixture(scope="module")
def everything() -> object:
    return adverse_event_contrasts()


def test_every_source_has_a_family_with_a_reason() -> None:
    table = families()
    assert set(table["study"]) == set(load("adverse_events")["study"])
    assert table["reason"].str.len().min() > 10
    # What is never in a ratio has no comparison, and the reverse.
    assert (table["preference"].isna() == table["comparison"].isna()).all()
    for forbidden in ("SUSTAIN", "CRTCE", "REMS", "NIMH", "SPRAVATO label scale"):
        assert table.loc[table["study"].str.startswith(forbidden), "preference"].isna().all()


def test_one_source_of_a_family_and_no_doubtful_number_in_a_pool(everything: object) -> None:
    arms = everything.arms  # type: ignore[attr-defined]
    told = arms[arms["state"] == "reported"]
    assert not told.duplicated(["comparison", "event", "family"]).any()
    rows = load("adverse_events").set_index("row_id")
    for row in told.to_dict("records"):
        used = rows.loc[row["row_ids"].split("; ")]
        assert used["events_count"].notna().all()
        assert used["events_count"].sum() == row["events_treatment"] + row["events_control"]
        assert used["n"].sum() == row["n_treatment"] + row["n_control"]
        assert not used["study"].str.contains("SUSTAIN").any()
    # The pooled publication comes before the label of the same patients, which fills its gaps.
    pressure = told[
        (told["event"] == "Blood pressure increased") & (told["family"] == "ASPIRE I and II")
    ]
    assert pressure["events_treatment"].to_list() == [26]
    vertigo = told[(told["event"] == "Vertigo") & (told["comparison"] == NASAL)]
    assert vertigo.set_index("family").loc["ASPIRE I and II", "events_treatment"] == 14


def test_what_is_not_reported_is_never_zero(everything: object) -> None:
    arms, pooled = everything.arms, everything.pooled  # type: ignore[attr-defined]
    silent = arms[arms["state"] == "not reported"]
    assert len(silent) > 50
    counts = ["events_treatment", "n_treatment", "events_control", "n_control"]
    assert silent[counts].isna().all(axis=None)
    lethargy = pooled[(pooled["event"] == "Lethargy") & (pooled["comparison"] == NASAL)].iloc[0]
    assert lethargy["k"] == 1
    assert "Japan phase 2b" in lethargy["not_reported"]
    japan = silent[(silent["event"] == "Lethargy") & (silent["family"] == "Japan phase 2b")]
    assert japan["threshold_percent"].to_list() == [5.0]
    # Comparisons with another control stay apart.
    assert set(pooled["comparison"]) == {
        NASAL,
        f"{NASAL}, healthy, one dose",
        "ketamine intravenous against ECT",
    }
    assert set(pooled["category"]) == set(CATEGORIES)


def test_doses_stand_beside_each_other(everything: object) -> None:
    table = everything.by_dose()  # type: ignore[attr-defined]
    japan = table[(table["study"].str.startswith("Japan")) & (table["event"] == "Dissociation")]
    assert japan["dose"].str[:5].to_list() == ["28 mg", "56 mg", "84 mg"]
    percent = 100 * japan["events_treatment"] / japan["n_treatment"]
    assert percent.round(1).to_list() == [34.1, 24.4, 55.0]
    assert japan["ratio"].to_numpy() == pytest.approx(percent.to_numpy() / 8.75, rel=1e-9)


def test_rows_of_one_family_cannot_be_pooled() -> None:
    from ketasim.synthesis import read_studies

    rows = contrast_rows()
    two = rows[(rows["event"] == "Nausea") & (rows["comparison"] == NASAL)]
    same = pd.concat([two, two.assign(study=two["study"] + " again")])
    same = same[
        ["study", "family", "events_treatment", "n_treatment", "events_control", "n_control"]
    ]
    with pytest.raises(InputError, match="share patients"):
        read_studies(same, "rr")


@pytest.mark.parametrize(
    ("difference", "low", "high", "text"),
    [
        (0.25, 0.2, 0.5, "NNH 4.0 (NNH 2.0 to NNH 5.0)"),
        (0.05, -0.025, 0.125, "NNH 20 (NNH 8.0 to infinity to NNB 40)"),
        (-0.1, -0.2, 0.02, "NNB 10 (NNB 5.0 to infinity to NNH 50)"),
        (-0.1, -0.2, -0.05, "NNB 10 (NNB 5.0 to NNB 20)"),
        (0.1, math.nan, math.nan, "NNH 10"),
        (math.nan, math.nan, math.nan, "not known"),
    ],
)
def test_numbers_needed_run_through_infinity(
    difference: float, low: float, high: float, text: str
) -> None:
    assert number_needed(difference, low, high).text == text


@pytest.mark.parametrize(
    ("options", "said"),
    [({"measure": "md"}, "is no ratio"), ({"events": ["Dissociaton"]}, "did you mean Dissociation"),
     ({"method": "remel"}, "did you mean")],
)  # fmt: skip
def test_unknown_words(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        adverse_event_contrasts(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="did you mean Sedation"):
        adverse_event_studies("Sedaton")


def test_rare_events_have_other_methods() -> None:
    for method in ("peto", "glmm"):
        found = adverse_event_contrasts("or", method, events=["Sedation"])
        row = found.pooled[found.pooled["comparison"] == NASAL].iloc[0]
        assert row["ratio_low"] > 1.0
        # The difference is then that of Mantel and Haenszel.
        mh = pool(adverse_event_studies("Sedation", "rd"), "mh").estimate
        assert row["risk_difference"] == pytest.approx(mh)
