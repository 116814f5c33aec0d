"""Numbers needed to harm, with intervals that hold where a difference may have either sign."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["NumberNeeded", "number_needed"]


@dataclass(frozen=True)
class NumberNeeded:
    """How many are treated for one more event.

    Attributes
    ----------
    value : float
        Always positive; infinite where there is no difference, NaN where it is not known.
    kind : {'harm', 'benefit', ''}
        Whether one more has the event, or one fewer.
    low, high : float
        Ends of the interval towards harm and away from it: 1 / upper and 1 / lower end of the risk
        difference. A negative number is a number needed to benefit.
    crosses : bool
        Whether the interval runs through infinity, from `low` to infinity and from minus infinity to
        `high` (Altman 1998, doi 10.1136/bmj.317.7168.1309).
    """

    value: float
    kind: str
    low: float
    high: float
    crosses: bool

    @property
    def text(self) -> str:
        """In words, for instance ``NNH 12 (NNH 5 to infinity to NNB 40)``."""
        if math.isnan(self.value):
            return "not known"
        head = _word(self.value if self.kind != "benefit" else -self.value)
        if math.isnan(self.low):
            return head
        middle = " to infinity to " if self.crosses else " to "
        # The end that the estimate leans to comes first.
        first, last = (self.high, self.low) if self.kind == "benefit" else (self.low, self.high)
        return f"{head} ({_word(first)}{middle}{_word(last)})"


def _word(number: float) -> str:
    if math.isinf(number):
        return "infinity"
    size = abs(number)
    shown = f"{size:.1f}" if size < 10.0 else f"{size:.0f}"
    return f"{'NNH' if number > 0 else 'NNB'} {shown}"


def number_needed(difference: float, low: float, high: float) -> NumberNeeded:
    """Return the number needed to harm of a risk difference.

    Parameters
    ----------
    difference, low, high : float
        Risk difference of an unwanted event, treatment minus control, and its interval.

    Returns
    -------
    NumberNeeded
        NaN for what is not known.

    Examples
    --------
    >>> number_needed(0.25, 0.2, 0.5).text
    'NNH 4.0 (NNH 2.0 to NNH 5.0)'
    >>> number_needed(0.05, -0.025, 0.125).text
    'NNH 20 (NNH 8.0 to infinity to NNB 40)'
    """
    if math.isnan(difference):
        return NumberNeeded(math.nan, "", math.nan, math.nan, crosses=False)
    kind = "harm" if difference > 0 else "benefit" if difference < 0 else ""
    if math.isnan(low) or math.isnan(high):
        return NumberNeeded(abs(_inverse(difference)), kind, math.nan, math.nan, crosses=False)
    crosses = low < 0.0 < high
    return NumberNeeded(abs(_inverse(difference)), kind, _inverse(high), _inverse(low), crosses)


def _inverse(number: float) -> float:
    return 1.0 / number if number != 0.0 else math.inf
