"""Effect measures: from what a trial reports to an estimate and its sampling variance.

Definitions are those of metafor's ``escalc`` (Viechtbauer 2010, doi 10.18637/jss.v036.i03): ratios on the
log scale; Hedges' exact correction of the standardised difference; arms of a difference of means with
variances of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["ARMS", "COUNTS", "GENERIC", "MEANS", "MEASURES", "Measure", "hedges", "measure_named"]

COUNTS = ("events_treatment", "n_treatment", "events_control", "n_control")
MEANS = (
    "mean_treatment", "sd_treatment", "n_treatment", "mean_control", "sd_control", "n_control",
)  # fmt: skip
ARMS = ("events", "n")
GENERIC = ("estimate", "standard_error")

ADDED = 0.5
"""What is added to every cell of a study with an empty cell, for inverse-variance methods only."""


@dataclass(frozen=True)
class Measure:
    """One way to say how two arms differ, or how frequent something is in one.

    Attributes
    ----------
    name : str
        As on the command line.
    title : str
        In words.
    scale : str
        Of the estimate that is analysed.
    columns : tuple of str
        What a table must hold for it.
    back : {'', 'exp', 'logistic', 'miller'}
        How the analysis scale becomes the natural one; empty where they are the same.
    natural : str
        In words, what the back-transformed number is.
    neutral : float
        The value of no difference on the analysis scale; NaN where there is none.
    """

    name: str
    title: str
    scale: str
    columns: tuple[str, ...]
    back: str
    natural: str
    neutral: float = 0.0

    def natural_value(self, value: float, n: NDArray[np.float64] | None = None) -> float:
        """Return a value of the analysis scale on the natural scale.

        Parameters
        ----------
        value : float
            An estimate or the end of an interval.
        n : array of float, optional
            Sizes of the groups, for the double arcsine; their harmonic mean is used.

        Returns
        -------
        float
            NaN stays NaN.
        """
        if np.isnan(value):
            return value
        if self.back == "exp":
            return float(np.exp(value))
        if self.back == "logistic":
            return float(1.0 / (1.0 + np.exp(-value)))
        if self.back == "miller":
            assert n is not None
            return miller(value, float(1.0 / np.mean(1.0 / n)))
        return value


_NAN = float("nan")
MEASURES: Mapping[str, Measure] = {
    one.name: one
    for one in (
        Measure("rr", "risk ratio", "log risk ratio", COUNTS, "exp", "risk ratio"),
        Measure("or", "odds ratio", "log odds ratio", COUNTS, "exp", "odds ratio"),
        Measure("rd", "risk difference", "risk difference", COUNTS, "", "risk difference"),
        Measure("md", "mean difference", "mean difference", MEANS, "", "mean difference"),
        Measure(
            "smd", "standardised mean difference", "Hedges' g", MEANS, "",
            "standardised mean difference",
        ),
        Measure("plo", "proportion, logit", "log odds", ARMS, "logistic", "proportion", _NAN),
        Measure(
            "pft", "proportion, double arcsine", "double arcsine", ARMS, "miller", "proportion",
            _NAN,
        ),
        Measure("estimate", "estimate", "scale of the table", GENERIC, "", "estimate"),
    )
}  # fmt: skip
"""Every measure by name; ``estimate`` takes estimates on a scale that the table does not name."""


def measure_named(name: str) -> Measure:
    """Return a measure.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    if name not in MEASURES:
        raise unknown_name("measure", name, MEASURES)
    return MEASURES[name]


