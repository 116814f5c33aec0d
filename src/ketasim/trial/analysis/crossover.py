"""The crossover: every patient under both treatments, compared with himself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate
from ketasim.trial.analysis.linear import standardised

if TYPE_CHECKING:
    from ketasim.trial.data import Estimate, TrialData

__all__ = ["crossover"]


def crossover(data: TrialData, visit: str | float, active: str, control: str) -> Estimate:
    """Compare the change of two treatments within patients, adjusted for the period.

    Parameters
    ----------
    data : TrialData
        A crossover: one row for a patient in a period, with `patient` and `period`. A patient
        without a value under both treatments is left out.
    visit : str or float
        Name or hour of the visit, within the period.
    active, control : str
        Names of the treatments.

    Returns
    -------
    Estimate
        Active minus control in points, from the regression of a patient's difference on the order
        of the treatments (Hills and Armitage 1979, Br J Clin Pharmacol 8:7-20). Carry-over is not
        modelled: it biases the estimate. NaN and a reason with too few patients. The effect size is
        the difference over the pooled standard deviation of the change, as in a parallel trial.

    Raises
    ------
    InputError
        If the rows do not say whose they are, or a patient has a treatment twice.
    """
    import statsmodels.api as sm

    name = "crossover"
    if data.patient is None or data.period is None:
        raise InputError(
            "the trial is no crossover", where="analysis", expected="'patient' and 'period'"
        )
    pair = contrast_of(data, active, control)
    change = data.change[pair.patients, data.visit_index(visit)]
    who, when = data.patient[pair.patients], data.period[pair.patients]
    people = np.unique(who)
    table = np.full((2, 2, people.size), np.nan)
    place = np.searchsorted(people, who)
    for side, members in enumerate((pair.active, ~pair.active)):
        if np.unique(place[members]).size < int(members.sum()):
            raise InputError("a patient has the same treatment twice", where="analysis")
        table[side, 0, place[members]] = change[members]
        table[side, 1, place[members]] = when[members]
    both = ~np.isnan(table).any(axis=(0, 1))
    n = int(both.sum())
    difference = (table[0, 0] - table[1, 0])[both]
    order = np.sign(table[0, 1] - table[1, 1])[both]
    columns = [np.ones(n)] + ([order] if n and np.ptp(order) > 0 else [])
    if n <= len(columns):
        why = f"{n} patients have a value under both treatments, and {len(columns) + 1} are needed"
        return failure(name, pair.label, "points", n, why)
    fit = sm.OLS(difference, np.column_stack(columns)).fit()
    if fit.ssr <= 1e-20 * max(float(np.sum(difference**2)), 1e-300):
        return failure(name, pair.label, "points", n, "the differences do not vary")
    numbers = (float(fit.params[0]), float(fit.bse[0]), float(fit.df_resid))
    effect = standardised(numbers[0], change, pair.active)
    note = "adjusted for period" if len(columns) > 1 else "one order of treatments, so no period"
    return t_estimate(name, pair.label, "points", numbers, effect, n, note)
