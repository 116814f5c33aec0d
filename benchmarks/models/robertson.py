"""Robertson's autocatalysis: three states, rates nine orders of magnitude apart."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, sbml_of, vary

TEXT = """
model robertson
  compartment cell = 1
  species A in cell = 1; species B in cell = 0; species C in cell = 0
  k1 = 0.04; k2 = 3e7; k3 = 1e4
  A -> B; k1 * A
  B + B -> B + C; k2 * B * B
  B + C -> A + C; k3 * B * C
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 3, seed=13)
    return Patients(count, vary(draws, {"k1": 0.04, "k2": 3e7, "k3": 1e4}, 0.3), None)


def case() -> Case:
    return Case(
        name="robertson",
        title="Robertson's reaction",
        source="Robertson 1966; Hairer and Wanner, Solving ODEs II, eq. IV.1.4",
        sbml=sbml_of(TEXT),
        times=np.concatenate([[0.0], np.logspace(-4, 5, 199)]),
        outputs=("A", "B", "C"),
        absolute=1e-7,  # B stays below 4e-5
        population=population,
    )
