"""Target-mediated disposition: a drug that is taken up by what it binds."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of, vary

TEXT = """
model target_mediated
  compartment V = 3; compartment W = 2.5
  substanceOnly species drug in V = 0; substanceOnly species tissue in W = 0
  substanceOnly species target in V; substanceOnly species bound in V = 0
  substanceOnly species depot in V = 0
  kon = 22; koff = 0.6; kint = 0.2; kdeg = 0.5; R0 = 4; ka = 0.03; CL = 0.012; Q = 0.03
  target = R0 * V
  depot -> drug; ka * depot
  drug -> ; CL * drug / V
  drug -> tissue; Q * (drug / V - tissue / W)
  drug + target -> bound; kon * drug * target / V - koff * bound
  bound -> ; kint * bound
  -> target; kdeg * R0 * V
  target -> ; kdeg * target
  free := drug / V
  occupancy := bound / (bound + target)
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 10, seed=12)
    centres = {"kon": 22.0, "koff": 0.6, "kint": 0.2, "kdeg": 0.5, "R0": 4.0, "CL": 0.012}
    own = vary(draws, centres, 0.3)
    amount, late = draws.around(300.0, 0.3), draws.between(0.3, 5.3)
    rows = [("drug", late, 1.0, amount)]
    rows += [("depot", 168.0 * week + late, 0.0, amount) for week in (1, 2, 3)]
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="target_mediated",
        title="Target-mediated disposition",
        source="Mager and Jusko, J Pharmacokinet Pharmacodyn 28, 2001; values of an antibody's size",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 672.0, 200),
        outputs=("free", "target", "bound", "occupancy"),
        absolute=1e-3,
        population=population,
    )
