"""Scales and ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Scale", "duration", "linear_scale", "log_scale", "time_scale"]

Kind = Literal["linear", "log", "time"]

HOUR, DAY = 1.0, 24.0
LINEAR_TIME_UP_TO = 12.0
"""Up to this many hours time runs evenly; longer spans are compressed (inverse hyperbolic sine)."""

_LOG_PARTS = ((1.0,), (1.0, 2.0, 5.0), tuple(float(part) for part in range(1, 10)))
"""Which parts of a decade are labelled: as few as give two labels."""

_TIME_TICKS = (-24.0, -2.0, 0.0, 1.0, 4.0, 12.0, 24.0, 72.0, 168.0, 336.0, 672.0, 2016.0)


@dataclass(frozen=True)
class Scale:
    """From values to pixels.

    Parameters
    ----------
    kind : {"linear", "log", "time"}
        How values are spaced.
    low, high : float
        The values at both ends.
    start, end : float
        The pixels at both ends.
    ticks : tuple of float
        Values to be labelled.
    labels : tuple of str
        Their labels.
    """

    kind: Kind
    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; what lies outside is put just beyond the end."""
        low, high = self._spaced(self.low), self._spaced(self.high)
        share = (self._spaced(value) - low) / (high - low)
        return self.start + (self.end - self.start) * min(max(share, -0.02), 1.02)

    def _spaced(self, value: float) -> float:
        if self.kind == "log":
            return math.log(max(value, 1e-300))
        return math.asinh(value) if self.kind == "time" else value


def linear_scale(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    include: Iterable[float] = (),
    count: int = 4,
) -> Scale:
    """Return an even scale over finite values with round ticks.

    Parameters
    ----------
    values : iterable of float
        What is to be shown; NaN is left out.
    start, end : float
        Pixels at both ends.
    include : iterable of float, optional
        Values that must be on the axis, for instance the value at rest.
    count : int, optional
        About how many ticks.
    """
    shown = [value for value in (*values, *include) if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    if high - low < 1e-9 * max(abs(high), 1e-3):
        low, high = low - max(abs(low), 1.0) * 0.1, high + max(abs(high), 1.0) * 0.1
    step = _round_step((high - low) / count)
    # A value that reaches just beyond a tick does not deserve another step.
    first, last = math.floor(low / step + 0.04), math.ceil(high / step - 0.04)
    ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
    return Scale("linear", ticks[0], ticks[-1], start, end, ticks, _labels(ticks, step))


def log_scale(values: Iterable[float], start: float, end: float) -> Scale:
    """Return a logarithmic scale over positive values; other values are left out."""
    shown = [value for value in values if math.isfinite(value) and value > 0] or [1.0, 10.0]
    low, high = min(shown), max(shown)
    if high / low < 1.5:
        low, high = low / 1.5, high * 1.5
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = _LOG_PARTS if len(decades) > 4 else _LOG_PARTS[1:]
    found = (_log_ticks(low, high, decades, parts) for parts in choices)
    ticks = next((some for some in found if len(some) > 1), (low, high))
    return Scale("log", low, high, start, end, ticks, tuple(f"{tick:g}" for tick in ticks))


def _log_ticks(
    low: float, high: float, decades: Iterable[int], parts: Iterable[float]
) -> tuple[float, ...]:
    every = (part * 10.0**power for power in decades for part in parts)
    return tuple(tick for tick in every if low * 0.999 <= tick <= high * 1.001)


def time_scale(times: Iterable[float], start: float, end: float) -> Scale:
    """Return a scale for hours after the dose; a span of days is compressed.

    Parameters
    ----------
    times : iterable of float
        Hours.
    start, end : float
        Pixels at both ends.
    """
    shown = [time for time in times if math.isfinite(time)] or [0.0, 24.0]
    low, high = min(shown), max(shown)
    high = high if high > low else low + 1.0
    if high - low <= LINEAR_TIME_UP_TO:
        even = linear_scale((low, high), start, end)
        ticks = tuple(tick for tick in even.ticks if low <= tick <= high)
        return Scale("linear", low, high, start, end, ticks, tuple(f"{t:g} h" for t in ticks))
    ticks = tuple(tick for tick in _TIME_TICKS if low <= tick <= high * 1.001)
    return Scale("time", low, high, start, end, ticks, tuple(duration(tick) for tick in ticks))


def duration(hours: float) -> str:
    """Return a time as a reader says it: minutes, hours, days or weeks."""
    size = abs(hours)
    if size and size < HOUR:
        words = f"{hours * 60:.3g} min"
    elif size < 2 * DAY and size != DAY:
        words = f"{hours:.3g} h" if hours else "0"
    else:
        words = f"{hours / DAY:.3g} d"
    return words.replace("-", "−")


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(
        part * power for part in (1.0, 2.0, 2.5, 5.0, 10.0) if part * power >= rough * 0.999
    )


def _labels(ticks: tuple[float, ...], step: float) -> tuple[str, ...]:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return tuple(f"{tick + 0.0:.{decimals}f}".replace("-", "−") for tick in ticks)
