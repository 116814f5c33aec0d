"""Cohorts of any size: solved in chunks, each written whole, with statistics gathered on the way.

>>> from ketasim.engine.cohort import solve_cohort  # doctest: +SKIP
>>> found = solve_cohort(sbml, times, parameters={"k": draws}, out="run")  # doctest: +SKIP
>>> found.statistics.mean.shape, found.failed  # doctest: +SKIP
((49, 3), 0)
"""

from .inputs import PatientFactory
from .moments import Moments
from .reading import CohortChunk, CohortSolution, read_cohort
from .run import solve_cohort
from .sketch import Sketch
from .statistics import CohortStatistics

__all__ = [
    "CohortChunk",
    "CohortSolution",
    "CohortStatistics",
    "Moments",
    "PatientFactory",
    "Sketch",
    "read_cohort",
    "solve_cohort",
]
