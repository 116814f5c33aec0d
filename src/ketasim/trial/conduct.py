"""Running a trial: people come from the pool, are randomised, rated, and some leave.

Every number is a function of (seed, replicate, patient, purpose), so that replicates are the same
whatever their number, the size of the chunks and the threads, and a patient who stays in an arm is
the same whatever other arms there are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments import load_context, load_settings
from ketasim.trial.care import care_of
from ketasim.trial.dropout import Reasons, calibrate_hazards
from ketasim.trial.kinds import run_chunk
from ketasim.trial.patients import Setting, felt_shares, follow_up
from ketasim.trial.pool import DEFAULT_PEOPLE, build_pool
from ketasim.trial.rating import RatingModel
from ketasim.trial.replicates import joined

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.pool import TrialPool
    from ketasim.trial.replicates import TrialReplicates

__all__ = ["run_trial"]

_ROWS = 20_000
_PILOT_PATIENTS = 2000
_PILOT_SEED = 20_250_101
_MOST_REPLICATES = 2**37


def run_trial(
    design: TrialDesign,
    replicates: int = 1,
    seed: int = 1,
    *,
    pool: TrialPool | None = None,
    people: int = DEFAULT_PEOPLE,
    rating: RatingModel | None = None,
    context: Path | str | pd.DataFrame | Context | None = None,
    settings: Path | str | pd.DataFrame | None = None,
    first: int = 0,
    rows: int = _ROWS,
    threads: int = 1,
) -> TrialReplicates:
    """Run a trial, once or many times.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    replicates : int, optional
        How often.
    seed : int, optional
        Same seed, same trial, bit for bit.
    pool : TrialPool, optional
        The people, from `build_pool`; by default simulated here.
    people : int, optional
        How many, where no pool is given.
    rating : RatingModel, optional
        What stands between relief and scores, and whether the drug works at all (`world`).
    context : path, DataFrame or Context, optional
        The context parameters; by default the shipped ones.
    settings : path or DataFrame, optional
        The parameters of a trial's setting; by default the shipped ones.
    first : int, optional
        Number of the first replicate.
    rows : int, optional
        Patients in a chunk; memory follows it and numbers do not.
    threads : int, optional
        Chunks that run at the same time.

    Returns
    -------
    TrialReplicates
        With a leading replicate axis.

    Raises
    ------
    InputError
        If the pool belongs to another design, or a dropout share cannot come out.
    """
    if not 1 <= replicates <= _MOST_REPLICATES - first or first < 0:
        raise InputError(
            f"{replicates} replicates from {first} on", expected="1 or more, from 0 on"
        )
    if rows < 1 or threads < 1:
        raise InputError("a chunk or the threads are less than 1", expected="1 or more")
    people_pool = pool if pool is not None else build_pool(design, people, seed)
    setting = _setting(design, people_pool, seed, rating or RatingModel(), context, settings)
    each = max(1, rows // design.patients)
    numbers = np.arange(first, first + replicates, dtype=np.int64)
    chunks = [numbers[at : at + each] for at in range(0, replicates, each)]
    if threads == 1 or len(chunks) == 1:
        parts = [run_chunk(setting, one) for one in chunks]
    else:
        with ThreadPoolExecutor(threads) as workers:
            parts = list(workers.map(lambda one: run_chunk(setting, one), chunks))
    return replace(joined(parts), pool=people_pool.error(design.patients))


def _setting(
    design: TrialDesign,
    pool: TrialPool,
    seed: int,
    rating: RatingModel,
    context: Path | str | pd.DataFrame | Context | None,
    settings: Path | str | pd.DataFrame | None,
) -> Setting:
    from ketasim.trial.paths import trial_paths
    from ketasim.trial.pool import visit_grid

    paths = trial_paths(design)
    absent = [path.key for path in paths if path.key not in pool.keys]
    if absent or not np.isin(visit_grid(design), pool.times).all():
        what = f"the way {absent[0]!r}" if absent else "some of the visits"
        raise InputError(
            f"the pool does not hold {what}", where=design.name, expected="a pool of this design"
        )
    setting = Setting(
        design=design,
        pool=pool,
        rating=rating,
        care=care_of(design, load_context(context), load_settings(settings)),
        seed=seed,
        place=np.array([pool.keys.index(path.key) for path in paths]),
        keys=tuple(path.key for path in paths),
        hazards=np.zeros((len(design.arms), 3)),
    )
    return replace(setting, hazards=_hazards(setting))


def _hazards(setting: Setting) -> NDArray[np.float64]:
    """Find the hazards of every arm on pilot patients whom no seed of a user's has."""
    design = setting.design
    if not any(design.dropout_of(arm).total for arm in design.arms):
        return setting.hazards
    count = -(-_PILOT_PATIENTS // min(arm.n for arm in design.arms))
    world = replace(setting.rating, world="model")
    pilot = run_chunk(
        replace(setting, seed=_PILOT_SEED, rating=world), np.arange(count, dtype=np.int64)
    )
    hazards = setting.hazards.copy()
    for place, arm in enumerate(design.arms):
        shares = design.dropout_of(arm)
        if shares.total:
            hazards[place] = calibrate_hazards(shares, _reasons(setting, pilot, place), arm.name)
    if setting.rating.world == "null" and design.reference is not None:
        # Where nothing differs between arms, nor may how a lack of effect makes patients leave.
        hazards[:, 0] = hazards[design.reference, 0]
    return hazards


def _reasons(setting: Setting, pilot: TrialReplicates, place: int) -> Reasons:
    here = pilot.arm == place
    if pilot.design.periods is not None:
        # Patients leave a crossover as a whole: all arms have the shares of the design.
        here = pilot.period == 0
    felt = felt_shares(setting, pilot.arm, pilot.dissociation)[here]
    return Reasons(*follow_up(pilot, here), felt, _times(pilot))


def _times(pilot: TrialReplicates) -> NDArray[np.float64]:
    periods = pilot.design.periods
    starts = periods.starts_h if periods else (0.0,)
    return np.concatenate([start + pilot.visits_h for start in starts])
