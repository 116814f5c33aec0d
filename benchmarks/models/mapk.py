"""The MAPK cascade in mass action: 22 species, tight binding, ultrasensitive."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of

#: Each step: enzyme, substrate, complex, product (Huang and Ferrell, table 1 and figure 1).
STEPS = (
    ("E1", "KKK", "E1_KKK", "KKKp"),
    ("E2", "KKKp", "E2_KKKp", "KKK"),
    ("KKKp", "KK", "KKKp_KK", "KKp"),
    ("KKPase", "KKp", "KKPase_KKp", "KK"),
    ("KKKp", "KKp", "KKKp_KKp", "KKpp"),
    ("KKPase", "KKpp", "KKPase_KKpp", "KKp"),
    ("KKpp", "K", "KKpp_K", "Kp"),
    ("KPase", "Kp", "KPase_Kp", "K"),
    ("KKpp", "Kp", "KKpp_Kp", "Kpp"),
    ("KPase", "Kpp", "KPase_Kpp", "Kp"),
)
#: Total concentrations in micromol/l.
START = {"KKK": 0.003, "KK": 1.2, "K": 1.2, "E2": 0.0003, "KKPase": 0.0003, "KPase": 0.12}


def text() -> str:
    names = dict.fromkeys(name for step in STEPS for name in step)
    lines = ["model mapk", "  compartment cell = 1"]
    lines += [f"  species {name} in cell = {START.get(name, 0.0)}" for name in names]
    for i, (enzyme, substrate, bound, product) in enumerate(STEPS):
        lines += [
            f"  a{i} = 1000; d{i} = 150; k{i} = 150",
            f"  {enzyme} + {substrate} -> {bound}; a{i} * {enzyme} * {substrate} - d{i} * {bound}",
            f"  {bound} -> {enzyme} + {product}; k{i} * {bound}",
        ]
    lines += ["  active := (Kpp + KPase_Kpp) / 1.2", "end"]
    return "\n".join(lines)


def population(count: int) -> Patients:
    draws = Draws(count, 2 * len(STEPS) + 6, seed=17)
    own = {f"a{i}": draws.around(1000.0, 0.2) for i in range(len(STEPS))}
    own |= {f"k{i}": draws.around(150.0, 0.2) for i in range(len(STEPS))}
    own |= {"KK": draws.around(1.2, 0.15), "K": draws.around(1.2, 0.15)}
    late = draws.between(1.0, 9.0)
    first, second = draws.around(3e-5, 0.3), draws.around(1e-4, 0.3)
    rows = [("E1", late, 0.0, first), ("E1", 120.0 + late, 37.0, second)]
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="mapk",
        title="MAPK cascade",
        source="Huang and Ferrell, PNAS 93, 1996 (BioModels BIOMD0000000009)",
        sbml=sbml_of(text()),
        times=np.linspace(0.0, 300.0, 200),
        outputs=("active", "Kpp", "KKpp", "KKKp", "KKpp_K"),
        absolute=1e-6,  # E1 and its complex are of the order of 1e-5
        population=population,
    )
