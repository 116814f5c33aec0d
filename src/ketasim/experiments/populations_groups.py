"""Subgroups of `populations`: the same people with one covariate set to each of its levels.

Differences between levels are then the model's own, without the scatter of who happens to be in a
group, and exactly zero where the model has no edge from the covariate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model

__all__ = [
    "CORRELATED",
    "COVARIATES",
    "REFERENCE_BASELINE",
    "SIZES",
    "TIMES_H",
    "Covariate",
    "Effects",
    "Level",
    "edge_of",
    "simulate_groups",
]

REFERENCE_BASELINE = 36.9
"""Baseline MADRS at which every group is compared: the mean of the shipped covariates."""

SIZES = {"quick": (12, 16), "full": (64, 48)}
"""Draws from the posterior, and people for each of them."""

CORRELATED = 512
"""People over whom a correlation is taken: with a few, chance alone would decide it."""

TIMES_H = (24.0, 168.0)
"""When a single infusion is read, h."""

INFUSION = "ketamine 0.5 mg/kg iv over 40 min"
DAY_28_H = 672.0


@dataclass(frozen=True)
class Level:
    """One level of a covariate.

    Parameters
    ----------
    name : str
        In print.
    kind : {"effect", "set", "none"}
        A row of the effects of covariates, a parameter that is set, or nothing.
    key : str
        Level in the table of effects.
    parameter : str
        Parameter that is set.
    value : float
        To what.
    """

    name: str
    kind: Literal["effect", "set", "none"]
    key: str = ""
    parameter: str = ""
    value: float = float("nan")


@dataclass(frozen=True)
class Covariate:
    """A covariate and its levels, the reference last.

    Parameters
    ----------
    name, title : str
        Names.
    levels : tuple of Level
        Differences are of each against the last.
    why : str
        The model's reason for a difference, or what is missing.
    """

    name: str
    title: str
    levels: tuple[Level, ...]
    why: str


def _silent(*names: str) -> tuple[Level, ...]:
    return tuple(Level(name, "none") for name in names)


def _effect(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(name, "effect", key) for name, key in pairs)


COVARIATES: tuple[Covariate, ...] = (
    Covariate(
        "diagnosis", "Bipolar against unipolar depression", _silent("bipolar", "unipolar"),
        "no bipolar mood data are shipped, and no mechanism of the table tells them apart",
    ),
    Covariate(
        "treatment_resistant", "Not resistant against resistant to treatment",
        _silent("not resistant", "resistant"),
        "the calibration trials enrolled resistant patients, and no contrast with others is there",
    ),
    Covariate(
        "ht1b_vst_baseline", "Low against normal 5-HT1B in the ventral striatum",
        (
            Level("low 5-HT1B", "set", parameter="ht1b_vst_baseline", value=0.763),
            Level("normal 5-HT1B", "set", parameter="ht1b_vst_baseline", value=1.0),
        ),
        "a patient with less 5-HT1B has more to gain (edge 20); low is one SD of the logarithm, "
        "0.27, below the typical (assumed)",
    ),
    Covariate(
        "cyp2b6", "CYP2B6 genotype against *1/*1",
        _effect(("*6/*6", "*6/*6"), ("*1/*6", "*1/*6"), ("*1/*1", "*1/*1")),
        "clearance falls with *6 (Li 2015), so that more ketamine is there; one oral dose showed no "
        "such effect (Rao 2016)",
    ),
    Covariate(
        "age", "65 years or older against younger", _silent("65 or older", "18 to 64"),
        "age acts on nothing in the mechanism; blood pressure by age is in the safety data",
    ),
    Covariate(
        "sex", "Women against men", _effect(("women", "female"), ("men", "male")),
        "women clear ketamine and norketamine 20 % faster (Sigtermans 2009), so that less is there",
    ),
)  # fmt: skip


def edge_of(one: Covariate, model: Model) -> bool:
    """Say whether a covariate acts on any parameter of the model.

    Parameters
    ----------
    one : Covariate
        What is asked.
    model : Model
        With its parameters.

    Returns
    -------
    bool
        From the table of effects and the model's own parameters, never typed in.
    """
    from ketasim.population.covariates import effect_table

    effects = effect_table()
    acts = effects["covariate"].eq(one.name) & effects["parameter"].isin(model.table.index)
    return bool(acts.any()) or any(level.parameter in model.table.index for level in one.levels)


@dataclass(frozen=True, eq=False)
class Effects:
    """Drug effect of every group under one hypothesis.

    Parameters
    ----------
    hypothesis : str
        Its name.
    points : dict of (str, str) to ndarray, shape (n_draws, n_times)
        By covariate and level: MADRS points that one infusion takes off a baseline of
        `REFERENCE_BASELINE`, mean over people, for each draw from the posterior and each of
        `TIMES_H`; negative is better.
    sd : float
        SD of a change at 24 h between patients: context, rating and the drug's own spread.
    by_sex : dict of str to ndarray, shape (n_draws,)
        Points that the drug takes off at day 28 of eight nasal doses, by level of sex.
    density : ndarray, shape (n,)
        5-HT1B at baseline of `CORRELATED` people, each with a draw from the posterior.
    relief : ndarray, shape (n,)
        Their relief at 24 h.
    edges : dict of str to bool
        By covariate, whether it acts on anything.
    """

    hypothesis: str
    points: dict[tuple[str, str], NDArray[np.float64]]
    sd: float
    by_sex: dict[str, NDArray[np.float64]]
    density: NDArray[np.float64]
    relief: NDArray[np.float64]
    edges: dict[str, bool]


def simulate_groups(hypothesis: str, model: Model, size: str, seed: int) -> Effects:
    """Simulate the same people at every level of every covariate.

    Parameters
    ----------
    hypothesis : str
        Its name.
    model : Model
        Under it.
    size : {"quick", "full"}
        How many.
    seed : int
        Of people and posterior draws.

    Returns
    -------
    Effects
        Levels that act on nothing share one simulation.
    """
    from ketasim.instruments import load_context

    draws, people = SIZES[size]
    base = _people(model, draws, people, seed)
    acting = [
        (one.name, level)
        for one in COVARIATES
        for level in one.levels
        if level.kind != "none"
    ]  # fmt: skip
    tables = [base, *(_at_level(model, base, name, level) for name, level in acting)]
    relief = _relief(model, tables, INFUSION, TIMES_H, seed).reshape(len(tables), draws, people, -1)
    means = -REFERENCE_BASELINE * np.nanmean(relief, axis=2)
    found = {(name, level.name): means[k + 1] for k, (name, level) in enumerate(acting)}
    points = {
        (one.name, level.name): found.get((one.name, level.name), means[0])
        for one in COVARIATES
        for level in one.levels
    }
    density, gained = _correlated(model, seed)
    own = REFERENCE_BASELINE * float(np.nanstd(relief[0, :, :, 0]))
    return Effects(
        hypothesis=hypothesis,
        points=points,
        sd=float(np.hypot(load_context().change_sd(), own)),
        by_sex=_day_28(model, base, draws, people, seed),
        density=density,
        relief=gained,
        edges={one.name: edge_of(one, model) for one in COVARIATES},
    )


def _correlated(model: Model, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from ketasim.population import virtual_patients

    people = virtual_patients(model, CORRELATED, seed).table
    relief = _relief(model, [people], INFUSION, TIMES_H[:1], seed)[:, 0]
    solved = ~np.isnan(relief)
    return people["ht1b_vst_baseline"].to_numpy(np.float64)[solved], relief[solved]


def _people(model: Model, draws: int, people: int, seed: int) -> pd.DataFrame:
    """Return the same people once for each draw from the posterior."""
    import pandas as pd

    from ketasim.population import posterior_draws, virtual_patients

    cohort = virtual_patients(model, people, seed, uncertainty=False).table
    posterior = posterior_draws(model, seed, np.arange(draws))
    table = pd.concat([cohort] * draws, ignore_index=True)
    values = model.values()
    for name, drawn in posterior.items():
        each = np.repeat(drawn, people)
        own = table[name].to_numpy(np.float64) / values[name] if name in table.columns else 1.0
        low, high = model.table.loc[[name], ["lower", "upper"]].to_numpy(float)[0]
        table[name] = np.clip(each * own, low, high)
    return table


def _at_level(model: Model, base: pd.DataFrame, covariate: str, level: Level) -> pd.DataFrame:
    if level.kind == "set":
        return base.assign(**{level.parameter: level.value})
    from ketasim.population.covariates import effect_factors

    columns = {covariate: np.full(len(base), level.key)}
    factors = effect_factors((covariate,), columns, {covariate: _shares(covariate)})
    bounds = model.table[["lower", "upper"]].astype(float)
    changed = {
        name: (base[name] * factor).clip(*bounds.loc[name]) for name, factor in factors.items()
    }
    return base.assign(**changed)


def _shares(covariate: str) -> dict[str, float]:
    from ketasim.population.covariates import CLINICAL, covariate_table

    values = covariate_table()["value"]
    if covariate == "sex":
        women = float(values["female_share"])
        return {"female": women, "male": 1.0 - women}
    return CLINICAL[covariate](values)


def _relief(
    model: Model, tables: list[pd.DataFrame], given: str, times_h: tuple[float, ...], seed: int
) -> NDArray[np.float64]:
    """Return relief of stacked tables, shape (n_rows, n_times)."""
    import pandas as pd

    from ketasim.population import Cohort
    from ketasim.simulate import simulate

    cohort = Cohort(pd.concat(tables, ignore_index=True), seed)
    run = simulate(
        model, given, cohort=cohort, times=np.array([0.0, *times_h]), outputs=("relief",),
        rtol=1e-4, atol=1e-8, progress=False,
    )  # fmt: skip
    return np.asarray(run.dataset["relief"].transpose("patient", "time").to_numpy()[:, 1:])


def _day_28(
    model: Model, base: pd.DataFrame, draws: int, people: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return what eight nasal doses take off what the new antidepressant leaves, by sex."""
    from ketasim.instruments import load_settings
    from ketasim.trial import load_design

    sex = next(one for one in COVARIATES if one.name == "sex")
    tables = [_at_level(model, base, "sex", level) for level in sex.levels]
    given = load_design("transform2").arms[0].regimen
    relief = _relief(model, tables, given, (DAY_28_H,), seed)
    means = np.nanmean(relief.reshape(len(tables), draws, people), axis=2)
    settings = load_settings()
    slow = settings.antidepressant_change * float(settings.antidepressant_course([DAY_28_H])[0])
    left = REFERENCE_BASELINE + slow
    return {level.name: -left * means[k] for k, level in enumerate(sex.levels)}
