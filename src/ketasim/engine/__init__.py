"""SBML in, a compiled solver for whole populations out.

The engine knows no drug and no disease: a modeller with any SBML model can use it.

>>> from ketasim.engine import compile_model  # doctest: +SKIP
>>> solver = compile_model(sbml)  # doctest: +SKIP
>>> solver.solve([0, 1, 2], parameters={"k": [0.1, 0.2]}).values.shape  # doctest: +SKIP
(2, 3, 1)
"""

from .cohort import CohortSolution, read_cohort, solve_cohort
from .compiled import CompiledModel, compile_model
from .population import PopulationSolver
from .schedule import DoseSchedule
from .sensitivity import Sensitivities
from .solution import Solution, Status

__all__ = [
    "CohortSolution",
    "CompiledModel",
    "DoseSchedule",
    "PopulationSolver",
    "Sensitivities",
    "Solution",
    "Status",
    "compile_model",
    "read_cohort",
    "solve_cohort",
]
