"""Operating characteristics: against closed forms, against nothing to find, with common numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.trial import (
    RATING_PRIORS,
    RatingModel,
    TrialAllocation,
    TrialArm,
    TrialContext,
    TrialDesign,
    TrialDropout,
    TrialEndpoint,
    TrialPool,
    TrialRescue,
    TrialStratum,
    build_pool,
    compare_designs,
    find_sample_size,
    load_design,
    operating_characteristics,
    run_trial,
    sized,
    tornado,
)
from ketasim.trial import operating_analysis as analysing
from ketasim.trial.analysis import estimate
from ketasim.trial.operating import proportion_se
from ketasim.trial.operating_analysis import (
    Conditions,
    analyse_replicates,
    contrasts_of,
)
from ketasim.trial.operating_truth import truths_of
from ketasim.trial.results import ALL, OperatingCharacteristics

from .conftest import two_arms
from .operating_designs import ALONE, LEAVING, PAIR, ending, withdrawal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def leaving() -> TrialDesign:
    return two_arms(40, dropout=LEAVING)


@pytest.fixture(scope="module")
def stopping() -> TrialPool:
    return build_pool(withdrawal(20), 100, 1)


@pytest.fixture(scope="module")
def found(leaving: TrialDesign, pool: TrialPool) -> OperatingCharacteristics:
    return operating_characteristics(leaving, 400, 1, pools={"article": pool})


STRATA = TrialAllocation("stratified", (1.0, 1.0), 4, (TrialStratum("sex"),))


@pytest.mark.parametrize("analysis", ["t_test", "ancova", "mmrm", "logistic"])
@pytest.mark.parametrize("allocation", [TrialAllocation(), STRATA])
def test_many_replicates_are_analysed_as_each_alone(
    leaving: TrialDesign, pool: TrialPool, analysis: str, allocation: TrialAllocation
) -> None:
    design = replace(leaving, allocation=allocation, rescue=TrialRescue(72.0, 0.1, -4.0))
    policies = ["treatment_policy", *(["hypothetical"] if analysis == "mmrm" else [])]
    runs = run_trial(design, 5, 3, pool=pool)
    for policy in policies:
        end = ending("response" if analysis == "logistic" else "change", analysis, policy)
        batch = analyse_replicates(runs, end, *PAIR)
        alone = [estimate(runs.one(k), end, active=PAIR[0], control=PAIR[1]) for k in range(5)]
        for name in ("estimate", "se", "ci_low", "p"):
            expected = [getattr(one, name) for one in alone]
            np.testing.assert_allclose(getattr(batch, name), expected, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("analysis", ["cox", "log_rank"])
def test_relapses_are_analysed_as_each_alone(stopping: TrialPool, analysis: str) -> None:
    design = withdrawal(20, analysis=analysis)
    runs = run_trial(design, 5, 3, pool=stopping)
    batch = analyse_replicates(runs, design.endpoint, *PAIR)
    alone = [
        estimate(runs.one(k), design.endpoint, active=PAIR[0], control=PAIR[1]) for k in range(5)
    ]
    for name in ("estimate", "se", "p"):
        expected = [getattr(one, name) for one in alone]
        np.testing.assert_allclose(getattr(batch, name), expected, rtol=1e-4, atol=1e-9)


def test_two_arms_of_several_are_compared_as_alone(pool: TrialPool) -> None:
    low = TrialArm("low", "ketamine 0.1 mg/kg iv over 40 min", "active", 20, "active")
    design = two_arms(20, arms=(*two_arms(20).arms, low), endpoint=ending("change", "ancova"))
    people = build_pool(design, 60, 1)
    assert contrasts_of(design) == (("ketamine", "saline"), ("low", "saline"))
    runs = run_trial(design, 3, 1, pool=people)
    for analysis in ("ancova", "mmrm"):
        end = ending("change", analysis)
        batch = analyse_replicates(runs, end, "low", "saline")
        alone = estimate(runs.one(1), end, active="low", control="saline")
        assert batch.estimate[1] == pytest.approx(alone.estimate, rel=1e-5)


def test_the_table_says_what_the_replicates_say(
    found: OperatingCharacteristics, leaving: TrialDesign
) -> None:
    row = found.table.iloc[0]
    model = found.estimates[found.estimates["world"] == "model"]
    assert row["mean"] == pytest.approx(model["estimate"].mean())
    assert row["sd"] == pytest.approx(model["estimate"].std())
    assert row["mean_se"] == pytest.approx(row["sd"] / 20.0)
    assert row["power"] == ((model["p"] < 0.05) & (model["estimate"] < 0)).mean()
    null = found.estimates[found.estimates["world"] == "null"]
    assert row["type_1_error"] == (null["p"] < 0.05).mean()
    inside = (model["ci_low"] <= row["truth"]) & (row["truth"] <= model["ci_high"])
    assert row["coverage"] == inside.mean()
    assert row["dropout"] == pytest.approx(leaving.dropout.total, abs=0.02)
    assert row["power_se"] == proportion_se(row["power"], 400)


def test_the_analysis_is_unbiased_and_covers(pool: TrialPool) -> None:
    """Without the differences between trials, which no analysis of one trial can know."""
    design = two_arms(40, dropout=TrialDropout(at_random=0.15))
    row = operating_characteristics(
        design, 1000, 2, pools={"article": pool}, rating=ALONE, null=False
    ).table.iloc[0]
    assert row["truth_se"] < 0.1
    assert row["bias_se"] < 0.15
    assert abs(row["bias"]) < 3.5 * row["bias_se"]
    assert row["coverage"] == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / 1000))
    assert row["model_se"] == pytest.approx(row["sd"], rel=0.08)


def test_leaving_for_lack_of_effect_biases_who_is_left(pool: TrialPool) -> None:
    """The mixed model sees the earlier visits of who left; a t test of who is left does not."""
    many = TrialDropout(lack_of_effect=0.35)
    bias = {}
    for analysis in ("t_test", "mmrm"):
        design = two_arms(60, dropout=many, endpoint=ending("change", analysis))
        row = operating_characteristics(
            design, 400, 1, pools={"article": pool}, rating=ALONE, null=False
        ).table.iloc[0]
        bias[analysis] = row["bias"], row["bias_se"]
    # The patients whom the drug does not help leave its arm, and its effect looks larger.
    assert bias["t_test"][0] < -5.0 * bias["t_test"][1]
    assert abs(bias["mmrm"][0]) < 0.5 * abs(bias["t_test"][0])


def test_same_seed_same_bits_whatever_the_threads_and_the_memory(
    leaving: TrialDesign, pool: TrialPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"pools": {"article": pool}, "null": False}
    one = operating_characteristics(leaving, 60, 4, **given)
    monkeypatch.setattr(analysing, "_PATIENTS_AT_ONCE", 17 * leaving.patients)
    other = operating_characteristics(leaving, 60, 4, threads=3, **given)
    pd.testing.assert_frame_equal(one.estimates, other.estimates, check_exact=True)
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    # Counts are weighted sums over the chunks, so that their last digit may differ.
    pd.testing.assert_frame_equal(one.flow, other.flow, rtol=1e-12)
    assert len(other.runs) == 17
    different = operating_characteristics(leaving, 60, 5, **given)
    assert not np.array_equal(one.estimates["estimate"], different.estimates["estimate"])


def test_the_flow_adds_up(found: OperatingCharacteristics, leaving: TrialDesign) -> None:
    flow = found.flow.set_index("arm")
    lost = ["lack_of_effect", "side_effects", "at_random", "missed_visit", "not_solved"]
    assert flow["randomised"].tolist() == pytest.approx([40, 40])
    np.testing.assert_allclose(flow["randomised"], flow[[*lost, "analysed"]].sum(axis=1))
    share = flow.loc["ketamine", "side_effects"] / 40
    assert share == pytest.approx(leaving.dropout.side_effects, abs=0.01)
    assert (flow["screened"] > 80).all()


def test_the_probability_of_success_is_the_mean_over_hypotheses(leaving: TrialDesign) -> None:
    got = operating_characteristics(
        leaving, 100, 1, hypotheses=["article", "no_opioid"], people=100, null=False
    )
    table = got.table.set_index("hypothesis")
    assert list(table.index) == ["article", "no_opioid", ALL]
    for name in ("power", "truth", "mean", "coverage", "dropout"):
        mean = table.loc[["article", "no_opioid"], name].mean()
        assert table.loc[ALL, name] == pytest.approx(mean)
    won = got.estimates.assign(won=(got.estimates["p"] < 0.05) & (got.estimates["estimate"] < 0))
    each = won.groupby("replicate")["won"].mean()
    assert table.loc[ALL, "power_se"] == pytest.approx(each.std() / 10.0)
    # Both share people and numbers, so that their mean is hardly more certain than each.
    assert table.loc[ALL, "mean_se"] > 0.8 * table.loc["article", "mean_se"]


def truth(design: TrialDesign, pool: TrialPool, world: str = "model", **more: Any) -> Any:
    rating = replace(ALONE, world=world, **more)
    conditions = Conditions(2, 1, rating)
    return truths_of(design, pool, [PAIR], conditions, patients=4000)[PAIR]


def test_without_drug_effect_the_truth_is_nothing(leaving: TrialDesign, pool: TrialPool) -> None:
    assert truth(leaving, pool, "null").value == 0.0
    rates = replace(leaving, endpoint=ending("response", "risk_difference"))
    assert truth(rates, pool, "null").value == 0.0
    odds = replace(leaving, endpoint=ending("response", "logistic"))
    assert abs(truth(odds, pool, "null").value) < 1e-9


def test_the_truth_follows_the_estimand(leaving: TrialDesign, pool: TrialPool) -> None:
    rescued = replace(leaving, rescue=TrialRescue(72.0, 0.3, -8.0))
    policy = truth(replace(rescued, endpoint=ending("change", "mmrm")), pool)
    without = truth(replace(rescued, endpoint=ending("change", "mmrm", "hypothetical")), pool)
    plain = truth(replace(leaving, endpoint=ending("change", "mmrm")), pool)
    assert without.value == plain.value
    # Rescue helps the control arm more often.
    assert policy.value > without.value + 0.5
    rates = {
        estimand: truth(
            replace(
                leaving,
                dropout=TrialDropout(at_random=0.4),
                endpoint=ending("response", "risk_difference", estimand),
            ),
            pool,
        ).value
        for estimand in ("treatment_policy", "composite")
    }
    assert rates["composite"] == pytest.approx(0.6 * rates["treatment_policy"], abs=0.05)


def test_the_truth_of_a_last_value_lies_between_visits(pool: TrialPool) -> None:
    many = two_arms(60, dropout=TrialDropout(at_random=0.5))
    values = [
        truth(replace(many, endpoint=ending("change", "t_test", estimand)), pool).value
        for estimand in ("treatment_policy", "while_on_treatment")
    ]
    # The effect fades, so that the last value on treatment shows more of it.
    assert values[1] < values[0] - 0.3


def test_the_truth_of_a_crossover_is_that_of_first_periods() -> None:
    design = load_design("zarate2006")
    pool = build_pool(design, 200, 1)
    runs = run_trial(sized(design, 200), 40, 8, pool=pool, rating=ALONE)
    first = runs.period == 0
    at = design.visit_index("24 h")
    means = [runs.complete[..., at][first & (runs.arm == k)].mean() for k in (0, 1)]
    expected = means[0] - means[1]
    assert truth(design, pool).value == pytest.approx(expected, abs=0.6)
    periods = replace(design.periods, sequences=(("ketamine", "saline"),))  # type: ignore[type-var]
    one_way = replace(design, periods=periods)
    assert np.isnan(truth(one_way, build_pool(one_way, 50, 1)).value)


def test_the_truth_of_a_withdrawal_favours_going_on(stopping: TrialPool) -> None:
    policy = truth(withdrawal(40), stopping)
    assert policy.value < -0.3
    assert 0 < policy.se < 0.1
    # Leaving counts as a relapse in both arms alike, so that they differ less.
    assert policy.value < truth(withdrawal(40, "composite"), stopping).value < 0.0


def closed_form(pool: TrialPool, measure: str, at: int) -> tuple[float, float]:
    """Size of an arm for a power of 80 % by the textbook, and its error through the estimates."""
    from statsmodels.stats.power import NormalIndPower, TTestIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    runs = run_trial(two_arms(200), 200, 99, pool=pool, rating=ALONE)
    groups = [runs.change[:, :, at][runs.arm == k] for k in (0, 1)]
    count = groups[0].size
    if measure == "change":
        sd = np.sqrt((groups[0].var() + groups[1].var()) / 2)
        effect = (groups[1].mean() - groups[0].mean()) / sd
        n = TTestIndPower().solve_power(effect, power=0.8, alpha=0.05)
    else:
        base = [runs.baseline[runs.arm == k] for k in (0, 1)]
        rates = [float((-c >= 0.5 * b).mean()) for c, b in zip(groups, base, strict=True)]
        effect = proportion_effectsize(*rates)
        n = NormalIndPower().solve_power(effect, power=0.8, alpha=0.05)
    # n goes with the inverse square of the effect, whose error is near the root of 2 / count.
    return float(n), float(n * 2 * np.sqrt(2 / count) / effect)


@pytest.mark.parametrize(
    ("measure", "analysis", "at", "replicates"),
    [
        ("change", "t_test", 0, 2000),
        ("change", "t_test", 2, 2000),
        ("response", "risk_difference", 2, 400),
        pytest.param("response", "logistic", 2, 1000, marks=pytest.mark.sweep),
    ],
)
def test_the_sample_size_is_that_of_the_closed_form(
    pool: TrialPool, measure: str, analysis: str, at: int, replicates: int
) -> None:
    end = replace(ending(measure, analysis), visit=("24 h", "day 3", "day 7")[at])
    found = find_sample_size(
        two_arms(40, endpoint=end), 0.8, replicates, 1, pool=pool, rating=ALONE
    )
    expected, error = closed_form(pool, measure, at)
    # One patient for the whole number, the rest Monte-Carlo error of both.
    assert abs(found.n - expected) < 1.0 + 3.0 * np.hypot(found.n_se, error)
    assert found.n_se < 0.07 * expected
    assert found.patients == 2 * found.n
    curve = found.curve.set_index("n")["power"]
    assert curve[found.n] >= 0.8 > curve[found.n - 1]
    assert found.interval[0] < found.n < found.interval[1]


def test_a_size_that_is_never_enough_is_said(leaving: TrialDesign, pool: TrialPool) -> None:
    null = RatingModel(world="null")
    found = find_sample_size(leaving, 0.8, 50, 1, pool=pool, rating=null, at_most=80)
    assert np.isnan(found.n)
    assert "the power with 80 is 0." in repr(found)
    assert found.curve["n"].max() == 80


def test_a_size_keeps_the_ratio_of_the_arms() -> None:
    assert [arm.n for arm in sized(load_design("daly2018"), 20).arms] == [60, 20, 20, 20]
    assert [arm.n for arm in sized(load_design("murrough2013"), 10).arms] == [20, 10]
    assert sized(load_design("zarate2006"), 30).patients == 30
    assert [arm.n for arm in sized(two_arms(7, allocation=STRATA), 12).arms] == [12, 12]


def test_common_random_numbers_make_differences_certain(leaving: TrialDesign) -> None:
    higher = TrialArm("ketamine", "ketamine 0.6 mg/kg iv over 40 min", "active", 40, "active")
    other = replace(leaving, name="higher", arms=(higher, leaving.arms[1]))
    found = compare_designs([leaving, other], 200, 1, people=200)
    row = found.summary().set_index("design").loc["higher"]
    assert row["difference_se"] < 0.3 * row["independent_se"]
    assert row["difference"] < -3.0 * row["difference_se"]
    gap = found.estimates["higher"] - found.estimates["two"]
    assert row["difference"] == pytest.approx(gap.mean())
    assert found.to_frame().groupby("design").size().tolist() == [200, 200]


@pytest.fixture(scope="module")
def winds(leaving: TrialDesign, pool: TrialPool) -> Any:
    return tornado(leaving, 200, 1, pool=pool)


def test_a_tornado_changes_every_assumption(winds: Any) -> None:
    causes = {"dropout: lack_of_effect", "dropout: side_effects", "dropout: at_random"}
    contexts = {"context: active", "context: saline"}
    expected = {*RATING_PRIORS, *causes, "missed visits", *contexts}
    assert set(winds.table["assumption"]) == expected
    table = winds.table.set_index(["assumption", "bound"])
    for name, (_, low, high, _) in RATING_PRIORS.items():
        assert table.loc[(name, "low"), "value"] == low
        assert table.loc[(name, "high"), "value"] == high
    assert table.loc[("dropout: at_random", "high"), "value"] == pytest.approx(0.08)
    assert table.loc[("dropout: at_random", "low"), "value"] == 0.0


def test_a_tornado_moves_the_right_way(winds: Any) -> None:
    table = winds.table.set_index(["assumption", "bound"])
    # A control arm that improves more leaves less of a difference.
    assert table.loc[("context: saline", "low"), "power"] < winds.power - 0.1
    assert table.loc[("context: saline", "high"), "power"] > winds.power + 0.02
    more = table.loc[("dropout: at_random", "high")]
    assert abs(more["estimate_change"]) < 4 * more["estimate_change_se"] + 0.02
    # The same people and numbers: a change is known better than the estimate itself.
    assert more["estimate_change_se"] < 0.5 * 2.4 / np.sqrt(200)
    assert winds.summary()["swing"].is_monotonic_decreasing
    assert winds.summary()["assumption"].iloc[0].startswith("context")


def test_a_tornado_says_where_an_assumption_cannot_be(pool: TrialPool) -> None:
    # Before the first visit nobody can leave for lack of effect: twice a large share cannot.
    design = two_arms(40, dropout=TrialDropout(lack_of_effect=0.45))
    found = tornado(design, 20, 1, pool=pool)
    row = found.table.set_index(["assumption", "bound"]).loc[("dropout: lack_of_effect", "high")]
    assert np.isnan(row["power"])
    assert "cannot leave for this reason" in row["note"]
    assert np.isfinite(found.summary()["swing"]).all()


def test_a_tornado_moves_what_a_design_declares(pool: TrialPool) -> None:
    declared = TrialContext("helmet", -5.0, 2.0)
    arms = (
        replace(two_arms(40).arms[0], control="helmet"),
        replace(two_arms(40).arms[1], control="anaesthesia"),
    )
    design = two_arms(40, arms=arms, contexts=(declared,), masking="anaesthetised")
    table = tornado(design, 20, 1, pool=pool).table.set_index(["assumption", "bound"])
    assert table.loc[("context: helmet", "low"), "value"] == pytest.approx(-8.92, abs=0.01)
    assert table.loc[("context: anaesthesia", "low"), "estimate_change"] > 1.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"replicates": 1}, "1 replicates have no spread"),
        ({"alpha": 1.5}, "the level 1.5 is no probability"),
        ({"hypotheses": "artcle"}, "did you mean article"),
        ({"contrasts": [("ketamin", "saline")]}, "did you mean ketamine"),
        ({"contrasts": [("saline", "saline")]}, "cannot be compared with itself"),
        ({"endpoint": TrialEndpoint("relapse", analysis="cox")}, "not judged by relapse"),
    ],
)
def test_bad_input_is_one_sentence(
    leaving: TrialDesign, pool: TrialPool, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as error:
        operating_characteristics(leaving, pools={"article": pool}, **given)
    assert "\n" not in str(error.value)


def test_a_single_arm_has_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="nothing is compared"):
        operating_characteristics(load_design("murrough2013b"))


def test_other_questions_refuse_bad_input(leaving: TrialDesign) -> None:
    with pytest.raises(InputError, match="a power of 1"):
        find_sample_size(leaving, 1.0)
    with pytest.raises(InputError, match="1 designs of 1 names"):
        compare_designs([leaving])
    odds = replace(leaving, name="odds", endpoint=ending("response", "logistic"))
    with pytest.raises(InputError, match="different units"):
        compare_designs([leaving, odds])
    with pytest.raises(InputError, match="1 patients in an arm"):
        sized(leaving, 1)


def test_progress_is_told(leaving: TrialDesign, pool: TrialPool) -> None:
    told: list[tuple[int, int]] = []
    operating_characteristics(
        leaving, 4, pools={"article": pool}, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_saved_result_is_read_by_any_tool(
    found: OperatingCharacteristics, tmp_path: Path
) -> None:
    folder = found.save(tmp_path / "out", figures=False)
    names = {"trial.json", "characteristics.csv", "estimates.parquet", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    told = json.loads((folder / "trial.json").read_text("utf-8"))
    assert told["design"]["arms"][0]["name"] == "ketamine"
    assert told["characteristics"][0]["power"] == found.table["power"][0]
    kept = pd.read_parquet(folder / "estimates.parquet")
    pd.testing.assert_frame_equal(kept, found.to_frame())
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["seed"] == 1
    sizes = found.to_xarray().sizes
    assert dict(sizes) == {"hypothesis": 1, "world": 2, "contrast": 1, "replicate": 400}
    assert "ketamine minus saline" in repr(found)
    assert "type_1_error" in found._repr_html_()
    assert list(found.summary().columns)[:4] == ["hypothesis", "contrast", "unit", "power"]
    assert "daly2018" in set(found.citations()["key"])
