"""Second stage: the placeholders of the network and the mood module, for each hypothesis.

Run as ``python -m ketasim.inference`` to write ``model/calibrated/<hypothesis>.csv`` anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.fitted import Fit
from ketasim.inference.prediction import predict
from ketasim.inference.targets import fit_targets
from ketasim.instruments.context import context_table, load_context
from ketasim.instruments.settings import load_settings, settings_table
from ketasim.model import load_model
from ketasim.model.files import CALIBRATED
from ketasim.population import virtual_patients
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.inference.targets import Target
    from ketasim.instruments.context import Context

__all__ = ["PRIORS", "Prior", "calibrate", "write_calibration"]


@dataclass(frozen=True)
class Prior:
    """Log-normal prior of a fitted parameter: its median and the SD of its logarithm."""

    median: float
    log_sd: float


PRIORS = {
    "glx_sensitivity": Prior(1.0, 1.0),
    "adaptation_gain": Prior(4.0, 1.0),
    "glua1_rate": Prior(1.0, 1.0),
    "weight_fast": Prior(1.0, 1.5),
    "weight_slow": Prior(1.0, 1.5),
    "tau_mood": Prior(0.4, 0.5),
    "tau_spine": Prior(168.0, 0.354),
    "spine_room": Prior(0.3, 0.5),
}
"""Fitted parameters and what was known of them before.

Spines are lost over 7 to 14 d (Phoumthipphavong 2016), which a time constant of half that to all of
it describes: 84 to 336 h as a 95 % interval. A rater's score follows within an hour
or two: three time constants of 0.15 to 1.1 h. A dose brings about a tenth more spines; there is room
for one to eight such rises (assumed). The others are gains and scales of which nothing was known but
their order of magnitude.
"""


def calibrate(
    hypothesis: str,
    *,
    patients: int = 64,
    seed: int = 1,
    max_evaluations: int = 30,
    targets: Sequence[Target] | None = None,
    start: Mapping[str, float] | None = None,
    contexts: pd.DataFrame | None = None,
    settings: pd.DataFrame | None = None,
    context_error: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Fit one hypothesis to the rows that may be fitted.

    Parameters
    ----------
    hypothesis : str
    patients : int
        Virtual patients over whom means are taken.
    seed : int
    max_evaluations : int
        Budget of the least-squares search (Jacobians not counted).
    targets : sequence of Target, optional
        What is fitted to; by default `fit_targets`.
    start : mapping of str to float, optional
        Where the search starts, by parameter; by default at the medians of the priors.
    contexts : DataFrame, optional
        Context parameters, from `fit_contexts`; by default the shipped ones.
    settings : DataFrame, optional
        Parameters of the setting, from `fit_settings`; by default the shipped ones.
    context_error : bool
        Whether the uncertainty of expectancy in active arms counts as a common error of theirs.
        Without it the covariance is that of relief *given* the context, so that the two together
        are as sure as the trials make them: what a prediction of another masked arm needs.
    progress : callable, optional
        Called with a sentence after the fit.

    Returns
    -------
    Fit
        Maximum a posteriori with Laplace's covariance. The change through expectancy in active
        arms is not fitted: its uncertainty is a common error of all active arms.
    """
    import pandas as pd
    from scipy.optimize import least_squares

    model = load_model(hypothesis, calibrated=False)
    targets = fit_targets() if targets is None else tuple(targets)
    table = context_table() if contexts is None else contexts
    context = load_context(table)
    around = settings_table() if settings is None else settings
    setting = load_settings(around)
    whiten = _whitener(targets, context, pd.concat([table, around])["sd"], context_error)
    names = tuple(PRIORS)
    centre = np.log([PRIORS[name].median for name in names])
    width = np.array([PRIORS[name].log_sd for name in names])
    published = np.array([target.value for target in targets])

    def predicted(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = dict(zip(names, np.exp(log_values).tolist(), strict=True))
        changed = model.with_values(values)
        # The same patients around other medians: their quantiles belong to (seed, patient).
        cohort = virtual_patients(changed, patients, seed=seed, uncertainty=False)
        return predict(changed, targets, cohort, context, setting)

    def residual(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
        misfit = whiten @ (predicted(log_values) - published)
        return np.concatenate([misfit, (log_values - centre) / width])

    found = least_squares(
        residual, np.log([(start or {}).get(name, PRIORS[name].median) for name in names]),
        diff_step=1e-3, max_nfev=max_evaluations, x_scale=width,
        bounds=_bounds(model.table, names),
    )  # fmt: skip
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    fit = Fit(
        hypothesis, names, np.exp(found.x), covariance, targets, predicted(found.x),
        float(found.cost), patients, seed,
    )  # fmt: skip
    if progress:
        progress(f"{hypothesis}: cost {fit.cost:.2f} after {found.nfev} evaluations")
    return fit


def _bounds(table: object, names: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import pandas as pd

    assert isinstance(table, pd.DataFrame)
    chosen = table.loc[list(names)]
    return np.log(chosen["lower"].to_numpy(float)), np.log(chosen["upper"].to_numpy(float))


def _whitener(
    targets: Sequence[Target], context: Context, spreads: pd.Series[float], context_error: bool
) -> NDArray[np.float64]:
    """Return the matrix that gives residuals unit variance, common errors included.

    What is not known of a context moves all its arms together, so it is a common error with the
    shape of the context's time course and the SD of its prior.
    """
    changes = [target.quantity == "change" for target in targets]
    course = np.where(changes, context.course([target.time_h for target in targets]), 0.0)
    covariance = np.diag(np.array([target.sd for target in targets]) ** 2)
    for name in {target.context for target in targets}:
        if name != "active" or context_error:
            shape = course * [target.context == name for target in targets]
            covariance += float(spreads[name]) ** 2 * np.outer(shape, shape)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))


def write_calibration(fit: Fit, folder: Path = CALIBRATED) -> Path:
    """Write the values of a fit, and beside them how each target is met.

    Parameters
    ----------
    fit : Fit
    folder : Path
        Receives ``<hypothesis>.csv`` and ``fits/<hypothesis>.csv``, each whole or not at all.

    Returns
    -------
    Path
        Of the values.
    """
    (folder / "fits").mkdir(parents=True, exist_ok=True)
    head = (
        f"# maximum a posteriori for {fit.hypothesis}; {len(fit.targets)} targets, "
        f"{fit.patients} virtual patients, seed {fit.seed}; cov_* is the covariance of logarithms\n"
    )
    frame = fit.to_frame()
    # How much the data say: an SD close to the prior's means next to nothing.
    frame.insert(5, "prior_log_sd", [PRIORS[name].log_sd for name in fit.names])
    values = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    residuals = fit.residuals().to_csv(index=False, float_format="%.5g", lineterminator="\n")
    atomic_write(folder / "fits" / f"{fit.hypothesis}.csv", residuals)
    return atomic_write(folder / f"{fit.hypothesis}.csv", head + values)
