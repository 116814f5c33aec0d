"""Compartment models with an arterial input: one tissue and two tissues.

Tissue is ``(1 - vB) C_T + vB C_B`` with C_B the whole blood. One tissue: ``C_T = K1 exp(-k2 t) *
C_P``. Two tissues: the impulse response is a sum of two exponentials whose rates are the roots of
``x^2 - (k2 + k3 + k4) x + k2 k4`` (Gunn and others 2001). Convolutions are exact for an input that
is straight between samples, and are read at the middles of the frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics.result import Estimates, Status, curve_statuses
from ketasim.instruments.pet.kinetics.srtm import need_start

if TYPE_CHECKING:
    from ketasim.instruments.pet.kinetics.batch import Batch
    from ketasim.instruments.pet.kinetics.input_function import ArterialInput

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]

__all__ = ["Blood", "compartments", "one_tissue_curve", "two_tissue_curve"]

NAMES: dict[int, tuple[str, ...]] = {1: ("K1", "k2"), 2: ("K1", "k2", "k3", "k4")}
"""Rate constants of a model with that number of tissues."""

_LOWER = {"K1": 1e-5, "k2": 1e-5, "k3": 1e-5, "k4": 1e-5, "vB": 0.0, "delay_min": -1.0}
_UPPER = {"K1": 2.0, "k2": 2.0, "k3": 1.0, "k4": 1.0, "vB": 0.3, "delay_min": 1.0}
"""Bounds, assumed: wide enough for every reversible brain tracer with rates in 1/min."""

_STARTS: tuple[dict[str, float], ...] = (
    {"K1": 0.1, "k2": 0.1, "k3": 0.05, "k4": 0.05, "vB": 0.05, "delay_min": 0.05},
    {"K1": 0.5, "k2": 0.3, "k3": 0.02, "k4": 0.02, "vB": 0.05, "delay_min": 0.05},
    {"K1": 0.05, "k2": 0.02, "k3": 0.1, "k4": 0.1, "vB": 0.02, "delay_min": -0.05},
    {"K1": 0.3, "k2": 0.1, "k3": 0.2, "k4": 0.03, "vB": 0.05, "delay_min": 0.05},
)
"""Starts of the search, assumed; the best end counts."""


@dataclass(frozen=True)
class Blood:
    """What is known of the blood in the tissue.

    Parameters
    ----------
    fraction : float or "fit", optional
        Volume share of blood; fitted between 0 and 0.3 by default.
    delay_min : float or "fit", optional
        Minutes by which tissue sees the blood later than the sampler; fitted between -1 and 1.

    Raises
    ------
    InputError
        If the share is not in 0 to 1, or the delay is not finite.
    """

    fraction: float | Literal["fit"] = "fit"
    delay_min: float | Literal["fit"] = 0.0

    def __post_init__(self) -> None:
        if self.fraction != "fit" and not 0 <= self.fraction < 1:
            raise InputError(f"the share of blood is {self.fraction:g}", expected="0 to 1, or fit")
        if self.delay_min != "fit" and not math.isfinite(self.delay_min):
            raise InputError("the delay is not finite", expected="minutes, or fit")

    @property
    def free(self) -> tuple[str, ...]:
        """Names of what is fitted."""
        return tuple(name for name, value in (("vB", self.fraction), ("delay_min", self.delay_min))
                     if value == "fit")  # fmt: skip


@dataclass(frozen=True)
class _Response:
    """The blood as a tissue sees it, on knots that hold the middles of the frames."""

    times: Array
    plasma: Array
    blood: Array
    places: NDArray[np.int64]

    @classmethod
    def of(cls, arterial: ArterialInput, middles: Array, delay_min: float) -> _Response:
        knots, plasma, blood = arterial.knots(float(middles[-1]), delay_min)
        times = np.union1d(knots, middles)
        return cls(times, np.interp(times, knots, plasma), np.interp(times, knots, blood),
                   np.searchsorted(times, middles))  # fmt: skip

    def washed(self, rate: float) -> Array:
        """Return the plasma's convolution with a falling exponential at the middles."""
        from ketasim.instruments.pet.kinetics.compartment_kernel import exponential

        out = np.empty_like(self.times)
        exponential(float(rate), self.times, self.plasma, out)
        return np.asarray(out[self.places])

    def tissue(self, rates: Array) -> Array:
        """Return the tissue without its blood."""
        if len(rates) == 2:
            return np.asarray(rates[0] * self.washed(rates[1]))
        k1, k2, k3, k4 = rates
        total = k2 + k3 + k4
        spread = math.sqrt(max(total * total - 4 * k2 * k4, 0.0))
        # The smaller root from the product, so that nothing cancels.
        fast = (total + spread) / 2
        slow = k2 * k4 / fast
        gap = max(fast - slow, 1e-12)
        return np.asarray(
            k1 / gap * ((k3 + k4 - slow) * self.washed(slow) + (fast - k3 - k4) * self.washed(fast))
        )

    def whole(self, rates: Array, fraction: float) -> Array:
        """Return what the scanner sees."""
        seen = (1 - fraction) * self.tissue(rates)
        return np.asarray(seen + fraction * self.blood[self.places])


