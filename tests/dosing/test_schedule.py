from __future__ import annotations

import numpy as np
import pytest

from ketasim.dosing import Regimen, compile_regimen, regimen
from ketasim.errors import ModelError, RegimenError, UnknownNameError
from ketasim.model import load_drug

KETAMINE_G_PER_MOL = 13 * 12.011 + 16 * 1.008 + 35.45 + 14.007 + 15.999
INFUSION = regimen("ketamine 0.5 mg/kg iv over 40 min")


def test_the_molar_mass_and_the_weights(model, cohort):
    people = cohort(weight=[50.0, 70.0, 100.0])
    doses = compile_regimen(INFUSION, model, people)
    assert doses.targets == ("ket_s", "ket_r")
    umol = 0.5 * np.array([50, 70, 100]) / KETAMINE_G_PER_MOL * 1000
    np.testing.assert_allclose(doses.amount.sum(axis=1), umol, rtol=1e-4)
    np.testing.assert_array_equal(doses.amount[:, 0], doses.amount[:, 1])
    np.testing.assert_array_equal(doses.duration_h, [40 / 60, 40 / 60])


def test_a_salt_is_not_a_base(model, cohort):
    one = cohort(weight=[70.0])
    base = compile_regimen(regimen("esketamine 28 mg iv"), model, one).amount
    salt = compile_regimen(regimen("esketamine hydrochloride 32.3 mg iv"), model, one).amount
    # 32.3 mg of the hydrochloride are 28 mg of base on the label.
    np.testing.assert_allclose(salt, base, rtol=5e-4)


def test_an_amount_of_substance_needs_no_molar_mass(model):
    doses = compile_regimen(regimen("ketamine 100 umol iv"), model)
    np.testing.assert_allclose(doses.amount, [[50.0, 50.0]], rtol=1e-14)


@pytest.mark.parametrize(
    ("mg", "published"), [(28, 0.54), (56, 0.4375), (84, 0.4032)]
)  # mean absorbed fraction of one, two and three devices, perezruixo2021
def test_nasal_absorption_declines_after_the_first_device(model, cohort, mg, published):
    one = cohort(weight=[70.0], f_nasal=[0.54])
    doses = compile_regimen(regimen(f"esketamine {mg} mg nasal"), model, one)
    nasal, swallowed = doses.amount[0]
    assert nasal / (nasal + swallowed) == pytest.approx(published, abs=2e-4)
    assert nasal + swallowed == pytest.approx(mg / KETAMINE_G_PER_MOL * 1000, rel=1e-4)


def test_legs_take_each_patients_fraction(model, cohort):
    people = cohort(weight=[70.0, 70.0], f_nasal=[0.2, 0.8])
    amount = compile_regimen(regimen("esketamine 28 mg nasal"), model, people).amount
    np.testing.assert_allclose(amount[:, 0] / amount.sum(axis=1), [0.2, 0.8], rtol=1e-12)


def test_an_override_wins_over_the_cohort(model, cohort):
    people = cohort(weight=[70.0, 70.0], f_nasal=[0.2, 0.8])
    amount = compile_regimen(
        regimen("esketamine 28 mg nasal"), model, people, overrides={"f_nasal": 0.5}
    ).amount
    np.testing.assert_allclose(amount[:, 0], amount[:, 1], rtol=1e-12)


def test_a_zero_order_input_lasts_its_parameter(model, cohort):
    one = cohort(weight=[70.0])
    oral_delay = float(model.table.at["oral_delay", "value"])
    swallowed = compile_regimen(regimen("esketamine 28 mg oral"), model, one)
    np.testing.assert_allclose(swallowed.duration_h, oral_delay)
    given = compile_regimen(regimen("esketamine 28 mg oral over 2 h"), model, one)
    np.testing.assert_allclose(given.duration_h, 2.0)
    both = cohort(weight=[70.0, 70.0], oral_delay=[0.2, 0.4])
    own = compile_regimen(regimen("esketamine 28 mg oral"), model, both)
    np.testing.assert_allclose(own.duration_h, [[0.2], [0.4]])


def test_repeats_become_columns(model, cohort):
    doses = compile_regimen(
        regimen("naltrexone 50 mg oral every 24 h x 3 at -45 min"), model, cohort(weight=[70.0])
    )
    np.testing.assert_allclose(doses.start_h, [-0.75, 23.25, 47.25])
    assert doses.targets == ("ntx_gut",) * 3


def test_what_enters_nothing_gives_no_dose(model, cohort):
    people = cohort(weight=[70.0, 80.0])
    for empty in (Regimen(), regimen("saline 100 mg iv over 40 min")):
        doses = compile_regimen(empty, model, people)
        assert doses.targets == ()
        assert doses.amount.shape == (2, 0)
        assert doses.start_h.shape == (0,)


@pytest.mark.parametrize("weight", [float("nan"), 0.0, -3.0])
def test_a_missing_weight_names_the_patient(model, cohort, weight):
    with pytest.raises(RegimenError, match="patient 1 has no usable weight"):
        compile_regimen(INFUSION, model, cohort(weight=[70.0, weight]))


def test_a_cohort_without_weights_can_be_given_milligrams_only(model, cohort):
    people = cohort(age=[40.0, 50.0])
    with pytest.raises(RegimenError, match="needs the patients' weight; expected a column"):
        compile_regimen(INFUSION, model, people)
    assert compile_regimen(regimen("ketamine 35 mg iv"), model, people).amount.shape == (2, 2)
    amount = compile_regimen(INFUSION, model, people, overrides={"weight": 70.0}).amount
    np.testing.assert_allclose(amount.sum(axis=1), 35 / KETAMINE_G_PER_MOL * 1000, rtol=1e-4)


def test_the_typical_patient_is_the_models(model):
    amount = compile_regimen(INFUSION, model).amount
    assert amount.sum() == pytest.approx(35 / KETAMINE_G_PER_MOL * 1000, rel=1e-4)


def altered(model, drug, **changes):
    from dataclasses import replace

    return replace(model, drugs={**model.drugs, drug.name: replace(drug, **changes)})


def test_a_drug_the_model_lacks_is_unknown(model):
    from dataclasses import replace

    less = replace(model, drugs={"saline": model.drugs["saline"]})
    with pytest.raises(UnknownNameError, match="unknown drug 'ketamine'"):
        compile_regimen(INFUSION, less)


def test_a_leg_with_a_wrong_parameter_says_so(model):
    from dataclasses import replace

    drug = load_drug("naltrexone")
    (leg,) = drug.routes["oral"]
    wrong = altered(model, drug, routes={"oral": (replace(leg, fraction="f_nasl"),)})
    with pytest.raises(ModelError, match="'f_nasl', which does not exist: did you mean f_nasal"):
        compile_regimen(regimen("naltrexone 50 mg oral"), wrong)
    wrong = altered(model, drug, routes={"oral": (replace(leg, fraction="weight"),)})
    with pytest.raises(ModelError, match="fraction 'weight' of naltrexone lies outside 0 to 1"):
        compile_regimen(regimen("naltrexone 50 mg oral"), wrong)