def hedges(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Hedges' exact correction J of a standardised mean difference.

    Parameters
    ----------
    degrees : array of float
        Degrees of freedom, the sum of both arms minus 2.

    Returns
    -------
    array of float
        Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), and not the approximation 1 - 3 / (4m - 1).
    """
    from scipy.special import gammaln

    half = degrees / 2.0
    exact = np.exp(gammaln(half) - gammaln((degrees - 1.0) / 2.0)) / np.sqrt(half)
    return np.asarray(exact, dtype=float)


def miller(value: float, n: float) -> float:
    """Return the proportion whose Freeman-Tukey double arcsine is given (Miller 1978).

    Parameters
    ----------
    value : float
        Half the sum of both arcsines, as metafor has it.
    n : float
        Size of the group; for a pooled value the harmonic mean of the sizes.

    Returns
    -------
    float
        Between 0 and 1; a value beyond what no event or only events give becomes that end.
    """
    lowest = 0.5 * np.arcsin(np.sqrt(1.0 / (n + 1.0)))
    highest = 0.5 * (np.arcsin(np.sqrt(n / (n + 1.0))) + np.pi / 2.0)
    if value <= lowest:
        return 0.0
    if value >= highest:
        return 1.0
    sine, cosine = np.sin(2.0 * value), np.cos(2.0 * value)
    inner = 1.0 - (sine + (sine - 1.0 / sine) / n) ** 2
    return float(0.5 * (1.0 - np.sign(cosine) * np.sqrt(max(inner, 0.0))))


def _cells(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    """Return the four cells, with a half in each where one is empty."""
    a, c = data["events_treatment"], data["events_control"]
    b, d = data["n_treatment"] - a, data["n_control"] - c
    empty = (a == 0) | (b == 0) | (c == 0) | (d == 0)
    more = np.where(empty, ADDED, 0.0)
    return a + more, b + more, c + more, d + more


def _rr(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    a, b, c, d = _cells(data)
    estimate = np.log(a / (a + b)) - np.log(c / (c + d))
    return estimate, 1.0 / a - 1.0 / (a + b) + 1.0 / c - 1.0 / (c + d)


def _or(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    a, b, c, d = _cells(data)
    return np.log(a) - np.log(b) - np.log(c) + np.log(d), 1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d


def _rd(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    a, b, c, d = _cells(data)
    first, second = a + b, c + d
    return a / first - c / second, a * b / first**3 + c * d / second**3


def _md(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    variance = (
        data["sd_treatment"] ** 2 / data["n_treatment"]
        + data["sd_control"] ** 2 / data["n_control"]
    )
    return data["mean_treatment"] - data["mean_control"], variance


def _smd(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    first, second = data["n_treatment"], data["n_control"]
    degrees = first + second - 2.0
    squares = (first - 1.0) * data["sd_treatment"] ** 2 + (second - 1.0) * data["sd_control"] ** 2
    raw = (data["mean_treatment"] - data["mean_control"]) / np.sqrt(squares / degrees)
    estimate = hedges(degrees) * raw
    return estimate, 1.0 / first + 1.0 / second + estimate**2 / (2.0 * (first + second))


def _plo(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    x, n = data["events"], data["n"]
    more = np.where((x == 0) | (x == n), ADDED, 0.0)
    yes, no = x + more, n - x + more
    return np.log(yes / no), 1.0 / yes + 1.0 / no


def _pft(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    x, n = data["events"], data["n"]
    estimate = 0.5 * (np.arcsin(np.sqrt(x / (n + 1.0))) + np.arcsin(np.sqrt((x + 1.0) / (n + 1.0))))
    return estimate, 1.0 / (4.0 * n + 2.0)


_EFFECTS: Mapping[str, Callable[..., tuple[NDArray[np.float64], ...]]] = {
    "rr": _rr, "or": _or, "rd": _rd, "md": _md, "smd": _smd, "plo": _plo, "pft": _pft,
}  # fmt: skip


def effects(
    measure: str, data: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the estimate of every study and its sampling variance.

    Parameters
    ----------
    measure : str
        One of `MEASURES`.
    data : mapping of str to array of float
        The columns of the measure, one value a study.

    Returns
    -------
    tuple of array of float
        Estimates and variances on the analysis scale. A half is added to all cells of a study with an
        empty cell, and to events and others of a group without either; the double arcsine needs none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = _EFFECTS[measure](data)
    return np.asarray(estimate, dtype=float), np.asarray(variance, dtype=float)
