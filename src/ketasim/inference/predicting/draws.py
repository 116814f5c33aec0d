"""What is not known of a trial before it is run, as draws: parameters, contexts, the trial itself.

A draw holds one set of the model's calibrated parameters from their posterior and one set of context
parameters; several trials are drawn for each. The virtual patients are the same in every draw, so
that draws differ by what is uncertain and not by who was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.calibrate import calibrate
from ketasim.inference.contexts import fit_contexts, fit_settings
from ketasim.inference.predicting.baseline import Baseline, usual_baseline
from ketasim.inference.targets import fit_targets
from ketasim.instruments.draws import normal_draws
from ketasim.model import load_model
from ketasim.population import Cohort, virtual_patients
from ketasim.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model

__all__ = ["Learnt", "Sizes", "Worlds", "learn", "learn_contexts", "relief_of"]


_BOUNDS = {"persisting_share": (0.25, 0.75), "decay": (6.0, 24.0)}
"""Bounds of the context's course, whose two parameters three visits hardly tell apart (assumed)."""


@dataclass(frozen=True)
class Sizes:
    """How much is drawn.

    Parameters
    ----------
    draws : int
        Sets of parameters.
    people : int
        Virtual patients in each.
    trials : int
        Trials in each draw.
    copies : int
        Ratings of each virtual patient.
    """

    draws: int = 48
    people: int = 96
    trials: int = 8
    copies: int = 12


@dataclass(frozen=True, eq=False)
class Learnt:
    """What one hypothesis has learnt from the trials it may look at.

    Parameters
    ----------
    model : Model
        With calibrated values.
    names : tuple of str
        Calibrated parameters.
    values : ndarray, shape (draws, n_names)
        Draws from their posterior.
    seed : int
    """

    model: Model
    names: tuple[str, ...]
    values: NDArray[np.float64]
    seed: int


@dataclass(frozen=True, eq=False)
class Worlds:
    """Draws of the contexts, and of how trials differ.

    Parameters
    ----------
    table : mapping of str to ndarray, shape (draws,)
        Context and setting parameters by id.
    shared, benefit, other : ndarray, shape (draws, trials)
        Standard normal numbers of a trial: what all its arms share, how large the drug's effect is
        there, and what the control has for itself.
    usual : Baseline
        Severity before treatment where a trial does not tell.
    """

    table: dict[str, NDArray[np.float64]]
    shared: NDArray[np.float64]
    benefit: NDArray[np.float64]
    other: NDArray[np.float64]
    usual: Baseline


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Tables of contexts and of settings, from `fit_contexts` and `fit_settings`."""

    contexts: pd.DataFrame
    settings: pd.DataFrame


def learn(
    hypothesis: str, surroundings: Surroundings, sizes: Sizes, seed: int, leave_out: Collection[str]
) -> Learnt:
    """Calibrate a hypothesis on the trials it may look at, and draw from its posterior.

    Parameters
    ----------
    hypothesis : str
    surroundings : Surroundings
        From `learn_contexts`, with the same families left out.
    sizes : Sizes
    seed : int
    leave_out : collection of str
        Families of trials that are not looked at.

    Returns
    -------
    Learnt
    """
    shipped = load_model(hypothesis)
    known = shipped.values()
    start = {name: known[name] for name in shipped.covariance().index if name in known}
    fit = calibrate(
        hypothesis, targets=fit_targets(leave_out=leave_out), contexts=surroundings.contexts,
        settings=surroundings.settings, start=start, context_error=False, seed=seed,
    )  # fmt: skip
    z = normal_draws(seed, "posterior of a prediction", np.arange(sizes.draws), len(fit.names))
    values = np.exp(np.log(fit.values) + z @ np.linalg.cholesky(fit.covariance).T)
    rows = shipped.table.loc[list(fit.names)]
    low, high = rows["lower"].to_numpy(float), rows["upper"].to_numpy(float)
    model = load_model(hypothesis, calibrated=False)
    return Learnt(model, fit.names, np.clip(values, low, high), seed)


def learn_contexts(
    sizes: Sizes, seed: int, leave_out: Collection[str]
) -> tuple[Surroundings, Worlds]:
    """Fit contexts and settings on the trials that may be looked at, and draw from them.

    Returns
    -------
    surroundings : Surroundings
    worlds : Worlds
    """
    import pandas as pd

    contexts = fit_contexts(leave_out=leave_out)
    settings = fit_settings(contexts, leave_out=leave_out)
    table = pd.concat([contexts, settings])
    numbers = np.arange(sizes.draws)
    drawn = {
        str(name): _draw(str(name), float(value), float(sd), seed, numbers)
        for name, value, sd in zip(table.index, table["value"], table["sd"], strict=True)
    }
    trials = {
        what: normal_draws(seed, f"trial, {what}", numbers, sizes.trials)
        for what in ("shared", "benefit", "other")
    }
    return Surroundings(contexts, settings), Worlds(
        drawn, **trials, usual=usual_baseline(leave_out=leave_out)
    )


def _draw(
    name: str, value: float, sd: float, seed: int, numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Draw a parameter: a share between 0 and 1, a positive number as log-normal, else normal."""
    z = normal_draws(seed, f"context {name}", numbers)[:, 0]
    if name in _BOUNDS:
        return np.clip(value + sd * z, *_BOUNDS[name])
    if value > 0.0:
        return np.asarray(value * np.exp(np.sqrt(np.log1p((sd / value) ** 2)) * z))
    return value + sd * z


def relief_of(
    learnt: Learnt, regimens: Sequence[str], times: Sequence[float], sizes: Sizes
) -> NDArray[np.float64]:
    """Simulate the people of every draw.

    Parameters
    ----------
    learnt : Learnt
    regimens : sequence of str
        What is given; several are given to equal shares of the people.
    times : sequence of float
        Hours after the first dose.
    sizes : Sizes

    Returns
    -------
    ndarray, shape (draws, people, n_times)
        Relief, 0 to 1; NaN for who could not be solved.
    """
    people = virtual_patients(learnt.model, sizes.people, seed=learnt.seed, uncertainty=False)
    shape = (sizes.draws, sizes.people, len(times))
    if not regimens:
        return np.zeros(shape)
    grid = np.array(sorted({0.0, *times}))
    places = np.searchsorted(grid, np.asarray(times, dtype=float))
    result = np.empty(shape)
    for share, text in enumerate(regimens):
        chosen = np.arange(share, sizes.people, len(regimens))
        run = simulate(
            learnt.model, text, cohort=_of_all_draws(people, learnt, chosen), times=grid,
            outputs=["relief"], rtol=1e-4, atol=1e-7, progress=False,
        )  # fmt: skip
        values = np.asarray(run.dataset["relief"].transpose("patient", "time"))
        result[:, chosen] = values[:, places].reshape(sizes.draws, len(chosen), len(times))
    return result


def _of_all_draws(people: Cohort, learnt: Learnt, chosen: NDArray[np.int64]) -> Cohort:
    """Return the people once for every draw, with its parameters."""
    import pandas as pd

    some = people.table.iloc[chosen]
    table = pd.concat([some] * len(learnt.values), ignore_index=True)
    for place, name in enumerate(learnt.names):
        table[name] = np.repeat(learnt.values[:, place], len(some))
    return Cohort(table, seed=learnt.seed)