def one_tissue_curve(
    arterial: ArterialInput, mid_min: Array, k1: float, k2: float, vb: float = 0.0,
    delay_min: float = 0.0,
) -> Array:  # fmt: skip
    """Compute a curve of the model with one tissue.

    Parameters
    ----------
    arterial : ArterialInput
        The input.
    mid_min : array, shape (n_frames,)
        When, in minutes.
    k1, k2 : float
        Rate constants, mL/cm3/min and 1/min.
    vb, delay_min : float, optional
        Share of blood, and delay in minutes.

    Returns
    -------
    array, shape (n_frames,)
        Activity.
    """
    return _Response.of(arterial, mid_min, delay_min).whole(np.array([k1, k2]), vb)


def two_tissue_curve(
    arterial: ArterialInput, mid_min: Array, k1: float, k2: float, k3: float, k4: float,
    vb: float = 0.0, delay_min: float = 0.0,
) -> Array:  # fmt: skip
    """Compute a curve of the model with two tissues; parameters as for `one_tissue_curve`.

    Parameters
    ----------
    arterial : ArterialInput
        The input.
    mid_min : array, shape (n_frames,)
        When, in minutes.
    k1, k2, k3, k4 : float
        Rate constants, mL/cm3/min and 1/min.
    vb, delay_min : float, optional
        Share of blood, and delay in minutes.

    Returns
    -------
    array, shape (n_frames,)
        Activity.
    """
    return _Response.of(arterial, mid_min, delay_min).whole(np.array([k1, k2, k3, k4]), vb)


def compartments(batch: Batch, tissues: int, blood: Blood) -> Estimates:
    """Fit a compartment model to every curve, and to every reference.

    Parameters
    ----------
    batch : Batch
        The curves, with the input of every scan.
    tissues : int
        1 or 2.
    blood : Blood
        What is fitted of the blood.

    Returns
    -------
    Estimates
        With K1, k2, (k3, k4,) vB, delay_min, VT and their standard errors. BPND is k3/k4 with two
        tissues and VT over that of the reference, less 1, with one; R1 is K1 over that of the
        reference.
    """
    need_start(batch.frames)
    names = (*NAMES[tissues], *blood.free)
    volume = len(names)
    found, status, fitted = _all(batch.activity, batch.weights, batch.which, batch, names, blood)
    heavy = np.stack([batch.weights[batch.which == scan].mean(axis=0)
                      for scan in range(len(batch.reference))])  # fmt: skip
    every = np.arange(len(batch.reference), dtype=np.int64)
    below = _all(batch.reference, heavy, every, batch, names, blood)[0][batch.which]
    columns = ["K1", "k2", *(["k3", "k4"] if tissues == 2 else []), *blood.free, "VT"]
    values: dict[str, Array] = {"R1": found[:, 0, 0] / below[:, 0, 0], "k2": found[:, 1, 0]}
    values |= _binding(found, below, tissues, volume)
    values["se_R1"] = values["R1"] * np.hypot(found[:, 0, 1] / found[:, 0, 0],
                                              below[:, 0, 1] / below[:, 0, 0])  # fmt: skip
    for place, name in enumerate(columns):
        values[name], values[f"se_{name}"] = found[:, place, 0], found[:, place, 1]
    for name, value in (("vB", blood.fraction), ("delay_min", blood.delay_min)):
        if value != "fit":
            values[name] = np.full(len(found), float(value))
    return Estimates(values, tuple(status), batch.activity, fitted, batch.weights, len(names))


