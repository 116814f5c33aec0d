from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketasim.dosing import Dose, Regimen
from ketasim.errors import InputError, RegimenError, SimulationError, UnknownNameError
from ketasim.population import Cohort
from ketasim.simulate import READOUTS, simulate
from ketasim.units import check_unit

MOLAR_MASS = 200.0
INFUSION = "ketamine 0.5 mg/kg iv over 40 min"
TIMES = [0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0]


def in_closed_form(times, umol, duration, loss, start=0.0):
    """Amount in one compartment under a constant infusion, or after a bolus."""
    since = np.maximum(np.asarray(times) - start, 0.0)
    if duration == 0:
        return umol * np.exp(-loss * since) * (np.asarray(times) >= start)
    during = np.minimum(since, duration)
    peak = umol / duration / loss * -np.expm1(-loss * during)
    return peak * np.exp(-loss * (since - during))


@pytest.mark.parametrize("duration", [0.0, 2.0])
def test_every_patient_follows_the_closed_form(tiny, duration):
    given = Regimen((Dose("ketamine", 1.0, "mg/kg", "iv", duration_h=duration),))
    run = simulate(tiny, given, patients=12, times=TIMES, rtol=1e-9, atol=1e-12)
    people = run.cohort.table
    for place, (_, one) in enumerate(people.iterrows()):
        umol = one["weight"] / MOLAR_MASS * 1000
        expected = in_closed_form(TIMES, umol, duration, one["loss"]) / one["room"]
        found = run.values("concentration")[place]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_overlapping_infusions_add_up(tiny):
    one, other = (
        Dose("ketamine", amount, "mg", "iv", start_h=start, duration_h=2.0)
        for amount, start in ((10.0, 0.0), (30.0, 1.0))
    )
    runs = [
        simulate(tiny, Regimen(doses), patients=3, times=TIMES, rtol=1e-10, atol=1e-13)
        for doses in ((one, other), (one,), (other,))
    ]
    both, first, second = (run.values("drug") for run in runs)
    np.testing.assert_allclose(both, first + second, rtol=1e-8, atol=1e-9)


def test_a_dose_before_time_zero_has_already_worked(tiny):
    given = Regimen((Dose("ketamine", 20.0, "mg", "iv", start_h=-6.0),))
    run = simulate(tiny, given, patients=2, times=[0.0, 1.0], rtol=1e-9)
    loss = run.cohort.table["loss"].to_numpy()
    np.testing.assert_allclose(run.values("drug")[:, 0], 100 * np.exp(-6 * loss), rtol=1e-7)


def test_units_stand_in_the_attributes(tiny, infusion):
    run = simulate(tiny, None, patients=2, days=0.1)
    assert run.units["concentration"] == "umol/L"
    assert run.dataset["concentration"].attrs["long_name"] == "concentration in the body"
    assert run.dataset["time"].attrs["units"] == "h"
    assert run.dataset["failure_time"].attrs["units"] == "h"
    assert infusion.units["ketamine_ng_ml"] == "ng/mL"
    assert infusion.units["sbp_rise"] == "mmHg"
    for unit in infusion.units.values():
        check_unit(unit)


def test_the_default_outputs_are_what_is_measured(tiny, infusion):
    assert set(infusion.outputs) <= set(READOUTS)
    assert {"ketamine_ng_ml", "mtorc1", "spines", "relief"} <= set(infusion.outputs)
    run = simulate(tiny, None, patients=2, days=0.1)
    assert {"drug", "concentration", "fuse"} <= set(run.outputs)
    some = simulate(tiny, None, patients=2, days=0.1, outputs=["drug", "drug"])
    assert some.outputs == ("drug",)


def test_nothing_given_is_rest(article):
    run = simulate(article, patients=3, days=7)
    for name in ("mtorc1", "spines", "serotonin", "glutamate"):
        np.testing.assert_allclose(run.values(name), 1.0, atol=1e-6)
    np.testing.assert_allclose(run.values("relief"), 0.0, atol=1e-6)


def test_saline_is_nothing(article):
    run = simulate(article, "saline 100 mg iv over 40 min", patients=2, days=1)
    assert (run.values("ketamine_ng_ml") == 0).all()


def test_patient_17_is_the_same_whatever_the_cohort(article):
    few, many = (
        simulate(article, INFUSION, patients=count, days=1, outputs=["relief", "mtorc1"])
        for count in (18, 70)
    )
    alone = simulate(
        article,
        INFUSION,
        cohort=many.cohort.select([17]),
        days=1,
        outputs=["relief", "mtorc1"],
    )
    for name in ("relief", "mtorc1"):
        assert (few.values(name)[17] == many.values(name)[17]).all()
        assert (alone.values(name)[0] == many.values(name)[17]).all()


def test_the_reference_solver_agrees(article):
    days, names = 2, ["ketamine_ng_ml", "mtorc1", "relief"]
    ours = simulate(article, INFUSION, patients=2, days=days, outputs=names)
    theirs = simulate(
        article,
        INFUSION,
        patients=2,
        days=days,
        outputs=names,
        backend="roadrunner",
        rtol=1e-10,
        atol=1e-12,
    )
    for name in names:
        a, b = ours.values(name), theirs.values(name)
        assert (np.abs(a - b) / (1e-3 + np.abs(b))).max() < 1e-4


