"""Activity in plasma, reference and target, exact and averaged over frames.

A Feng-type input is a sum of exponentials, one of them times the time. Its convolution with an
exponential, and the integral of that over a frame, have closed forms, so no grid stands between
the parameters and the curve: what a fit does on a grid of its own can be judged against it.
All activities are corrected for decay; time is in minutes after injection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.pet.regions import constant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.pet.frames import Frames

__all__ = [
    "FengInput",
    "ReferenceCurve",
    "empirical_reference",
    "one_tissue",
    "plasma_input",
    "srtm",
    "tissue_reference",
    "two_tissue",
]

_NEAR = 1e-5
"""Relative distance that two rates are kept apart, where a formula divides by their difference."""


@dataclass(frozen=True)
class FengInput:
    """A bolus in plasma: ``(a t - b - c) exp(-alpha t) + b exp(-beta t) + c exp(-gamma t)``.

    The form of Feng and others, as kinfitr uses it; ``t`` is the time after arrival.

    Parameters
    ----------
    t0 : float
        Arrival, min.
    a : float
        Activity a minute.
    b, c : float
        Activity.
    alpha, beta, gamma : float
        Rates, 1/min.
    """

    t0: float
    a: float
    b: float
    c: float
    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        if not min(self.alpha, self.beta, self.gamma) > 0:
            raise InputError("a rate of a plasma input is not positive", expected="1/min above 0")

    def values(self, times_min: ArrayLike) -> NDArray[np.float64]:
        """Return the activity at given times, shape as given."""
        t = self._after_arrival(times_min)
        fast = (self.a * t - self.b - self.c) * np.exp(-self.alpha * t)
        return fast + self.b * np.exp(-self.beta * t) + self.c * np.exp(-self.gamma * t)

    def convolved(self, rate: ArrayLike, times_min: ArrayLike) -> NDArray[np.float64]:
        """Return the input convolved with ``exp(-rate t)``.

        Parameters
        ----------
        rate : array_like
            Rates, 1/min, not negative; 0 gives the integral of the input.
        times_min : array_like, shape (n_times,)
            Times, min.

        Returns
        -------
        ndarray, shape (*rate.shape, n_times)
            Activity times min.
        """
        k = np.asarray(rate, dtype=np.float64)[..., None]
        t = self._after_arrival(times_min)
        out = self.a * _ramp(self.alpha, k, t) - (self.b + self.c) * _exponential(self.alpha, k, t)
        out += self.b * _exponential(self.beta, k, t) + self.c * _exponential(self.gamma, k, t)
        return np.asarray(out)

    def scaled(self, factor: float) -> FengInput:
        """Return the same input with another activity."""
        return FengInput(
            self.t0, self.a * factor, self.b * factor, self.c * factor,
            self.alpha, self.beta, self.gamma,
        )  # fmt: skip

    def _after_arrival(self, times_min: ArrayLike) -> NDArray[np.float64]:
        return np.maximum(np.asarray(times_min, dtype=np.float64) - self.t0, 0.0)


@dataclass(frozen=True)
class ReferenceCurve:
    """Activity in the reference region: one tissue behind a plasma input.

    Parameters
    ----------
    plasma : FengInput
        The input.
    k1 : float
        mL/cm3/min.
    k2 : float
        1/min.
    """

    plasma: FengInput
    k1: float
    k2: float

    def __post_init__(self) -> None:
        if not (self.k1 > 0 and self.k2 > 0):
            raise InputError("a rate of the reference curve is not positive")

    def values(self, times_min: ArrayLike) -> NDArray[np.float64]:
        """Return the activity at given times, shape (n_times,)."""
        return np.asarray(self.k1 * self.plasma.convolved(self.k2, times_min))

    def convolved(self, rate: ArrayLike, times_min: ArrayLike) -> NDArray[np.float64]:
        """Return the curve convolved with ``exp(-rate t)``, shape (*rate.shape, n_times)."""
        k = np.asarray(rate, dtype=np.float64)
        # Two exponentials one behind the other are the difference of two over that of their rates;
        # where these meet, it is taken across a small distance around their middle.
        near = np.abs(k - self.k2) < 2 * _NEAR * self.k2
        above = np.where(near, (k + self.k2) / 2 + _NEAR * self.k2, k)
        gap = np.where(near, 2 * _NEAR * self.k2, k - self.k2)
        first = self.plasma.convolved(self.k2, times_min)
        if near.any():
            first = self.plasma.convolved(above - gap, times_min)
        difference = first - self.plasma.convolved(above, times_min)
        return np.asarray(self.k1 * difference / gap[..., None])

    def frame_means(self, frames: Frames) -> NDArray[np.float64]:
        """Return the mean activity of each frame, shape (n_frames,)."""
        return np.asarray(self.k1 * _mean_convolved(self.plasma, self.k2, frames))

    def scaled(self, factor: float) -> ReferenceCurve:
        """Return the same curve with another activity."""
        return ReferenceCurve(self.plasma.scaled(factor), self.k1, self.k2)


def _exponential(
    rate: float, k: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Convolve exp(-rate t) with exp(-k t), stably where the two rates meet."""
    x = np.abs(rate - k) * t
    shape = np.divide(-np.expm1(-x), x, out=np.ones_like(x), where=x > 0)
    return np.asarray(t * np.exp(-np.minimum(rate, k) * t) * shape)


