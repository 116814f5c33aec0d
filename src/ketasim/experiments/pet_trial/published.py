"""What was read of the published PET trial, and the design that is replayed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.experiments.published import Observation, observations

if TYPE_CHECKING:
    from ketasim.trial import TrialDesign

__all__ = [
    "ALPHA", "DAYS_H", "KETAMINE", "REGIMEN", "REGION_NAMES", "SALINE", "PublishedTrial", "pet_design",
    "published_trial",
]  # fmt: skip

KETAMINE, SALINE = 20, 10
"""Patients of the arms (notes on PET: thirty randomised, the split from a press text)."""

REGIMEN = "ketamine 0.5 mg/kg iv over 40 min"

DAYS_H = (24.0, 48.0, 72.0)
"""Hours at which the second scan may be; published is only the span, so each is as likely."""

ALPHA = 0.05
"""Two-sided level of a single test."""

REGION_NAMES = {
    "VSTR": "ventral striatum", "HIP": "hippocampus", "DBS": "dorsal brain stem",
    "ACC": "anterior cingulate", "FC": "frontal cortex", "OC": "occipital cortex",
    "INS": "insula", "AMG": "amygdala", "THA": "thalamus", "CAU": "caudate", "PUT": "putamen",
}  # fmt: skip
"""The regions in print."""

_ROWS = {
    "change": "ht1b-hippocampus",
    "overall": "ht1b-overall",
    "improvement": "ht1b-vst-improvement",
    "symptoms": "ht1b-vst-symptoms",
    "monkey": "ht1b-monkey-vst",
}
"""Rows of the table of observations."""


@dataclass(frozen=True)
class PublishedTrial:
    """The published results; nothing else of the trial could be read.

    Parameters
    ----------
    change, change_p : float
        Mean change of hippocampal binding within the ketamine arm in per cent, and its p value.
    improvement, improvement_p : float
        Correlation of binding in the ventral striatum before with the fall of MADRS, 20 patients.
    symptoms, symptoms_p : float
        Correlation of binding in the ventral striatum before with MADRS before, 30 patients.
    rows : mapping of str to Observation
        The rows of the table of observations, by a short name.
    """

    change: float
    change_p: float
    improvement: float
    improvement_p: float
    symptoms: float
    symptoms_p: float
    rows: dict[str, Observation]

    @property
    def sources(self) -> tuple[str, ...]:
        """BibTeX keys of the rows."""
        return tuple(dict.fromkeys(one.source for one in self.rows.values()))

    def implied_sd(self) -> float:
        """Return the SD between patients of the change that mean, p value and n imply, per cent.

        Returns
        -------
        float
            If the p value is that of a paired t test of the change in the 20 patients.
        """
        from scipy.stats import t

        statistic = float(t.isf(self.change_p / 2, KETAMINE - 1))
        return abs(self.change) * math.sqrt(KETAMINE) / statistic


def published_trial() -> PublishedTrial:
    """Return the published results from the table of observations.

    Returns
    -------
    PublishedTrial
        The p values stand in the notes of the rows: 0.036, 0.002 and 0.019.
    """
    found = {one.id: one for one in observations(("pet_trial",))}
    rows = {name: found[key] for name, key in _ROWS.items()}
    return PublishedTrial(
        change=100 * (rows["change"].value - 1),
        change_p=0.036,
        improvement=rows["improvement"].value,
        improvement_p=0.002,
        symptoms=rows["symptoms"].value,
        symptoms_p=0.019,
        rows=rows,
    )


def pet_design() -> TrialDesign:
    """Return the trial as a design: arms, visits on the days of the second scan, MADRS.

    Returns
    -------
    TrialDesign
        What was not read is assumed, one sentence each.
    """
    from ketasim.trial import TrialAllocation, TrialArm, TrialDesign, TrialEntry, TrialVisit

    arms = (
        TrialArm("ketamine", REGIMEN, "active", KETAMINE, "active"),
        TrialArm("saline", "saline 0 mg/kg iv over 40 min", "saline", SALINE, "control"),
    )
    return TrialDesign(
        name="tiger2020",
        title="Ketamine against saline with PET before and after (Tiger 2020)",
        arms=arms,
        visits=tuple(TrialVisit(hours) for hours in DAYS_H),
        entry=TrialEntry(minimum=20),
        allocation=TrialAllocation("fixed"),
        citation="tiger2020",
        family="Tiger 2020",
        assumed=(
            "20 patients were given ketamine and 10 saline: the split stands in a press text only.",
            "The second scan is at 24, 48 or 72 h, each as likely, and MADRS is rated the same day.",
            "Baseline of MADRS as in the shipped covariates, at least 20 points; nobody leaves.",
            "Scanner, frames, injected activity and analysis were not read: 38 frames over 93 min, "
            "SRTM with the cerebellum as reference, tests at a two-sided level of 0.05.",
            "The change of a region is the mean of each patient's own change in per cent; its p value "
            "is that of a paired t test of BPND.",
        ),
    )
