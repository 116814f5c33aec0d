"""From an endpoint's estimand and analysis to what is computed, named as in ICH E9(R1) (2019).

| estimand | a patient who left the allocated treatment (the intercurrent event) |
| --- | --- |
| ``treatment_policy`` | counts with whatever was seen later |
| ``hypothetical`` | counts as if the event had not happened: later values are set to missing |
| ``composite`` | has failed: no response, no remission, or a relapse at the event |
| ``while_on_treatment`` | counts with the last value, or the follow-up, up to the event |
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.trial.analysis.binary import logistic, risk_difference
from ketasim.trial.analysis.crossover import crossover
from ketasim.trial.analysis.imputation import multiple_imputation
from ketasim.trial.analysis.linear import ancova, t_test
from ketasim.trial.analysis.mmrm import mmrm
from ketasim.trial.analysis.survival import cox, log_rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ketasim.trial.data import Estimate, TrialData

__all__ = ["ANALYSES", "ESTIMANDS", "MEASURES", "Endpoint", "check_endpoint", "estimate"]

ESTIMANDS = ("treatment_policy", "hypothetical", "composite", "while_on_treatment")
"""The strategies for intercurrent events."""

MEASURES = ("change", "response", "remission", "relapse")
"""What an endpoint measures."""

_MEANS = ("t_test", "ancova", "mmrm", "crossover")
_RATES = ("logistic", "risk_difference")
_TIMES = ("cox", "log_rank")
_REFERENCE = ("jump_to_reference", "copy_reference", "copy_increments", "reference_based")

ANALYSES = (*_MEANS, *_RATES, *_TIMES, "multiple_imputation", *_REFERENCE)
"""The analyses by name; ``multiple_imputation`` assumes missing at random, and ``reference_based`` is
another word for ``jump_to_reference``."""


@runtime_checkable
class Endpoint(Protocol):
    """What a design says of its endpoint."""

    @property
    def measure(self) -> str:
        """One of `MEASURES`."""

    @property
    def visit(self) -> str | float:
        """Name or hour of the visit; not read for relapse."""

    @property
    def estimand(self) -> str:
        """One of `ESTIMANDS`."""

    @property
    def analysis(self) -> str:
        """One of `ANALYSES`."""


def check_endpoint(measure: str, estimand: str, analysis: str) -> None:
    """Refuse an endpoint whose analysis cannot give its estimand.

    Parameters
    ----------
    measure : str
        One of `MEASURES`.
    estimand : str
        One of `ESTIMANDS`.
    analysis : str
        One of `ANALYSES`.

    Raises
    ------
    UnknownNameError
        If a name is unknown.
    InputError
        If the analysis does not fit the measure or cannot give the estimand; says why in one
        sentence.
    """
    for kind, name, known in (
        ("measure", measure, MEASURES),
        ("estimand", estimand, ESTIMANDS),
        ("analysis", analysis, ANALYSES),
    ):
        if name not in known:
            raise unknown_name(kind, name, known)
    fitting = _fitting(measure)
    if analysis not in fitting:
        raise InputError(
            f"the analysis {analysis!r} does not compare {measure}",
            where="endpoint",
            expected=f"one of {', '.join(fitting)}",
        )
    if why := _refusal(measure, estimand, analysis):
        raise InputError(
            f"the analysis {analysis!r} of {measure} cannot give the estimand {estimand!r}: {why}",
            where="endpoint",
        )


def _fitting(measure: str) -> tuple[str, ...]:
    if measure == "change":
        return (*_MEANS, "multiple_imputation", *_REFERENCE)
    if measure == "relapse":
        return _TIMES
    return (*_RATES, "multiple_imputation", *_REFERENCE)


def _refusal(measure: str, estimand: str, analysis: str) -> str:
    if analysis in _REFERENCE:
        if estimand != "treatment_policy":
            return "it says how patients fare after they left the treatment"
        return ""
    if estimand == "composite":
        if measure == "change":
            return "a patient who has failed has no change in points"
        if analysis == "multiple_imputation":
            return "a patient who has failed needs no imputation"
    if estimand == "while_on_treatment" and analysis in ("mmrm", "multiple_imputation"):
        return "it models every visit, and the last value on treatment is one number"
    if estimand == "hypothetical" and analysis in ("t_test", "ancova", "crossover", *_RATES):
        return "it has no model of the values that would have been seen"
    return ""


def estimate(
    data: TrialData,
    endpoint: Endpoint,
    *,
    active: str | None = None,
    control: str | None = None,
    seed: int = 0,
    imputations: int = 50,
) -> Estimate:
    """Analyse a trial as its endpoint says.

    Parameters
    ----------
    data : TrialData
        The trial.
    endpoint : Endpoint
        Anything with ``measure``, ``visit``, ``estimand`` and ``analysis``; a ``cutoff`` is the
        highest score that counts as remission.
    active, control : str, optional
        Names of the arms; in a trial of two arms the first is the active one if left out.
    seed, imputations : int, optional
        For the kinds of multiple imputation.

    Returns
    -------
    Estimate
        With the name of the estimand; NaN and a reason where the data give no estimate.

    Raises
    ------
    InputError
        If the analysis cannot give the estimand, or the arms to compare are not said.
    """
    check_endpoint(endpoint.measure, endpoint.estimand, endpoint.analysis)
    if active is None or control is None:
        if len(data.arms) != 2:
            raise InputError(
                f"the trial has {len(data.arms)} arms", where="analysis",
                expected="the names of an active and a control arm",
            )  # fmt: skip
        first, second = data.arms
        active = active or (first if control != first else second)
        control = control or (second if active != second else first)
    seen = _apply(data, endpoint)
    if endpoint.measure == "relapse":
        found = (cox if endpoint.analysis == "cox" else log_rank)(seen, active, control)
    elif endpoint.analysis in _RATES:
        found = _rate(seen, endpoint, active, control)
    elif endpoint.analysis in _MEANS:
        methods: dict[str, Callable[[TrialData, str | float, str, str], Estimate]] = {
            "t_test": t_test,
            "ancova": ancova,
            "mmrm": mmrm,
            "crossover": crossover,
        }
        found = methods[endpoint.analysis](seen, endpoint.visit, active, control)
    else:
        other_words = {
            "multiple_imputation": "missing_at_random",
            "reference_based": "jump_to_reference",
        }
        strategy = other_words.get(endpoint.analysis, endpoint.analysis)
        found = multiple_imputation(
            seen,
            endpoint.visit,
            active,
            control,
            strategy=strategy,
            seed=seed,
            imputations=imputations,
            outcome=endpoint.measure,
            cutoff=_cutoff(endpoint),
        )
    return replace(found, estimand=endpoint.estimand)


def _rate(data: TrialData, endpoint: Endpoint, active: str, control: str) -> Estimate:
    compare = logistic if endpoint.analysis == "logistic" else risk_difference
    return compare(
        data,
        endpoint.visit,
        active,
        control,
        outcome=endpoint.measure,
        cutoff=_cutoff(endpoint),
        missing_is_failure=endpoint.estimand == "composite",
    )


def _cutoff(endpoint: Endpoint) -> float | None:
    # A design may name the highest score that counts as remission; most endpoints have none.
    return getattr(endpoint, "cutoff", None)


def _apply(data: TrialData, endpoint: Endpoint) -> TrialData:
    """Return the data as the estimand sees them."""
    if endpoint.estimand == "treatment_policy":
        return data
    if endpoint.measure == "relapse":
        return _apply_to_times(data, endpoint.estimand)
    kept = np.where(data.after_stop, np.nan, data.values)
    if endpoint.estimand == "while_on_treatment":
        kept = _last_carried(kept, data.after_stop)
    return replace(data, values=kept)


def _last_carried(
    values: NDArray[np.float64], after_stop: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Carry the last value on treatment into the visits after the event, and nowhere else."""
    filled = values.copy()
    for visit in range(1, values.shape[1]):
        filled[:, visit] = np.where(
            np.isnan(filled[:, visit]), filled[:, visit - 1], filled[:, visit]
        )
    return np.where(after_stop, filled, values)


def _apply_to_times(data: TrialData, estimand: str) -> TrialData:
    if data.event_h is None or data.event is None:
        return data
    # Who leaves is censored then, so leaving and the censored event stand at one time.
    censored = (data.stopped == data.event_h) & ~data.event.astype(bool)
    first = np.asarray((data.stopped < data.event_h) | censored)
    hours = np.where(first, data.stopped, data.event_h)
    return replace(data, event_h=hours, event=np.where(first, estimand == "composite", data.event))