def _ramp(rate: float, k: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve t exp(-rate t) with exp(-k t)."""
    x = (rate - k) * t
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    # exp(-k t) (1 - (1 + x) exp(-x)) / x^2, with both exponentials bounded for x of either sign.
    exact = (np.exp(-k * t) - (1 + safe) * np.exp(-rate * t)) / safe**2
    series = np.exp(-k * t) * (0.5 - x / 3 + x**2 / 8)
    return np.asarray(t**2 * np.where(small, series, exact))


def _edges(frames: Frames) -> NDArray[np.float64]:
    return np.append(frames.start_min, frames.end_min[-1])


def _mean_convolved(plasma: FengInput, rate: ArrayLike, frames: Frames) -> NDArray[np.float64]:
    """Return frame means of the input convolved with exp(-rate t), for rates above 0.

    With ``z' = input - rate z``, the integral of z is that of the input less the gain of z, over
    the rate.
    """
    rate, edges = np.asarray(rate, dtype=np.float64), _edges(frames)
    inflow = np.diff(plasma.convolved(0.0, edges))
    gain = np.diff(plasma.convolved(rate, edges), axis=-1)
    return np.asarray((inflow - gain) / (rate[..., None] * frames.duration_min))


def srtm(
    reference: ReferenceCurve, r1: ArrayLike, k2_prime: ArrayLike, bpnd: ArrayLike, frames: Frames
) -> NDArray[np.float64]:
    """Return target curves by the simplified reference tissue model.

    ``C = R1 C_R + (k2 - R1 k2a) C_R * exp(-k2a t)`` with ``k2 = R1 k2'`` and
    ``k2a = k2 / (1 + BPND)``.

    Parameters
    ----------
    reference : ReferenceCurve
        The reference region.
    r1, k2_prime, bpnd : array_like, broadcast to each other
        Relative delivery, rate of the reference region (1/min), binding potential.
    frames : Frames
        Over which the curve is averaged.

    Returns
    -------
    ndarray, shape (*parameters, n_frames)
        Mean activity of each frame, corrected for decay.

    Raises
    ------
    InputError
        If a rate is not positive or BPND is not above -1.
    """
    r1, k2_prime, bpnd = np.broadcast_arrays(*(np.asarray(x, float) for x in (r1, k2_prime, bpnd)))
    _check_positive("R1", r1)
    _check_positive("k2'", k2_prime)
    _check_positive("1 + BPND", 1 + bpnd)
    k2a = np.asarray(r1 * k2_prime / (1 + bpnd))
    edges, mean_reference = _edges(frames), reference.frame_means(frames)
    gain = np.diff(reference.convolved(k2a, edges), axis=-1) / frames.duration_min
    mean = (mean_reference - gain) / k2a[..., None]
    weight = np.asarray(r1 * (k2_prime - k2a))
    return np.asarray(r1[..., None] * mean_reference + weight[..., None] * mean)


def one_tissue(
    plasma: FengInput, k1: ArrayLike, k2: ArrayLike, frames: Frames
) -> NDArray[np.float64]:
    """Return curves of one tissue behind a plasma input, shape (*parameters, n_frames)."""
    k1, k2 = np.broadcast_arrays(np.asarray(k1, float), np.asarray(k2, float))
    _check_positive("K1", k1)
    _check_positive("k2", k2)
    return np.asarray(k1[..., None] * _mean_convolved(plasma, k2, frames))


def two_tissue(
    plasma: FengInput,
    k1: ArrayLike,
    k2: ArrayLike,
    k3: ArrayLike,
    k4: ArrayLike,
    frames: Frames,
    blood_volume: float = 0.0,
) -> NDArray[np.float64]:
    """Return curves of two tissues behind a plasma input.

    Parameters
    ----------
    plasma : FengInput
        Parent activity in plasma; whole blood is taken to be equal to it.
    k1 : array_like
        mL/cm3/min.
    k2, k3, k4 : array_like
        1/min; BPND is ``k3 / k4``.
    frames : Frames
        Over which the curve is averaged.
    blood_volume : float, optional
        Share of blood in the region, 0 to 1.

    Returns
    -------
    ndarray, shape (*parameters, n_frames)
        Mean activity of each frame, corrected for decay.

    Raises
    ------
    InputError
        If k1, k2 or k4 is not positive, k3 is negative, or the share lies outside 0 to 1.
    """
    given = [np.asarray(one, dtype=np.float64) for one in (k1, k2, k3, k4)]
    k1, k2, k3, k4 = np.broadcast_arrays(*given)
    for name, one in (("K1", k1), ("k2", k2), ("k4", k4)):
        _check_positive(name, one)
    if not (np.all(k3 >= 0) and 0 <= blood_volume < 1):
        raise InputError("k3 is negative, or the blood volume is not a share from 0 to below 1")
    total = k2 + k3 + k4
    root = np.sqrt((total - 2 * np.sqrt(k2 * k4)) * (total + 2 * np.sqrt(k2 * k4)))
    root = np.maximum(root, _NEAR * total)
    fast = (total + root) / 2
    slow = k2 * k4 / fast
    share = np.asarray((fast - k3 - k4) / root)[..., None]
    means = [_mean_convolved(plasma, rate, frames) for rate in (fast, slow)]
    tissue = k1[..., None] * (share * means[0] + (1 - share) * means[1])
    blood = np.diff(plasma.convolved(0.0, _edges(frames))) / frames.duration_min
    return np.asarray((1 - blood_volume) * tissue + blood_volume * blood)


def _check_positive(name: str, values: ArrayLike) -> None:
    # A missing value passes: it gives a missing curve, not an error.
    if np.any(np.asarray(values) <= 0):
        raise InputError(f"{name} is not positive", expected="values above 0")


@cache
def empirical_reference() -> ReferenceCurve:
    """Return the shipped reference curve: a description of a curve, not physiology.

    Its parameters come from one participant of a public data set (simbaref). They are nearly
    degenerate, and its k2 is far from the k2' of the targets: no rate can be read from them.
    """
    plasma = _input_named("reference")
    return ReferenceCurve(plasma, constant("reference_k1"), constant("reference_k2"))


@cache
def plasma_input() -> FengInput:
    """Return the plasma input of the two-tissue path; every number in it is assumed."""
    return _input_named("plasma")


@cache
def tissue_reference() -> ReferenceCurve:
    """Return the reference region of the two-tissue path: one tissue, assumed rates."""
    return ReferenceCurve(plasma_input(), constant("tissue_k1"), constant("tissue_k2"))


def _input_named(name: str) -> FengInput:
    parts = ("t0", "a", "b", "c", "alpha", "beta", "gamma")
    return FengInput(*(constant(f"{name}_{part}") for part in parts))
