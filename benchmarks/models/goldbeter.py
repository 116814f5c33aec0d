"""Goldbeter's clock: PER protein in the fly, about one turn a day."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, sbml_of, vary

TEXT = """
model goldbeter
  compartment cell = 1
  species M in cell = 0.1; species P0 in cell = 0.25; species P1 in cell = 0.25
  species P2 in cell = 0.25; species PN in cell = 0.25
  vs = 0.76; vm = 0.65; Km = 0.5; KI = 1; ks = 0.38; vd = 0.95; Kd = 0.2; k1 = 1.9; k2 = 1.3
  K1 = 2; K2 = 2; K3 = 2; K4 = 2; V1 = 3.2; V2 = 1.58; V3 = 5; V4 = 2.5
  -> M; vs * KI^4 / (KI^4 + PN^4)
  M -> ; vm * M / (Km + M)
  -> P0; ks * M
  P0 -> P1; V1 * P0 / (K1 + P0)
  P1 -> P0; V2 * P1 / (K2 + P1)
  P1 -> P2; V3 * P1 / (K3 + P1)
  P2 -> P1; V4 * P2 / (K4 + P2)
  P2 -> PN; k1 * P2
  PN -> P2; k2 * PN
  P2 -> ; vd * P2 / (Kd + P2)
  total := P0 + P1 + P2 + PN
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 8, seed=19)
    own = vary(draws, {"vs": 0.76, "vm": 0.65, "ks": 0.38, "vd": 0.95, "V1": 3.2, "k1": 1.9}, 0.05)
    return Patients(count, own, None)


def case() -> Case:
    return Case(
        name="goldbeter",
        title="Goldbeter's circadian clock",
        source="Goldbeter, Proc R Soc B 261, 1995 (BioModels BIOMD0000000016)",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 240.0, 241),
        outputs=("M", "P0", "PN", "total"),
        absolute=1e-3,
        population=population,
    )
