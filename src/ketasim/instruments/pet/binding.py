"""From biology to binding: receptors and serotonin of the model become BPND of a region.

``BPND = BPND0 * density * (1 + s) / (1 + s * serotonin + competitor)``: the tracer meets the
receptors that are there, in competition with serotonin at ``s`` times its inhibition constant at
rest and with any drug at the same site. Density and serotonin are folds of the person's own rest,
as the model gives them. Release therefore lowers binding and more receptors raise it, and a scan
sees only the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.draws import normal_draws
from ketasim.instruments.pet.noise import log_shift
from ketasim.instruments.pet.regions import constant, select_regions
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.pet.regions import RegionValues
    from ketasim.simulate import Trajectories

__all__ = [
    "OUTPUTS",
    "Truth",
    "binding_fold",
    "competition",
    "density_table",
    "draw_truth",
    "mean_binding",
    "model_binding",
]

DENSITY_FILE = Path(__file__).with_name("density.csv")

OUTPUTS = ("serotonin", "ht1b_hippocampus", "ht1b_ventral_striatum", "ht1b_density")
"""The model's variables that binding reads: ask for these outputs when simulating."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of some people at some scans.

    Parameters
    ----------
    patients : ndarray of int, shape (n_patients,)
        Their numbers, which key the noise of their scans.
    regions : tuple of str
        Codes of the regions.
    bpnd, r1, k2_prime : ndarray, shape (n_patients, n_scans, n_regions)
        Binding potential, relative delivery, rate of the reference region (1/min).
    """

    patients: NDArray[np.int64]
    regions: tuple[str, ...]
    bpnd: NDArray[np.float64]
    r1: NDArray[np.float64]
    k2_prime: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.patients), self.scans, len(self.regions))
        for name in ("bpnd", "r1", "k2_prime"):
            found = getattr(self, name).shape
            if found != shape:
                raise InputError(f"{name} has the shape {found}", expected=f"{shape}")

    @property
    def scans(self) -> int:
        """Scans a person."""
        return int(self.bpnd.shape[1])


def competition(
    serotonin: ArrayLike, occupancy: float | None = None, competitor: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the fold of binding that competition at the receptor leaves.

    Parameters
    ----------
    serotonin : array_like
        Extracellular serotonin, fold of rest.
    occupancy : float, optional
        Serotonin at rest over its inhibition constant; by default the assumed one.
    competitor : array_like, optional
        A drug at the same site, amount over its half-blocking amount (the model's
        ``load_ht1b_antagonist``).

    Returns
    -------
    ndarray
        1 at rest.

    Raises
    ------
    InputError
        If an amount is negative.
    """
    s = constant("serotonin_occupancy") if occupancy is None else occupancy
    level, drug = np.asarray(serotonin, dtype=np.float64), np.asarray(competitor, dtype=np.float64)
    if s < 0 or np.any(level < 0) or np.any(drug < 0):
        raise InputError("an amount at the receptor is negative", expected="0 or above")
    return np.asarray((1 + s) / (1 + s * level + drug))


