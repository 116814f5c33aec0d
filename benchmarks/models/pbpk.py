"""Fifteen organs, arteries, veins and a gut lumen, limited by blood flow."""

from __future__ import annotations

import numpy as np

from ..case import Case, Draws, Patients, doses, sbml_of

#: Organ: volume (l), share of cardiac output (%), tissue to blood partition.
ORGANS = {
    "adipose": (18.2, 5.0, 6.0),
    "bone": (10.5, 5.0, 0.9),
    "brain": (1.45, 12.0, 2.4),
    "heart": (0.33, 4.0, 2.0),
    "kidney": (0.31, 19.0, 3.1),
    "muscle": (29.0, 17.0, 1.4),
    "skin": (3.3, 5.0, 1.9),
    "thyroid": (0.02, 1.5, 2.0),
    "rest": (4.0, 6.0, 1.0),
    "stomach": (0.15, 1.0, 1.8),
    "small_intestine": (0.65, 10.0, 2.2),
    "large_intestine": (0.37, 4.0, 2.0),
    "pancreas": (0.14, 1.0, 2.1),
    "spleen": (0.15, 3.0, 1.6),
    "liver": (1.8, 6.5, 3.5),
}
PORTAL = ("stomach", "small_intestine", "large_intestine", "pancreas", "spleen")


def text() -> str:
    pools = {name: volume for name, (volume, _, _) in ORGANS.items()}
    pools |= {"arteries": 1.8, "veins": 3.5, "lumen": 1.0}
    lines = ["model pbpk", "  CO = 390; CLint = 60; GFR = 7; ka = 1.2; fu = 0.3; lipid = 1"]
    for name, volume in pools.items():
        lines += [f"  compartment V_{name} = {volume}"]
        lines += [f"  substanceOnly species {name} in V_{name} = 0"]
        lines += [f"  c_{name} := {name} / V_{name}"]
    for name, (_, share, partition) in ORGANS.items():
        lines += [f"  Q_{name} := {share / 100} * CO; P_{name} = {partition}"]
        lines += [f"  out_{name} := c_{name} / (P_{name} * lipid)"]
        lines += [f"  arteries -> {name}; Q_{name} * c_arteries"]
        sink = "liver" if name in PORTAL else "veins"
        if name != "liver":
            lines += [f"  {name} -> {sink}; Q_{name} * out_{name}"]
    portal = " + ".join(f"Q_{name}" for name in ("liver", *PORTAL))
    total = " + ".join(f"Q_{name}" for name in ORGANS)
    lines += [f"  liver -> veins; ({portal}) * out_liver"]
    lines += [f"  veins -> arteries; ({total}) * c_veins"]
    lines += ["  lumen -> small_intestine; ka * lumen"]
    lines += ["  liver -> ; CLint * fu * out_liver / (1 + out_liver / 8)"]
    return "\n".join([*lines, "  kidney -> ; GFR * fu * out_kidney", "end"])


def population(count: int) -> Patients:
    draws = Draws(count, 12, seed=18)
    own = {"CO": draws.around(390.0, 0.15), "CLint": draws.around(60.0, 0.4)}
    own |= {"GFR": draws.around(7.0, 0.2), "ka": draws.around(1.2, 0.4)}
    own |= {"fu": draws.around(0.3, 0.2), "lipid": draws.around(1.0, 0.2)}
    own |= {"P_adipose": draws.around(6.0, 0.3), "P_muscle": draws.around(1.4, 0.2)}
    late, amount = draws.between(0.05, 0.35), draws.around(150.0, 0.2)
    rows = [("lumen", 12.0 * i + late, 0.0, amount) for i in range(4)]
    rows.append(("veins", 50.0 + late, 0.53, 0.5 * amount))
    return Patients(count, own, doses(rows, count))


def case() -> Case:
    return Case(
        name="pbpk",
        title="Physiology-based kinetics, 15 organs",
        source="Volumes and flows rounded from ICRP Publication 89, 2002; a moderately lipophilic base",
        sbml=sbml_of(text()),
        times=np.linspace(0.0, 96.0, 200),
        outputs=(
            "c_veins",
            "c_arteries",
            "c_brain",
            "c_liver",
            "c_adipose",
            "c_muscle",
            "c_kidney",
        ),
        absolute=1e-3,
        population=population,
    )
