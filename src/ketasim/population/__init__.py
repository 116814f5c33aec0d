"""Who receives it: virtual patients with their variability and covariates.

Examples
--------
>>> from ketasim.model import load_model
>>> from ketasim.population import virtual_patients
>>> len(virtual_patients(load_model("article"), 8))
8
"""

from __future__ import annotations

from ketasim.population.cohort import PATIENT, Cohort
from ketasim.population.sampling import covariate_table, posterior_draws, virtual_patients

__all__ = ["PATIENT", "Cohort", "covariate_table", "posterior_draws", "virtual_patients"]
