"""A cohort written by hand, and the article's model, loaded once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketasim.model import load_model
from ketasim.population import Cohort


@pytest.fixture(scope="session")
def model():
    return load_model("article", calibrated=False)


@pytest.fixture
def cohort():
    def of(**columns):
        count = len(next(iter(columns.values())))
        index = pd.RangeIndex(count, name="patient")
        table = pd.DataFrame({k: np.asarray(v, float) for k, v in columns.items()}, index=index)
        return Cohort(table=table, seed=1)

    return of
