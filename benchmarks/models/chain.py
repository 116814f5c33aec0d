"""A chain of 100 transit compartments: the delay of a signal or of an absorption."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of

LENGTH = 100
OUTPUTS = (1, 25, 50, 75, 100)


def text() -> str:
    lines = ["model chain", "  compartment body = 1", "  k = 10"]
    lines += [f"  substanceOnly species A{i} in body = 0" for i in range(1, LENGTH + 1)]
    lines += [f"  A{i} -> A{i + 1}; k * A{i}" for i in range(1, LENGTH)]
    return "\n".join([*lines, f"  A{LENGTH} -> ; k * A{LENGTH}", "end"])


def population(count: int) -> Patients:
    draws = Draws(count, 3, seed=16)
    own = {"k": draws.around(10.0, 0.3)}
    late, amount = draws.between(0.13, 0.91), draws.around(100.0, 0.2)
    rows = [("A1", late, 0.0, amount), ("A1", 8.0 + late, 2.35, amount)]
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="chain",
        title="A linear chain of 100 states",
        source="Savic et al., J Pharmacokinet Pharmacodyn 34, 2007 (transit compartments)",
        sbml=sbml_of(text()),
        times=np.linspace(0.0, 30.0, 200),
        outputs=tuple(f"A{i}" for i in OUTPUTS),
        absolute=1e-3,
        population=population,
    )
