"""Two compartments, absorption and an effect site with a sigmoid effect."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of, vary

TEXT = """
model effect_site
  compartment Vc = 12; compartment Vp = 30
  substanceOnly species depot in Vc = 0; substanceOnly species central in Vc = 0
  substanceOnly species peripheral in Vp = 0; site = 0
  ka = 0.9; CL = 6; Q = 9; ke0 = 0.7; E0 = 20; Emax = 75; EC50 = 1.1; hill = 2.3
  depot -> central; ka * depot
  central -> ; CL * central / Vc
  central -> peripheral; Q * (central / Vc - peripheral / Vp)
  concentration := central / Vc
  site' = ke0 * (concentration - site)
  effect := E0 + Emax * site^hill / (EC50^hill + site^hill)
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 12, seed=11)
    centres = {"ka": 0.9, "CL": 6.0, "Q": 9.0, "ke0": 0.7, "Emax": 75.0, "EC50": 1.1, "hill": 2.3}
    own = vary(draws, centres, 0.3)
    amount, late = draws.around(100.0, 0.2), draws.between(0.1, 0.9)
    rows = [("depot", 24.0 * day + late, 0.0, amount) for day in range(5)]
    rows.append(("central", 60.37 + late, 1.5, 2.0 * amount))
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="effect_site",
        title="Two compartments and an effect site",
        source="Sheiner et al., Clin Pharmacol Ther 25, 1979 (effect compartment)",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 144.0, 200),
        outputs=("concentration", "site", "effect"),
        absolute=1e-3,
        population=population,
    )
