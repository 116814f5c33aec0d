"""The Oregonator: a stiff oscillator whose peaks rise over five orders of magnitude."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, sbml_of

TEXT = """
model oregonator
  x = 1; y = 2; z = 3; s = 77.27; w = 0.161; q = 8.375e-6
  x' = s * (y + x * (1 - q * x - y))
  y' = (z - (1 + x) * y) / s
  z' = w * (x - z)
end
"""


def population(count: int) -> Patients:
    draws = Draws(count, 3, seed=14)
    own = {"s": draws.around(77.27, 0.1), "w": draws.around(0.161, 0.1), "z": draws.around(3, 0.3)}
    return Patients(count, own, None)


def case() -> Case:
    return Case(
        name="oregonator",
        title="Oregonator",
        source="Field and Noyes, J Chem Phys 60, 1974; Hairer and Wanner, Solving ODEs II, IV.10",
        sbml=sbml_of(TEXT),
        times=np.linspace(0.0, 360.0, 200),
        outputs=("x", "y", "z"),
        absolute=1e-3,
        population=population,
    )
