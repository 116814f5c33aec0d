"""Programmes of treatment through the mechanism: one dose, six, months of doses and then a stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.inference.longterm.parameters import load_parameters
from ketasim.inference.longterm.rating import late_context, long_scores
from ketasim.inference.longterm.relapse import RelapseRule, RelapseTimes, relapse_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ketasim.dosing import Regimen
    from ketasim.inference.longterm.parameters import LongTermParameters
    from ketasim.model import Model
    from ketasim.population import Cohort

__all__ = [
    "PROGRAMMES",
    "Courses",
    "Programme",
    "default_rule",
    "follow",
    "programme",
    "simulate_programme",
]

RTOL, ATOL = 1e-4, 1e-8
"""Tolerances: relief within 0.0001, or 0.004 points, of a strict one."""

WEEK_H = 168.0
LONGEST_WEEKS = 52

ProgrammeName = Literal["one dose", "six infusions", "stopped", "continued"]

PROGRAMMES: tuple[ProgrammeName, ...] = ("one dose", "six infusions", "stopped", "continued")
"""What is followed until relapse."""

_SINGLE = "ketamine 0.5 mg/kg iv over 40 min"
_SINGLE_VISITS_D = (1, 2, 3, 5, 7, 10, 14, 17, 21, 24, 28)


@dataclass(frozen=True)
class Programme:
    """What is given, who is followed, and when they are seen.

    Parameters
    ----------
    name : str
        One of `PROGRAMMES`.
    regimen : Regimen
        Everything that is given.
    antidepressant : bool
        Whether an antidepressant is begun with it.
    start_h : float
        From when relapse is counted, hours from the first dose.
    chosen_h : tuple of float
        Visits, hours from the first dose, that decide who is followed.
    visits_h : tuple of float
        Visits of the follow-up, hours from the first dose.
    contexts : tuple of str
        Expectancy at the visits that decide, and in the follow-up.
    """

    name: ProgrammeName
    regimen: Regimen
    antidepressant: bool
    start_h: float
    chosen_h: tuple[float, ...]
    visits_h: tuple[float, ...]
    contexts: tuple[str, str]

    @property
    def times_h(self) -> NDArray[np.float64]:
        """All visits, in order."""
        return np.array([*self.chosen_h, *self.visits_h])


@dataclass(frozen=True, eq=False)
class Courses:
    """Relief of a cohort on one programme.

    Parameters
    ----------
    programme : Programme
        What was given.
    relief : ndarray, shape (n_people, n_visits)
        At the programme's visits; NaN for who was not solved.
    baseline : ndarray, shape (n_people,)
        MADRS points.
    hypothesis : str
        Under which it was simulated.
    """

    programme: Programme
    relief: NDArray[np.float64]
    baseline: NDArray[np.float64]
    hypothesis: str


def programme(name: ProgrammeName) -> Programme:
    """Return a programme by name.

    Parameters
    ----------
    name : str
        One of `PROGRAMMES`.

    Returns
    -------
    Programme
        Doses are those of the trial designs that are shipped. Visits are assumed: 1 to 28 d after
        one dose; twice a week for 12 weeks after six infusions; every second week for a year in
        stable remitters, before the dose of that day.
    """
    if name == "one dose":
        return _single()
    return _six() if name == "six infusions" else _maintenance(name)


def _single() -> Programme:
    from ketasim.dosing import regimen

    visits = tuple(24.0 * (1 + day) for day in _SINGLE_VISITS_D)
    return Programme(
        "one dose", regimen(_SINGLE), False, 0.0, (24.0,), visits, ("active", "active")
    )


def _six() -> Programme:
    from ketasim.dosing import regimen
    from ketasim.trial import load_design

    given = regimen(load_design("murrough2013b").arms[0].regimen)
    last = given.last_start_h
    visits = tuple(last + 84.0 * (1 + one) for one in range(24))
    return Programme(
        "six infusions", given, False, last, (last + 24.0,), visits, ("open_label", "open_label")
    )


def _maintenance(name: ProgrammeName) -> Programme:
    from ketasim.dosing import regimen
    from ketasim.trial import load_design

    design, rules = load_design("sustain1"), load_parameters()
    assert design.induction is not None
    start, given = design.induction.time_h, regimen(design.induction.regimen)
    place = 0 if name == "continued" else 1
    if name == "continued":
        dose = regimen(design.arms[0].regimen).doses[0]
        # The design's doses end with its follow-up; the course is drawn for a year.
        given = given + regimen(replace(dose, repeats=LONGEST_WEEKS // 2 + 1)).shift(start)
    chosen = tuple(start - WEEK_H * one for one in reversed(range(rules.stable_visits)))
    visits = tuple(start + WEEK_H * one for one in range(2, LONGEST_WEEKS + 1, 2))
    return Programme(
        name, given, True, start, chosen, visits,
        (design.induction.control, design.arms[place].control),
    )  # fmt: skip


def simulate_programme(
    model: Model,
    cohort: Cohort,
    what: Programme,
    *,
    overrides: Mapping[str, float] | None = None,
) -> Courses:
    """Simulate a cohort on a programme.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    cohort : Cohort
        Virtual patients, with ``madrs_baseline``.
    what : Programme
        What is given.
    overrides : mapping of str to float, optional
        Parameters set for this run.

    Returns
    -------
    Courses
        Relief at the visits. The model's background antidepressant is on board where the programme
        begins one.
    """
    from ketasim.simulate import simulate

    on_board = {"background_antidepressant": float(what.antidepressant)}
    run = simulate(
        model, what.regimen, cohort=cohort, times=np.concatenate([[0.0], what.times_h]),
        outputs=("relief",), overrides={**on_board, **(overrides or {})}, rtol=RTOL, atol=ATOL,
        progress=False,
    )  # fmt: skip
    relief = run.dataset["relief"].transpose("patient", "time").to_numpy()[:, 1:]
    baseline = cohort.table["madrs_baseline"].to_numpy(np.float64)
    return Courses(what, relief, baseline, model.hypothesis.name)


def default_rule(name: ProgrammeName, parameters: LongTermParameters) -> RelapseRule:
    """Return the rule of relapse of a programme.

    Parameters
    ----------
    name : str
        One of `PROGRAMMES`.
    parameters : LongTermParameters
        With the limits.

    Returns
    -------
    RelapseRule
        Loss of response for one dose and six infusions, whose patients are responders; a score for
        stable remitters. Both are assumed, since no source of the evidence prints its rule.
    """
    if name in ("stopped", "continued"):
        return RelapseRule("score", parameters.relapse_score, parameters.relapse_visits)
    return RelapseRule("share", parameters.relapse_share, parameters.relapse_visits)


def follow(
    courses: Courses,
    *,
    parameters: LongTermParameters | None = None,
    rule: RelapseRule | None = None,
    repeats: int = 20,
    seed: int = 1,
    lost_by_year: float = 0.0,
) -> RelapseTimes:
    """Rate the patients of a programme, choose who is followed, and find when they relapse.

    Parameters
    ----------
    courses : Courses
        Relief at the visits.
    parameters : LongTermParameters, optional
        By default the shipped ones.
    rule : RelapseRule, optional
        By default that of `default_rule`.
    repeats : int, optional
        Patients for each simulated person, who differ in level, response to the antidepressant and
        rating error.
    seed : int, optional
        Seed of these.
    lost_by_year : float, optional
        Tolerance: share of the relief that is lost per year of follow-up, evenly over time; 0 is
        the model's claim and 1 means that nothing is left after a year.

    Returns
    -------
    RelapseTimes
        Of responders at the visit that decides, or of stable remitters.
    """
    from ketasim.instruments import load_context, load_settings

    limits = parameters if parameters is not None else load_parameters()
    what, context, settings = courses.programme, load_context(), load_settings()
    solved = ~np.isnan(courses.relief).any(axis=1)
    chosen, times = len(what.chosen_h), what.times_h
    names = (what.contexts[0],) * chosen + (what.contexts[1],) * len(what.visits_h)
    years = np.maximum(times - what.start_h, 0.0) / 8766.0
    kept = np.clip(1.0 - lost_by_year * years, 0.0, 1.0)
    baseline = courses.baseline[solved]
    scores = long_scores(
        courses.relief[solved] * kept, baseline, times,
        expected=late_context(context, settings, names, times), context=context,
        drift_tau_h=limits.drift_tau_h, seed=seed, repeats=repeats,
        antidepressant=settings if what.antidepressant else None,
    )  # fmt: skip
    before = np.tile(baseline, repeats)
    well = _well(scores[:, :chosen], before, what, limits)
    return relapse_times(
        scores[well, chosen:], before[well], (np.array(what.visits_h) - what.start_h) / 24.0,
        rule if rule is not None else default_rule(what.name, limits), entered=float(well.mean()),
    )  # fmt: skip


def _well(
    scores: NDArray[np.float64],
    baseline: NDArray[np.float64],
    what: Programme,
    limits: LongTermParameters,
) -> NDArray[np.bool_]:
    if what.antidepressant:
        remissions = np.sum(scores <= limits.stable_score, axis=1)
        return np.asarray(remissions >= limits.stable_needed)
    from ketasim.instruments import response

    return np.asarray(response(scores[:, -1], baseline) == 1.0)
