"""A model small enough to have a closed form, and the article's, loaded once."""

from __future__ import annotations

from types import MappingProxyType

import antimony
import numpy as np
import pandas as pd
import pytest

from ketasim.model import Drug, Hypothesis, Leg, Model, load_model
from ketasim.model.calibration import Calibration
from ketasim.simulate import simulate

MOLAR_MASS = 200.0

# One compartment with first-order loss, and a variable that bursts at 1 / burst hours.
TINY = """
model tiny
  unit hour = 3600 second; unit umol = 1e-6 mole; unit per_hour = 1 / (3600 second);
  unit per_litre = 1 / litre; unit umol_per_litre = 1e-6 mole / litre;
  compartment body = 1; body is "body";
  substanceOnly species drug in body; drug = 0; drug has umol;
  loss = 0.5; loss has per_hour;
  room = 10; room has litre;
  weight = 70; weight has kilogram;
  burst = 0; burst has per_hour;
  fuse = 1; fuse has dimensionless;
  concentration := drug / room; concentration has umol_per_litre;
  concentration is "concentration in the body";
  drug => ; loss * drug;
  fuse' = burst * fuse ^ 2;
end
"""

ROWS = {
    "loss": (0.5, "1/h", "lognormal", 0.3, 0.01, 5.0, "simons2022"),
    "room": (10.0, "L", "lognormal", 0.2, 1.0, 50.0, "simons2022"),
    "weight": (70.0, "kg", "lognormal", 0.18, 40.0, 140.0, ""),
    "burst": (0.0, "1/h", "fixed", np.nan, 0.0, 10.0, ""),
}


def sbml_of(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString("tiny"))


@pytest.fixture(scope="session")
def tiny():
    columns = ["value", "unit", "distribution", "cv", "lower", "upper", "source"]
    table = pd.DataFrame.from_dict(ROWS, orient="index", columns=columns).rename_axis("id")
    ketamine = Drug(
        name="ketamine",
        title="a drug",
        formula="",
        molar_mass=MOLAR_MASS,
        salts=MappingProxyType({}),
        kinetics="built in",
        absorbed=False,
        acts_on=(),
        routes=MappingProxyType({"iv": (Leg("drug"),)}),
        sources=("kamp2020",),
    )
    article = Hypothesis(name="article", title="tiny", statement="", refuted_by="")
    drugs = {"ketamine": ketamine}
    return Model(sbml_of(TINY), table, article, drugs, Calibration.none())


@pytest.fixture(scope="session")
def article():
    return load_model("article")


INFUSION = "ketamine 0.5 mg/kg iv over 40 min"


@pytest.fixture(scope="session")
def infusion(article):
    """The infusion of the trials in eight patients for two days."""
    return simulate(article, INFUSION, patients=8, days=2)
