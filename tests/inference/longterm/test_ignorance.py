"""What is not known: counts agree with the evidence, and studies inform only what they can."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ketasim.errors import EvidenceError
from ketasim.evidence import load, reference
from ketasim.inference.longterm import ignorance
from ketasim.inference.longterm.ignorance import (
    LongTermOutcome,
    Tolerance,
    durability_draws,
    interval_of,
    list_outcomes,
    list_studies,
)
from ketasim.inference.longterm.value import ignorance_table, narrowing, value_table

OUTCOMES = {one.id: one for one in list_outcomes()}
TOLERANCE = Tolerance(np.linspace(0.0, 1.0, 6), np.linspace(0.28, 0.42, 6))
EVENTS = load("adverse_events")


@pytest.mark.parametrize(
    "one", [o for o in OUTCOMES.values() if o.event in set(EVENTS["event"])], ids=lambda o: o.id
)
def test_counts_are_those_of_the_evidence(one: LongTermOutcome) -> None:
    rows = EVENTS[(EVENTS["study"] == one.study) & (EVENTS["event"] == one.event)]
    row = rows.iloc[0]
    if one.id == "dependence_recreational":
        assert one.events == pytest.approx(float(row["percent"]) / 100 * row["n"], abs=0.5)
    else:
        assert one.events == row["events_count"]
    if not np.isnan(row["n"]):
        assert one.n == row["n"]
    assert one.sources[0] in str(row["citation"])
    if one.kind == "difference":
        control = rows.iloc[1]
        assert (one.events_control, one.n_control) == (control["events_count"], control["n"])


def test_the_patients_without_cystitis_are_half_of_the_long_trial() -> None:
    long = EVENTS[EVENTS["study"] == "SUSTAIN-3 US-label subgroup"].iloc[0]
    assert OUTCOMES["cystitis_medical"].n == long["n"] // 2
    assert "46.9 months" in str(long["timepoint"])


@pytest.mark.parametrize("one", OUTCOMES.values(), ids=lambda o: o.id)
def test_every_outcome_names_its_sources_population_and_assumption(one: LongTermOutcome) -> None:
    assert all(reference(key) for key in one.sources)
    assert one.population.startswith(("medical", "recreational"))
    assert one.assumption


@pytest.mark.parametrize("one", OUTCOMES.values(), ids=lambda o: o.id)
def test_no_single_number_for_bladder_and_dependence(one: LongTermOutcome) -> None:
    value, low, high = interval_of(one, TOLERANCE)
    assert low < high
    assert np.isnan(value) == (
        one.topic in ("urinary", "dependence")
        or one.kind in ("none", "effect", "durability", "tolerance")
    )
    assert np.isnan(value) or low <= value <= high


def test_every_topic_is_there() -> None:
    topics = {one.topic for one in OUTCOMES.values()}
    assert topics == {"relapse", "durability", "tolerance", "urinary", "cognition", "dependence"}


def test_what_lies_beyond_the_data_says_so_and_is_wider() -> None:
    beyond = OUTCOMES["durability_24"]
    assert beyond.extrapolated
    assert not OUTCOMES["relapse_continued"].extrapolated
    within = dataclasses.replace(beyond, horizon_months=9.0)
    assert np.ptp(np.quantile(durability_draws(beyond), [0.025, 0.975])) > 2 * np.ptp(
        np.quantile(durability_draws(within), [0.025, 0.975])
    )


def test_no_number_read_means_the_whole_range() -> None:
    _, low, high = interval_of(OUTCOMES["dependence_medical"], TOLERANCE)
    assert low < 1.0
    assert high > 99.0


def test_studies_narrow_what_they_measure_and_nothing_else() -> None:
    for one in OUTCOMES.values():
        for study in list_studies():
            now, after = narrowing(one, study, TOLERANCE)
            if one.id in dict(study.informs):
                assert after < now, (one.id, study.id)
            else:
                assert after == now, (one.id, study.id)


def test_a_study_says_nothing_of_a_time_after_its_end() -> None:
    for study in list_studies():
        for name, _ in study.informs:
            assert OUTCOMES[name].horizon_months <= study.months


def test_no_study_of_patients_informs_a_recreational_risk() -> None:
    table = ignorance_table(TOLERANCE)
    recreational = table[table["population"].str.startswith("recreational")]
    assert (recreational["best_study"] == "none of those listed").all()
    assert len(recreational) == 2


def test_the_best_study_is_the_one_that_narrows_most() -> None:
    values, known = value_table(TOLERANCE), ignorance_table(TOLERANCE)
    for name, rows in values.dropna(subset="study").groupby("outcome"):
        best = rows.loc[rows["reduction_pct"].idxmax()]
        assert known.loc[name, "best_study"] == best["study_title"]
        assert best["reduction_pct"] == pytest.approx(
            100 * (1 - best["width_after"] / best["width_now"])
        )
    assert values["reduction_pct"].between(0, 100).all()


def _rows(monkeypatch: pytest.MonkeyPatch, file: str, column: str, cell: str) -> None:
    real = ignorance._rows

    def changed(name: str) -> list[dict[str, object]]:
        rows = real(name)
        if name == file:
            rows[-1][column] = cell
        return rows

    monkeypatch.setattr(ignorance, "_rows", changed)


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [("kind", "guess", "no kind 'guess'"), ("events", "2000", "more events than patients")],
)
def test_a_wrong_outcome_is_refused(
    monkeypatch: pytest.MonkeyPatch, column: str, cell: str, words: str
) -> None:
    _rows(monkeypatch, "outcomes.csv", column, cell)
    with pytest.raises(EvidenceError, match=words):
        ignorance.list_outcomes.__wrapped__()


@pytest.mark.parametrize("informs", ["cystitis_medical:1", "happiness:1"])
def test_a_study_that_cannot_inform_is_refused(
    monkeypatch: pytest.MonkeyPatch, informs: str
) -> None:
    _rows(monkeypatch, "studies.csv", "informs", informs)
    with pytest.raises(EvidenceError, match="cannot inform"):
        ignorance.list_studies.__wrapped__()
