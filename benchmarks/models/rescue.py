"""Chemotherapy and neutrophils; a growth factor is given when the count falls too low."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of, vary

TEXT = """
model rescue
  compartment Vc = 8; compartment Vp = 8
  substanceOnly species drug in Vc = 0; substanceOnly species tissue in Vp = 0
  substanceOnly species factor_depot in Vc = 0; substanceOnly species factor in Vc = 0
  CL = 36; Q = 6; kf = 0.1; ke = 0.15; gain = 0.02
  Circ0 = 5.05; MTT = 88.7; brake = 0.161; slope = 8.58
  rescues = 0
  prol = Circ0; t1 = Circ0; t2 = Circ0; t3 = Circ0; circ = Circ0
  ktr := 4 / MTT
  concentration := drug / Vc
  feedback := (Circ0 / circ)^brake * (1 + gain * factor)
  drug -> ; CL * concentration
  drug -> tissue; Q * (drug / Vc - tissue / Vp)
  factor_depot -> factor; kf * factor_depot
  factor -> ; ke * factor
  prol' = ktr * prol * ((1 - slope * concentration) * feedback - 1)
  t1' = ktr * (prol - t1)
  t2' = ktr * (t1 - t2)
  t3' = ktr * (t2 - t3)
  circ' = ktr * (t3 - circ)
  low: at (circ < 3): factor_depot = factor_depot + 30, rescues = rescues + 1
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 10, seed=20)
    centres = {"CL": 36.0, "Q": 6.0, "MTT": 88.7, "slope": 8.58, "Circ0": 5.05, "gain": 0.02}
    own = vary(draws, centres, 0.12)
    amount, late = draws.around(150.0, 0.1), draws.between(0.4, 3.1)
    rows = [("drug", late, 1.0, amount), ("drug", 504.0 + late, 1.0, amount)]
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="rescue",
        title="Neutrophils with a rescue triggered by the count",
        source="Friberg et al., J Clin Oncol 20, 2002 (docetaxel); the rescue is ours",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 1008.0, 253),
        outputs=("circ", "prol", "factor", "concentration", "rescues"),
        absolute=1e-3,
        population=population,
        events=True,
    )