def binding_fold(
    density: ArrayLike,
    serotonin: ArrayLike,
    occupancy: float | None = None,
    competitor: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Return BPND as a fold of rest.

    Parameters
    ----------
    density, serotonin : array_like
        Folds of rest.
    occupancy, competitor
        As for `competition`.

    Returns
    -------
    ndarray
        1 at rest.
    """
    left = competition(serotonin, occupancy, competitor)
    return np.asarray(np.asarray(density, dtype=np.float64) * left)


def density_table() -> pd.DataFrame:
    """Return which variable of the model is the receptor density of which region.

    Returns
    -------
    DataFrame
        Index ``region``; ``variable, status, source, note``. The model speaks of two regions.
    """
    return _shipped_density().copy()


@cache
def _shipped_density() -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(DENSITY_FILE, keep_default_na=False).set_index("region")


def model_binding(
    run: Trajectories,
    times_h: ArrayLike,
    regions: Iterable[str] | None = None,
    occupancy: float | None = None,
) -> NDArray[np.float64]:
    """Return BPND of simulated patients as a fold of their own rest.

    Parameters
    ----------
    run : Trajectories
        With the outputs of `OUTPUTS`.
    times_h : array_like, shape (n_times,)
        Hours after the first dose; between output times the courses are interpolated linearly.
    regions : iterable of str, optional
        Codes; by default all.
    occupancy : float, optional
        As for `competition`.

    Returns
    -------
    ndarray, shape (n_patients, n_times, n_regions)
        NaN for a patient who could not be solved.

    Raises
    ------
    InputError
        If a time lies outside the run, or the run lacks an output.
    """
    names = select_regions(regions)
    wanted = np.atleast_1d(np.asarray(times_h, dtype=np.float64))
    if wanted.min() < run.times.min() or wanted.max() > run.times.max():
        raise InputError(
            f"a scan lies outside the run of {run.times.min():g} to {run.times.max():g} h",
            where=f"scan times {', '.join(f'{one:g}' for one in wanted)} h",
        )
    table = _shipped_density()
    variables = {str(table.at[name, "variable"]) for name in names} | {"serotonin"}
    at = {one: _interpolated(run.times, run.values(one), wanted) for one in variables}
    left = competition(at["serotonin"], occupancy)
    return np.stack([at[str(table.at[name, "variable"])] * left for name in names], axis=-1)


def _interpolated(
    times: NDArray[np.float64], values: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    share = (wanted - times[after - 1]) / (times[after] - times[after - 1])
    return np.asarray(values[:, after - 1] * (1 - share) + values[:, after] * share)


def mean_binding(
    values: RegionValues, depressed: ArrayLike = False, age: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the BPND expected of people, before they differ.

    Parameters
    ----------
    values : RegionValues
        The regions.
    depressed : array_like of bool, shape (n_patients,) or scalar, optional
        Who is depressed: lower in the cingulate and the hippocampus.
    age : array_like, shape (n_patients,) or scalar, optional
        Years; by default the age to which the stored values belong.

    Returns
    -------
    ndarray, shape (n_patients, n_regions), or (1, n_regions)
        The change by age is compounded, decade upon decade.
    """
    ill = np.atleast_1d(np.asarray(depressed, dtype=bool))[:, None]
    years = constant("age_reference") if age is None else age
    decades = (np.atleast_1d(np.asarray(years, float))[:, None] - constant("age_reference")) / 10
    factor = np.where(ill, values.depression, 1.0) * (1 + values.age_per_decade) ** decades
    return np.asarray(values.bpnd * factor)


def draw_truth(
    values: RegionValues,
    patients: ArrayLike,
    scans: int = 2,
    *,
    seed: int,
    within_sd: ArrayLike = 0.0,
    change: ArrayLike = 1.0,
    shift: bool = False,
    depressed: ArrayLike = False,
    age: ArrayLike | None = None,
    striatum: ArrayLike | None = None,
    common_k2_prime: bool = False,
) -> Truth:
    """Draw what is true of people at their scans.

    Parameters
    ----------
    values : RegionValues
        The regions.
    patients : array_like of int, shape (n_patients,)
        Their numbers; patient 17 is the same whoever else is drawn and whatever regions are asked.
    scans : int, optional
        Scans a person.
    seed : int
        Seed of the random numbers.
    within_sd : array_like, shape (n_regions,) or scalar, optional
        SD of log BPND between scans of a person, for instance from `load_noise`.
    change : array_like, broadcast to (n_patients, n_scans, n_regions), optional
        Fold of BPND at each scan, for instance from `model_binding`.
    shift : bool, optional
        Whether every scan after the first is shifted as two scans of one day were.
    depressed, age
        As for `mean_binding`.
    striatum : array_like, shape (n_patients,), optional
        Fold of the ventral striatum's mean for each person, for instance the cohort's
        ``ht1b_vst_baseline``; the other regions are then drawn given it.
    common_k2_prime : bool, optional
        Whether the reference region has one rate in all regions, as SRTM2 and MRTM2 suppose; by
        default it differs between regions as in the scans of simbaref.

    Returns
    -------
    Truth
        The truth.
    """
    numbers = np.atleast_1d(np.asarray(patients, dtype=np.int64))
    people, places = _People(seed, numbers), [REGIONS.index(name) for name in values.names]
    rho = constant("between_correlation")
    given = None if striatum is None else np.log(np.asarray(striatum, float)) / _striatum_sd(values)
    own = people.correlated("pet bpnd", rho, given)[:, places] * values.between_sd
    log = np.log(mean_binding(values, depressed, age)) + own - values.between_sd**2 / 2
    steps = people.repeated("pet bpnd within", scans, constant("within_correlation"))[..., places]
    sd = np.broadcast_to(np.asarray(within_sd, dtype=np.float64), (len(values.names),))
    log = log[:, None, :] + steps * sd
    if shift:
        log[:, 1:, :] += log_shift(values.signed_change)
    bpnd = np.exp(log) * np.asarray(change, dtype=np.float64)
    r1 = values.r1 * np.exp(people.kinetics("r1", scans)[..., places])
    spread = people.kinetics("k2_prime", scans)
    if common_k2_prime:
        k2_prime = np.broadcast_to(np.exp(spread[..., :1]) * constant("tissue_k2"), r1.shape).copy()
    else:
        k2_prime = values.k2_prime * np.exp(spread[..., places])
    return Truth(numbers, values.names, bpnd, r1, k2_prime)


def _striatum_sd(values: RegionValues) -> float:
    if "VSTR" not in values.names:
        raise InputError("people are given by their ventral striatum, and it is not among the"
                         " regions", expected="VSTR among them")  # fmt: skip
    return float(values.between_sd[values.names.index("VSTR")])


@dataclass(frozen=True, eq=False)
class _People:
    """Random numbers of people, always for all regions: asking for one changes no other."""

    seed: int
    patients: NDArray[np.int64]

    def correlated(
        self, purpose: str, rho: float, given: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return standard normal numbers with one correlation, shape (n_patients, all regions)."""
        draws = normal_draws(self.seed, purpose, self.patients, 1 + len(REGIONS))
        shared, own = draws[:, :1], draws[:, 1:]
        if given is not None:
            # Given one region, the shared part has that mean and what variance is left.
            shared = np.sqrt(rho) * given[:, None] + np.sqrt(1 - rho) * shared
        out = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
        if given is not None:
            out[:, REGIONS.index("VSTR")] = given
        return np.asarray(out)

    def repeated(self, purpose: str, scans: int, rho: float) -> NDArray[np.float64]:
        """Return independent ones for each scan, shape (n_patients, n_scans, all regions)."""
        return np.stack(
            [self.correlated(f"{purpose}, scan {scan}", rho) for scan in range(scans)], axis=1
        )

    def kinetics(self, name: str, scans: int) -> NDArray[np.float64]:
        """Return log R1 or log k2' about its mean, shape (n_patients, n_scans, all regions)."""
        between = self.correlated(f"pet {name}", constant("kinetics_correlation"))
        within = self.repeated(f"pet {name} within", scans, 0.0)
        sds = constant(f"{name}_between_sd"), constant(f"{name}_within_sd")
        return np.asarray(sds[0] * between[:, None, :] + sds[1] * within)
