"""
The solver on a model of your own
=================================

The engine knows no drug: any SBML model of reactions and rate rules becomes a compiled population
solver. Here one compartment with first-order elimination, whose answer is known.
"""

import numpy as np

import ketasim as ks
from ketasim.health import DECAY

# %%
# ``DECAY`` is SBML text: 100 units in one compartment, eliminated at 0.3 an hour.

compiled = ks.compile_model(DECAY)
times = np.linspace(0.0, 24.0, 49)
solution = compiled.solve(times, parameters={"k": np.array([0.1, 0.3, 0.5])})
solution.values.shape

# %%
# Three patients, each with an elimination rate of their own, against the closed form.

exact = 100.0 * np.exp(-np.outer([0.1, 0.3, 0.5], times))
float(np.abs(solution.values[:, :, 0] - exact).max())
