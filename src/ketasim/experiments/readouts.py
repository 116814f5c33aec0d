"""What can be read out of an arm: model outputs, their reductions, and what a rater would record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from ketasim.errors import unknown_name

__all__ = ["RATED", "Readout", "list_readouts", "readout", "solved_outputs"]

Reduction = Literal["course", "peak", "time_of_peak", "auc24"]

PEAK_WINDOW_H = 24.0
"""A peak is the largest departure from rest within this many hours."""


@dataclass(frozen=True)
class Readout:
    """One readout.

    Parameters
    ----------
    name, title, unit : str
        Name in code, in print, and unit.
    output : str
        Model output that is read.
    rest : float
        Value without drug.
    read_at_h : float or None
        When it is read if a source names no time; None for its peak.
    reduction : {"course", "peak", "time_of_peak", "auc24"}
        A course over time, or one number a patient.
    """

    name: str
    title: str
    unit: str
    output: str
    rest: float
    read_at_h: float | None = None
    reduction: Reduction = "course"

    @property
    def is_fold(self) -> bool:
        """Whether the readout is a fold over the drug-free baseline."""
        return self.unit == "fold"


RATED = ("madrs_change", "hamd17_change", "response", "remission")
"""Readouts that need an instrument: points of a scale, or a share of patients."""

_FOLDS = {
    "glutamate": "prefrontal glutamate",
    "glx": "Glx",
    "bdnf": "BDNF",
    "trkb": "TrkB activity",
    "akt": "Akt activity",
    "eef2": "eEF2 activity",
    "mtorc1": "mTORC1 activity",
    "s6k": "S6 kinase activity",
    "camp": "cAMP",
    "pka": "PKA activity",
    "raptor_p": "Raptor phosphorylated by PKA",
    "serotonin": "serotonin",
    "ht1b_density": "5-HT1B density",
    "ht1b_hippocampus": "5-HT1B, hippocampus",
    "ht1b_ventral_striatum": "5-HT1B, ventral striatum",
    "serotonin_gate": "serotonin gate",
    "glua1": "surface GluA1",
    "synaptic_protein": "synaptic protein",
    "spines": "spine density",
}
_FRACTIONS = {
    "nmda_occupancy": "NMDA receptor occupancy",
    "nmda_block_interneuron": "NMDA block, interneurons",
    "nmda_block_pyramidal": "NMDA block, pyramidal cells",
    "mor_occupancy_ketamine": "mu occupancy by ketamine",
    "kor_occupancy_ketamine": "kappa occupancy by ketamine",
    "dor_occupancy_ketamine": "delta occupancy by ketamine",
    "mor_occupancy_naltrexone": "mu occupancy by naltrexone",
    "kor_occupancy_naltrexone": "kappa occupancy by naltrexone",
    "dor_occupancy_naltrexone": "delta occupancy by naltrexone",
    "mor_agonist_exogenous": "mu receptors activated by a drug",
    "mor_agonism_assay": "mu activation in a dish of 2 mmol/L",
    "dissociation": "dissociation",
}
_LEVELS = {
    "ketamine_ng_ml": "ketamine, venous",
    "esketamine_ng_ml": "esketamine, venous",
    "noresketamine_ng_ml": "noresketamine, venous",
}


def _reduced(analyte: str) -> list[Readout]:
    course, title = f"{analyte}_ng_ml", _LEVELS[f"{analyte}_ng_ml"]
    return [
        Readout(f"{analyte}_cmax_ng_ml", f"{title}, peak", "ng/mL", course, 0.0, None, "peak"),
        Readout(f"{analyte}_tmax_h", f"{title}, time of peak", "h", course, 0.0, None, "time_of_peak"),
        Readout(f"{analyte}_auc24_ng_h_ml", f"{title}, AUC 0-24 h", "ng*h/mL", course, 0.0, None, "auc24"),
    ]  # fmt: skip


@cache
def _catalogue() -> dict[str, Readout]:
    found = [Readout(name, title, "fold", name, 1.0) for name, title in _FOLDS.items()]
    found += [Readout(name, title, "fraction", name, 0.0) for name, title in _FRACTIONS.items()]
    found += [Readout(name, title, "ng/mL", name, 0.0) for name, title in _LEVELS.items()]
    found += [
        Readout("relief", "relief of depressive severity", "fraction", "relief", 0.0, 24.0),
        Readout("ampa_drive", "AMPA drive", "fold above baseline", "ampa_drive", 0.0),
        Readout("ketamine_free_brain", "ketamine, free in brain", "umol/L", "ketamine_free_brain", 0.0),
        Readout("glx_tmax_h", "Glx, time of peak", "h", "glx", 1.0, None, "time_of_peak"),
        Readout("madrs_change", "MADRS, change from baseline", "points", "relief", 0.0, 24.0),
        Readout("hamd17_change", "HAM-D-17, change from baseline", "points", "relief", 0.0, 24.0),
        Readout("response", "response", "share of patients", "relief", 0.0, 24.0),
        Readout("remission", "remission", "share of patients", "relief", 0.0, 24.0),
    ]  # fmt: skip
    found += [one for name in _LEVELS for one in _reduced(name.removesuffix("_ng_ml"))]
    return {one.name: one for one in found}


def list_readouts() -> tuple[str, ...]:
    """Return the names of all readouts, in alphabetical order."""
    return tuple(sorted(_catalogue()))


def readout(name: str) -> Readout:
    """Return a readout by name.

    Raises
    ------
    UnknownNameError
        If there is none of that name; says the nearest.
    """
    if name not in _catalogue():
        raise unknown_name("readout", name, _catalogue())
    return _catalogue()[name]


def solved_outputs() -> tuple[str, ...]:
    """Return the model outputs that every arm is solved for.

    All experiments ask for the same ones, so that an arm that two of them share is solved once.
    """
    return tuple(sorted({one.output for one in _catalogue().values()}))
