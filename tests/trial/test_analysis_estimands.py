"""Trial data, estimands, and what an analysis cannot give."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.trial.analysis import (
    ANALYSES,
    ESTIMANDS,
    MEASURES,
    ancova,
    check_endpoint,
    cox,
    estimate,
    logistic,
    mmrm,
    multiple_imputation,
)
from ketasim.trial.data import Estimate, TrialData

ARMS = ("drug", "placebo")


def trial(**changes: object) -> TrialData:
    rng = np.random.default_rng(9)
    n = 120
    arm = np.arange(n) % 2
    baseline = rng.normal(32, 4, n).round()
    values = baseline[:, None] - 9 - 5 * (arm == 0)[:, None] + rng.normal(0, 8, (n, 3))
    values[rng.random((n, 3)) < 0.05] = np.nan
    values[0, 1] = 3.0
    hours = rng.exponential(900, n)
    given = {
        "arm": arm, "baseline": baseline, "values": values.round(),
        "visits_h": np.array([24.0, 168.0, 672.0]), "arms": ARMS,
        "stopped_h": np.where(rng.random(n) < 0.2, rng.uniform(1, 600, n), np.nan),
        "event_h": np.minimum(hours, 1500.0), "event": hours < 1500,
        "visit_names": ("day 2", "day 8", "day 29"),
    }  # fmt: skip
    return TrialData(**{**given, **changes})


def endpoint(measure: str, estimand: str, analysis: str, visit: str | float = 672.0):
    return SimpleNamespace(measure=measure, estimand=estimand, analysis=analysis, visit=visit)


ALLOWED = {
    ("change", "treatment_policy"): {
        "t_test", "ancova", "mmrm", "crossover", "multiple_imputation", "jump_to_reference",
        "copy_reference", "copy_increments", "reference_based",
    },
    ("change", "hypothetical"): {"mmrm", "multiple_imputation"},
    ("change", "composite"): set(),
    ("change", "while_on_treatment"): {"t_test", "ancova", "crossover"},
    ("response", "treatment_policy"): {
        "logistic", "risk_difference", "multiple_imputation", "jump_to_reference",
        "copy_reference", "copy_increments", "reference_based",
    },
    ("response", "hypothetical"): {"multiple_imputation"},
    ("response", "composite"): {"logistic", "risk_difference"},
    ("response", "while_on_treatment"): {"logistic", "risk_difference"},
    **{("relapse", one): {"cox", "log_rank"} for one in ESTIMANDS},
}  # fmt: skip


@pytest.mark.parametrize(("measure", "estimand"), list(itertools.product(MEASURES, ESTIMANDS)))
def test_what_an_analysis_can_give(measure: str, estimand: str) -> None:
    twin = "response" if measure == "remission" else measure
    for analysis in ANALYSES:
        if analysis in ALLOWED[twin, estimand]:
            check_endpoint(measure, estimand, analysis)
            continue
        with pytest.raises(InputError) as refused:
            check_endpoint(measure, estimand, analysis)
        assert str(refused.value).count(".") == 0
        assert analysis in str(refused.value)


def test_the_refusal_is_one_sentence() -> None:
    with pytest.raises(InputError) as refused:
        estimate(trial(), endpoint("change", "composite", "t_test"))
    assert str(refused.value) == (
        "endpoint: the analysis 't_test' of change cannot give the estimand 'composite': "
        "a patient who has failed has no change in points"
    )


@pytest.mark.parametrize(
    ("names", "word"),
    [(("chnge", "composite", "ancova"), "measure"), (("change", "policy", "ancova"), "estimand"),
     (("change", "hypothetical", "ancva"), "analysis")],
)  # fmt: skip
def test_unknown_names_are_refused(names: tuple[str, str, str], word: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {word}"):
        check_endpoint(*names)


def test_treatment_policy_takes_what_was_seen() -> None:
    found = estimate(trial(), endpoint("change", "treatment_policy", "ancova"))
    plain = ancova(trial(), 672.0, *ARMS)
    assert found.estimand == "treatment_policy"
    assert (found.estimate, found.n) == (plain.estimate, plain.n)


def cut() -> TrialData:
    data = trial()
    return trial(values=np.where(data.after_stop, np.nan, data.values))


def test_hypothetical_forgets_what_came_after_the_event() -> None:
    found = estimate(trial(), endpoint("change", "hypothetical", "mmrm"))
    assert found.estimate == pytest.approx(mmrm(cut(), 672.0, *ARMS).estimate, rel=1e-12)
    assert found.estimate != mmrm(trial(), 672.0, *ARMS).estimate
    imputed = estimate(
        trial(), endpoint("change", "hypothetical", "multiple_imputation"), imputations=4, seed=2
    )
    same = multiple_imputation(cut(), 672.0, *ARMS, imputations=4, seed=2)
    assert imputed.estimate == same.estimate


def test_while_on_treatment_carries_the_last_value_on_treatment() -> None:
    data = trial()
    values = data.values.copy()
    for row in np.flatnonzero(~np.isnan(data.stopped)):
        on = [v for v, h in zip(values[row], data.visits_h, strict=True) if h <= data.stopped[row]]
        kept = [v for v in on if not np.isnan(v)]
        values[row, len(on) :] = kept[-1] if kept else np.nan
    found = estimate(data, endpoint("change", "while_on_treatment", "ancova"))
    assert found.estimate == pytest.approx(ancova(trial(values=values), 672.0, *ARMS).estimate)


def test_composite_counts_who_stopped_or_is_missing_as_failed() -> None:
    data = trial()
    bad = data.after_stop[:, 2] | np.isnan(data.values[:, 2])
    values = data.values.copy()
    values[bad, 2] = 60.0
    found = estimate(data, endpoint("response", "composite", "logistic"))
    assert found.estimate == pytest.approx(logistic(trial(values=values), 672.0, *ARMS).estimate)
    assert found.n == 120
    policy = estimate(data, endpoint("response", "treatment_policy", "logistic"))
    assert policy.n == 120 - np.isnan(data.values[:, 2]).sum()


def test_relapse_is_censored_or_counted_at_the_event() -> None:
    data = trial()
    first = data.stopped < data.event_h
    hours = np.where(first, data.stopped, data.event_h)
    for estimand, event in (
        ("composite", data.event | first),
        ("hypothetical", data.event & ~first),
        ("while_on_treatment", data.event & ~first),
    ):
        found = estimate(data, endpoint("relapse", estimand, "cox", visit=""))
        expected = cox(trial(event_h=hours, event=event), *ARMS)
        assert found.estimate == pytest.approx(expected.estimate, rel=1e-9), estimand
    plain = estimate(data, endpoint("relapse", "treatment_policy", "log_rank"))
    assert plain.estimate == cox(data, *ARMS).estimate


def test_remission_reads_the_cutoff_of_the_endpoint() -> None:
    wanted = endpoint("remission", "treatment_policy", "risk_difference")
    usual = estimate(trial(), wanted)
    wanted.cutoff = 20.0
    wide = estimate(trial(), wanted)
    assert wide.estimate != usual.estimate
    assert wide.n == usual.n


def test_reference_based_is_jump_to_reference() -> None:
    one, other = (
        estimate(trial(), endpoint("change", "treatment_policy", name), imputations=3)
        for name in ("reference_based", "jump_to_reference")
    )
    assert one == other


def test_the_arms_of_a_larger_trial_must_be_said() -> None:
    data = trial(arm=np.arange(120) % 3, arms=("high", "low", "placebo"))
    wanted = endpoint("change", "treatment_policy", "mmrm", visit="day 29")
    with pytest.raises(InputError, match="the trial has 3 arms"):
        estimate(data, wanted)
    found = estimate(data, wanted, active="low", control="placebo")
    assert found.contrast == "low minus placebo"
    assert estimate(trial(), wanted, control="drug").contrast == "placebo minus drug"


def test_visits_are_found_by_name_or_hour() -> None:
    data = trial()
    assert data.visit_index("day 8") == data.visit_index(168.0) == 1
    with pytest.raises(InputError, match="no visit at 100 h; expected 24, 168, 672"):
        data.visit_index(100.0)
    with pytest.raises(UnknownNameError, match="unknown visit 'day 9'"):
        data.visit_index("day 9")
    with pytest.raises(UnknownNameError, match="unknown arm"):
        data.arm_index("rug")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arm": np.full(120, 2)}, "an arm index lies outside the 2 arms"),
        ({"baseline": np.ones(3)}, "'baseline' has the shape (3,)"),
        ({"visits_h": np.array([24.0, 24.0, 30.0])}, "the visits do not increase"),
        ({"arms": ("a", "a")}, "two arms have the same name"),
        ({"baseline": np.full(120, np.inf)}, "a score is infinite"),
        ({"event": None}, "'event' and 'event_h' belong together"),
        ({"visit_names": ("one",)}, "1 names for 3 visits"),
    ],
)
def test_data_that_disagree_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        trial(**changes)
    assert sentence in str(refused.value)


def test_the_long_table() -> None:
    why = np.full((120, 3), "", object)
    why[5, 2] = "left"
    table = trial(missing_why=why).to_frame()
    assert list(table.columns) == [
        "patient", "arm", "visit", "time_h", "measure", "value", "missing_why",
    ]  # fmt: skip
    assert len(table) == 480
    row = table[(table.patient == 5) & (table.visit == "day 29")].iloc[0]
    assert (row.arm, row.time_h, row.measure, row.missing_why) == (
        "placebo",
        672.0,
        "madrs",
        "left",
    )
    assert table.value[table.visit == "baseline"].to_numpy() == pytest.approx(trial().baseline)


def test_an_estimate_is_a_row() -> None:
    found = ancova(trial(), "day 2", *ARMS)
    row = found.to_frame()
    assert len(row) == 1
    assert row.loc[0, "estimate"] == found.estimate
    assert Estimate(**row.iloc[0].to_dict()) == found
