"""Trajectories that were not simulated: courses put in by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ketasim.simulate import Trajectories

TIMES = np.array([-0.75, 0.0, 2.0, 24.0, 168.0])
CARRIERS = ("sbp_rise", "dbp_rise", "hr_rise", "sedation", "nausea", "dizziness")


def by_hand(relief, dissociation=None, *, patients=None, baseline=34.0, drugs=("ketamine",)):
    relief = np.asarray(relief, dtype=float)
    numbers = np.arange(len(relief)) if patients is None else np.asarray(patients)
    status = ["OK" if np.isfinite(row).all() else "the step became too small" for row in relief]
    shape = ("patient", "time")
    dataset = xr.Dataset(
        {
            "relief": (shape, relief),
            "dissociation": (shape, relief if dissociation is None else np.asarray(dissociation)),
            **dict.fromkeys(CARRIERS, (shape, relief)),
            "status": ("patient", status),
        },
        coords={"patient": numbers, "time": TIMES},
    )
    columns = {"madrs_baseline": baseline, "age": 45.0}
    table = pd.DataFrame(columns, index=pd.Index(numbers, name="patient"))
    # Only what an instrument reads: a whole model behind it would make these no unit tests.
    run = object.__new__(Trajectories)
    parts = {
        "dataset": dataset,
        "cohort": SimpleNamespace(table=table, seed=1),
        "model": SimpleNamespace(hypothesis=SimpleNamespace(name="article")),
        "regimen": SimpleNamespace(
            doses=tuple(
                SimpleNamespace(drug=drug, repeats=1, starts=lambda: np.zeros(1)) for drug in drugs
            )
        ),
    }
    for name, part in parts.items():
        object.__setattr__(run, name, part)
    return run


@pytest.fixture
def trajectories():
    return by_hand