def test_an_override_is_every_patients_value(tiny):
    run = simulate(
        tiny,
        Regimen((Dose("ketamine", 20.0, "mg", "iv"),)),
        patients=4,
        times=TIMES,
        overrides={"loss": 0.25},
        rtol=1e-9,
    )
    expected = in_closed_form(TIMES, 100.0, 0.0, 0.25)
    np.testing.assert_allclose(run.values("drug"), np.tile(expected, (4, 1)), rtol=1e-6)


def test_an_override_may_differ_between_patients(tiny):
    loss = np.array([0.1, 0.2, 0.4])
    run = simulate(
        tiny,
        Regimen((Dose("ketamine", 20.0, "mg", "iv"),)),
        patients=3,
        times=[0.0, 4.0],
        overrides={"loss": loss},
        rtol=1e-9,
    )
    np.testing.assert_allclose(run.values("drug")[:, 1], 100 * np.exp(-4 * loss), rtol=1e-6)


def bursting(tiny, patients, bad, **options):
    """Give some patients a variable that grows beyond all bounds after one hour."""
    burst = np.zeros(patients)
    burst[bad] = 1.0
    return simulate(
        tiny, None, patients=patients, times=TIMES, overrides={"burst": burst}, **options
    )


def test_one_patient_who_fails_is_nan_with_a_reason(tiny):
    run = bursting(tiny, 8, [3], max_failed=0.2)
    assert run.failed == 1
    assert np.isnan(run.values("fuse")[3, -1])
    assert np.isfinite(np.delete(run.values("fuse"), 3, axis=0)).all()
    failures = run.failures()
    assert failures.index.tolist() == [3]
    assert len(failures["status"].iloc[0].split()) > 5
    assert failures["failure_time_h"].iloc[0] == pytest.approx(1.0, abs=0.05)
    assert "1 of 8 patients could not be solved" in repr(run)
    assert run.summary().loc["fuse", "patients"] == 7
    assert run.plot("fuse").layout.title.text.endswith("7 of 8 patients")


def test_too_many_failures_are_the_runs_failure(tiny):
    with pytest.raises(SimulationError) as caught:
        bursting(tiny, 8, [1, 3], max_failed=0.2)
    sentence = str(caught.value)
    assert sentence.startswith("2 of 8 patients could not be solved, more than the 20% allowed: ")
    assert "\n" not in sentence
    assert bursting(tiny, 8, [1, 3], max_failed=0.25).failed == 2


def test_all_failed_can_still_be_summarised_and_drawn(tiny):
    run = bursting(tiny, 2, [0, 1], max_failed=1.0)
    assert run.summary()["patients"].tolist() == [0] * len(run.outputs)
    assert len(run.plot().data) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"regimen": "ketamine 1 mg iv at 20 day"}, RegimenError, "after the end of the run"),
        ({"regimen": "ketamine 1 mg iv at 2 h", "times": [0, 1]}, RegimenError, "run at 1 h"),
        ({"regimen": "ketamin 1 mg iv"}, UnknownNameError, "did you mean ketamine"),
        ({"days": 0.0}, InputError, "a run of 0 days"),
        ({"days": float("nan")}, InputError, "a run of nan days"),
        ({"patients": 0}, InputError, "0 patients"),
        ({"outputs": ["concentratio"]}, UnknownNameError, "did you mean concentration"),
        ({"outputs": []}, InputError, "no outputs were named"),
        ({"overrides": {"los": 1.0}}, UnknownNameError, "unknown parameter 'los': did you mean"),
        ({"overrides": {"loss": 9.0}}, InputError, "loss = 9 is not possible; expected 0.01 to 5"),
        ({"overrides": {"loss": np.ones(3)}}, InputError, "loss has the shape"),
        ({"overrides": {"loss": float("nan")}}, InputError, "loss = nan"),
        ({"max_failed": 2.0}, InputError, "max_failed is 2"),
    ],
)
def test_bad_input_is_one_sentence(tiny, arguments, error, words):
    with pytest.raises(error) as caught:
        simulate(tiny, **{"patients": 2, **arguments})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cohort_of_ones_own_needs_weights_for_a_dose_by_weight(tiny):
    own = Cohort(pd.DataFrame({"loss": [0.5, 0.6]}))
    with pytest.raises(RegimenError, match="needs the patients' weight"):
        simulate(tiny, "ketamine 1 mg/kg iv", cohort=own, days=1)
    run = simulate(tiny, "ketamine 1 mg iv", cohort=own, days=1)
    assert run.manifest.options["cohort"] == {"given": True}


def test_progress_is_told_and_silent_without_a_terminal(tiny, capsys):
    told = []
    simulate(tiny, None, patients=3, days=0.1, progress=lambda done, total: told.append(done))
    assert told[-1] == 3
    for shown in (None, True, False):
        simulate(tiny, None, patients=2, days=0.1, progress=shown)
    out, err = capsys.readouterr()
    assert out == err == ""


def test_the_manifest_says_what_was_run(tiny):
    run = simulate(tiny, "ketamine 1 mg/kg iv", patients=3, days=1, seed=5)
    manifest = run.manifest
    assert (manifest.hypothesis, manifest.seed) == ("article", 5)
    assert manifest.options["regimen"] == "ketamine 1 mg/kg iv"
    assert manifest.options["patients"] == 3
    assert manifest.seconds > 0
    assert len(manifest.parameter_hash) == len(manifest.model_hash) == 64
    changed = tiny.with_values({"loss": 0.6})
    assert simulate(changed, None, patients=1, days=1).manifest.parameter_hash != (
        manifest.parameter_hash
    )