def _binding(found: Array, below: Array, tissues: int, volume: int) -> dict[str, Array]:
    if tissues == 2:
        return {"BPND": found[:, volume + 1, 0], "se_BPND": found[:, volume + 1, 1]}
    own, base = found[:, volume], below[:, volume]
    ratio = own[:, 0] / base[:, 0]
    spread = np.hypot(own[:, 1] / own[:, 0], base[:, 1] / base[:, 0])
    return {"BPND": ratio - 1, "se_BPND": ratio * spread}


def _all(
    curves: Array, weights: Array, which: NDArray[np.int64], batch: Batch,
    names: tuple[str, ...], blood: Blood,
) -> tuple[Array, list[Status], Array]:  # fmt: skip
    """Fit curves one after the other; values and errors of the numbers, VT, and k3/k4."""
    status = curve_statuses(curves, weights, batch.frames.duration_min, len(names))
    found = np.full((len(curves), len(names) + 2, 2), np.nan)
    fitted = np.full(curves.shape, np.nan)
    for place, one in enumerate(status):
        if one is not Status.CONVERGED:
            continue
        model = _model(batch.inputs[which[place]], batch.frames.mid_min, names, blood)
        status[place] = _fit_one(curves[place], weights[place], model, names, found[place],
                                 fitted[place])  # fmt: skip
    return found, status, fitted


def _model(arterial: ArterialInput, middles: Array, names: tuple[str, ...], blood: Blood) -> Curve:
    """Return the curve as a function of the numbers that are fitted."""
    count = 4 if "k3" in names else 2
    fixed = None
    if blood.delay_min != "fit":
        fixed = _Response.of(arterial, middles, blood.delay_min)

    def curve(numbers: Array) -> Array:
        response = fixed or _Response.of(arterial, middles, float(numbers[-1]))
        fraction = numbers[count] if blood.fraction == "fit" else blood.fraction
        return response.whole(numbers[:count], float(fraction))

    return curve


def _fit_one(
    curve: Array, weights: Array, model: Curve, names: tuple[str, ...], found: Array, fitted: Array
) -> Status:
    """Fit one curve from several starts; write estimates and errors, and the fitted curve."""
    from scipy.optimize import least_squares

    root = np.sqrt(weights) / np.abs(curve).max()
    lower = np.array([_LOWER[name] for name in names])
    upper = np.array([_UPPER[name] for name in names])
    best = None
    for start in _STARTS:
        begin = np.array([start[name] for name in names])
        end = least_squares(
            lambda numbers: root * (model(numbers) - curve), begin, bounds=(lower, upper),
            x_scale=upper / 10, xtol=1e-13, ftol=1e-15, gtol=1e-15, max_nfev=400,
        )  # fmt: skip
        if end.status > 0 and (best is None or end.cost < best.cost):
            best = end
    if best is None:
        return Status.NOT_CONVERGED
    fitted[:] = model(best.x)
    freedom = (weights > 0).sum() - len(names)
    margin = 1e-6 * (upper - lower)
    # A share of blood of nothing is a value as good as any; it has no error, the others have.
    free = (best.x > lower + margin) & (best.x < upper - margin)
    covariance = np.full((len(names), len(names)), np.nan)
    jacobian = best.jac[:, free]
    covariance[np.ix_(free, free)] = np.linalg.pinv(jacobian.T @ jacobian) * 2 * best.cost / freedom
    _write(found, best.x, covariance, names)
    edge = [name for name, inside in zip(names, free, strict=True) if not inside and name != "vB"]
    return Status.AT_BOUND if edge else Status.CONVERGED


def _write(found: Array, x: Array, covariance: Array, names: tuple[str, ...]) -> None:
    """Write numbers, VT and k3/k4, with their errors to first order."""
    count = len(names)
    found[:count, 0] = x
    found[:count, 1] = np.sqrt(np.diagonal(covariance))
    volume, by = x[0] / x[1], np.array([1 / x[1], -x[0] / x[1] ** 2])
    if "k3" in names:
        ratio = x[2] / x[3]
        by = np.array([*(by * (1 + ratio)), volume / x[3], -volume * ratio / x[3]])
        volume *= 1 + ratio
        by_ratio = np.array([1 / x[3], -ratio / x[3]])
        found[count + 1] = ratio, math.sqrt(by_ratio @ covariance[2:4, 2:4] @ by_ratio)
    size = len(by)
    found[count] = volume, math.sqrt(by @ covariance[:size, :size] @ by)
