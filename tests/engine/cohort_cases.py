"""A cohort that the tests of `ketasim.engine.cohort` solve in every way there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.engine import DoseSchedule

if TYPE_CHECKING:
    from pathlib import Path

MODEL = """
model transit
  G = 0; C = 0; R = 1; ka = 1.2; cl = 0.7; n = 1.6; e = 0.2
  G' = -ka*G; C' = ka*G - cl*C; R' = 0.1*(1 + 2*C^n/(C^n + e^n) - R)
end"""
#: Grows without end at the time 1/k.
EXPLOSION = "model explosion; x = 1; k = 1; x' = k*x^2; y = 0; y' = 1; end"
TIMES = np.linspace(0.0, 24.0, 13)
OUTPUTS = ("C", "R")


def parameters(first: int, stop: int) -> dict[str, np.ndarray]:
    """Two parameters, each patient's drawn under its own number."""
    draws = [np.random.default_rng([7, patient]).normal(size=2) for patient in range(first, stop)]
    both = np.exp(0.4 * np.array(draws).reshape(-1, 2))
    return {"ka": 1.2 * both[:, 0], "cl": 0.7 * both[:, 1]}


def doses(first: int, stop: int) -> DoseSchedule:
    """A bolus at once and a short infusion at a time of the patient's own."""
    late = [[0.0, 1.0 + 10.0 * (patient % 7) / 7.0] for patient in range(first, stop)]
    return DoseSchedule(("G", "C"), np.array(late), np.array([0.0, 0.5]), np.array([5.0, 1.0]))


def make(first: int, stop: int) -> tuple[dict[str, np.ndarray], DoseSchedule]:
    """What `ketasim.engine.cohort.PatientFactory` asks for."""
    return parameters(first, stop), doses(first, stop)


def arrays(patients: int) -> dict[str, Any]:
    """The same patients, as arguments of `solve_cohort`."""
    return {"parameters": parameters(0, patients), "doses": doses(0, patients), "outputs": OUTPUTS}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a cohort's folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
