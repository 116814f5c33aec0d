"""Glucose and insulin with the delayed brake on the liver, meals and an infusion."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of, vary

TEXT = """
model insulin
  compartment body = 1
  substanceOnly species Ip in body = 90; substanceOnly species Ii in body = 250
  substanceOnly species G in body = 11000; substanceOnly species gut in body = 0
  x1 = 80; x2 = 80; x3 = 80
  Vp = 3; Vi = 11; Vg = 10; E = 0.2; tp = 6; ti = 100; td = 36
  Rm = 210; a1 = 300; C1 = 2000; Ub = 72; C2 = 144; C3 = 1000; U0 = 40; Um = 940
  beta = 1.77; C4 = 80; Rg = 180; alpha = 0.29; C5 = 26; kabs = 0.03
  secretion := Rm / (1 + exp((C1 - G / Vg) / a1))
  brain := Ub * (1 - exp(-G / (C2 * Vg)))
  drive := Ii / C4 * (1 / Vi + 1 / (E * ti))
  uptake := G / (C3 * Vg) * (U0 + (Um - U0) / (1 + drive^(-beta)))
  liver := Rg / (1 + exp(alpha * (x3 / Vp - C5)))
  -> Ip; secretion
  Ip -> Ii; E * (Ip / Vp - Ii / Vi)
  Ip -> ; Ip / tp
  Ii -> ; Ii / ti
  -> G; liver
  G -> ; brain + uptake
  gut -> G; kabs * gut
  x1' = 3 / td * (Ip - x1)
  x2' = 3 / td * (x1 - x2)
  x3' = 3 / td * (x2 - x3)
  glucose_mg_dl := G / Vg / 10
  insulin_mU_l := Ip / Vp
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 12, seed=15)
    centres = {"Rm": 210.0, "Um": 940.0, "C1": 2000.0, "td": 36.0, "tp": 6.0, "E": 0.2, "Rg": 180.0}
    own = vary(draws, centres, 0.15)
    late, meal = draws.between(1.0, 29.0), draws.around(50_000.0, 0.3)
    rows = [("gut", hour * 60.0 + late, 0.0, meal) for hour in (1, 6, 11)]
    rows.append(("G", 17 * 60.0 + late, 120.0, 0.4 * meal))
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="insulin",
        title="Glucose, insulin and a delayed liver",
        source="Sturis et al., Am J Physiol 260, 1991; values of Tolic et al., J Theor Biol 207, 2000",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 1440.0, 289),
        outputs=("glucose_mg_dl", "insulin_mU_l", "Ii", "x3", "secretion", "uptake"),
        absolute=1e-2,
        population=population,
    )
