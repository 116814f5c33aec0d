"""The shipped model: ketamine 0.5 mg/kg in 40 minutes, twice a week for four weeks."""

from __future__ import annotations

import numpy as np

from ..case import Case, Patients

REGIMEN = "ketamine 0.5 mg/kg iv over 40 min every 84 h x 8"
HYPOTHESIS = "article"
OUTPUTS = (
    "relief",
    "ketamine_ng_ml",
    "norketamine_ng_ml",
    "hydroxynorketamine_ng_ml",
    "nmda_occupancy",
    "glutamate",
    "bdnf",
    "mtorc1",
    "spines",
    "eef2",
    "mood_benefit",
    "mor_tone",
    "dissociation",
    "sbp_rise",
    "ht1b_signal",
)


def population(count: int) -> Patients:
    from ketasim.dosing import compile_regimen, regimen
    from ketasim.engine.sbml import read_sbml
    from ketasim.model import load_model
    from ketasim.population import virtual_patients

    model = load_model(HYPOTHESIS)
    settable = set(read_sbml(model.sbml).parameters)
    cohort = virtual_patients(model, count, seed=1)
    schedule = compile_regimen(regimen(REGIMEN), model, cohort)
    values = {name: value for name, value in model.values().items() if name in settable}
    own = {
        name: cohort.table[name].to_numpy(float)
        for name in cohort.table.columns
        if name in settable
    }
    return Patients(count, {**values, **own}, schedule)


def case() -> Case:
    from ketasim.model import load_model

    return Case(
        name="shipped",
        title="The shipped model, four weeks",
        source=f"`ketasim.model.load_model({HYPOTHESIS!r})`, {REGIMEN}, variability on",
        sbml=load_model(HYPOTHESIS).sbml,
        times=np.linspace(0.0, 672.0, 200),
        outputs=OUTPUTS,
        absolute=1e-3,
        population=population,
    )
