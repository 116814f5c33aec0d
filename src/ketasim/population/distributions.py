"""How a parameter varies between people: log-normal, logit-normal or normal, within bounds.

The value in the parameter table is the *median* (the typical value of population models). `cv` is

- ``lognormal``: the coefficient of variation, so that the logarithm has the standard deviation
  ``sqrt(log(1 + cv**2))``;
- ``logitnormal``: the standard deviation of the logit;
- ``normal``: the standard deviation as a share of the value.

Bounds truncate: the probability outside is cut off and the rest scaled up, so that nobody piles up
at a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ketasim.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

__all__ = ["Kind", "Spread"]

Kind: TypeAlias = Literal["fixed", "lognormal", "logitnormal", "normal"]
_KINDS = ("fixed", "lognormal", "logitnormal", "normal")


@dataclass(frozen=True)
class Spread:
    """The distribution of one parameter between people.

    Parameters
    ----------
    name : str
        The parameter, for errors.
    kind : {"fixed", "lognormal", "logitnormal", "normal"}
        Its family.
    median : float
        The typical value.
    cv : float
        The spread; see the module for its meaning in each family.
    lower, upper : float
        Bounds; infinite where there is none.

    Raises
    ------
    ModelError
        If the family cannot have this median, or the bounds leave nothing.
    """

    name: str
    kind: Kind
    median: float
    cv: float = 0.0
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        where = f"parameter '{self.name}'"
        if not self.lower < self.upper and self.kind != "fixed":
            raise ModelError(
                f"the bounds {self.lower:g} to {self.upper:g} leave nothing", where=where
            )
        if not self.lower <= self.median <= self.upper:
            raise ModelError(
                f"the value {self.median:g} lies outside its bounds",
                where=where,
                expected=f"{self.lower:g} to {self.upper:g}",
            )
        if self.kind != "fixed" and not (math.isfinite(self.cv) and self.cv >= 0):
            raise ModelError("a distribution needs a cv", where=where, expected="0 or more")
        low, high = {"lognormal": (0.0, math.inf), "logitnormal": (0.0, 1.0)}.get(
            self.kind, (-math.inf, math.inf)
        )
        zero = self.kind == "normal" and self.median == 0
        if not low < self.median < high or zero:
            raise ModelError(
                f"a {self.kind} value cannot be {self.median:g}",
                where=where,
                expected="a value other than 0" if zero else f"above {low:g}, below {high:g}",
            )

    @classmethod
    def from_row(cls, name: str, row: pd.Series, median: float | None = None) -> Spread:
        """Read a row of a parameter table.

        Parameters
        ----------
        name : str
            The row's id.
        row : Series
            With value, distribution, cv, lower, upper.
        median : float, optional
            Takes the place of the row's value, for instance after a calibration.
        """
        if row["distribution"] not in _KINDS:
            raise ModelError(
                f"unknown distribution '{row['distribution']}'",
                where=f"parameter '{name}'",
                expected=", ".join(_KINDS),
            )
        lower, upper = (float(row[bound]) for bound in ("lower", "upper"))
        return cls(
            name=name,
            kind=row["distribution"],
            median=float(row["value"]) if median is None else float(median),
            cv=float(row["cv"]) if row["distribution"] != "fixed" else 0.0,
            lower=-math.inf if math.isnan(lower) else lower,
            upper=math.inf if math.isnan(upper) else upper,
        )

    @property
    def sigma(self) -> float:
        """Standard deviation on the scale where the distribution is normal."""
        if self.kind == "lognormal":
            return math.sqrt(math.log1p(self.cv**2))
        return self.cv * abs(self.median) if self.kind == "normal" else self.cv

    @property
    def cut(self) -> float:
        """Probability that lay outside the bounds and is cut off, between 0 and 1."""
        return self.cut_around(self.median)

    def cut_around(self, centre: float) -> float:
        """Return the probability outside the bounds where the distribution lies around `centre`.

        Parameters
        ----------
        centre : float
            Takes the place of the median; may lie outside the bounds.
        """
        low, high = self._tails(np.array([centre]))
        return float(1.0 - (high - low)[0])

    def quantile(
        self, probability: npt.NDArray[np.float64], median: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return quantiles of the truncated distribution.

        Parameters
        ----------
        probability : ndarray, shape (n_patients,)
            Between 0 and 1.
        median : ndarray, shape (n_patients,), optional
            Each patient's own typical value, for instance a draw from the posterior; by default
            the same for all.

        Returns
        -------
        ndarray, shape (n_patients,)
            Values within the bounds.
        """
        from scipy.special import ndtri

        typical = np.full(probability.shape, self.median) if median is None else median
        if self.kind == "fixed" or self.cv == 0:
            return np.clip(typical, self.lower, self.upper)
        low, high = self._tails(typical)
        z = ndtri(low + probability * (high - low))
        # A typical value so far out that nothing of the bell is left inside ends at its bound.
        values = np.where(high > low, self._inverse(self._scale(typical) + self.sigma * z), typical)
        return np.clip(values, self.lower, self.upper)

    def _tails(
        self, typical: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        from scipy.special import ndtr

        if self.kind == "fixed" or self.sigma == 0:
            return np.zeros_like(typical), np.ones_like(typical)
        centre = self._scale(typical)
        below = ndtr((self._scale(np.array([self.lower])) - centre) / self.sigma)
        above = ndtr((self._scale(np.array([self.upper])) - centre) / self.sigma)
        return below, above

    def _scale(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.kind == "normal":
            return values
        # Bounds may lie beyond what the family can reach; there its scale is infinite.
        inside = np.clip(values, 0.0, 1.0 if self.kind == "logitnormal" else math.inf)
        with np.errstate(divide="ignore"):
            if self.kind == "lognormal":
                return np.log(inside)
            return np.log(inside) - np.log1p(-inside)

    def _inverse(self, scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        from scipy.special import expit

        if self.kind == "lognormal":
            return np.exp(scaled)
        return np.asarray(expit(scaled)) if self.kind == "logitnormal" else scaled
