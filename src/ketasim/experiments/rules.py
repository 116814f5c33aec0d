"""The rules: thresholds as named constants, and what each direction means in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "AGREEMENT",
    "BLOCKED_BELOW",
    "KEPT_ABOVE",
    "NONE_WITHIN",
    "SIGN_BEYOND",
    "VALUE_TOLERANCE",
    "DirectionRule",
    "change_rule",
    "share_rule",
]

BLOCKED_BELOW = 0.2
"""An effect is blocked when less than this share of the reference effect is left."""

KEPT_ABOVE = 0.6
"""An effect is kept, or rescued, when more than this share of the reference effect is left."""

SHARE_BEYOND = 0.1
"""An effect is smaller or larger than the reference when its share departs from 1 by more."""

SIGN_BEYOND = 0.02
"""A readout is up or down when it departs from rest by more than this (fold or fraction)."""

NONE_WITHIN = 0.1
"""A readout shows no change when it departs from rest by less: a smaller one is hard to measure."""

AGREEMENT = 0.05
"""A trial agrees with a prediction unless its result was less likely than this."""

VALUE_TOLERANCE = 0.25
"""Relative error granted to a published value that came without a spread (assumed)."""


@dataclass(frozen=True)
class DirectionRule:
    """What a direction means for a number.

    Parameters
    ----------
    lower, upper : float
        The number must lie strictly between them.
    text : str
        The rule as words.
    """

    lower: float
    upper: float
    text: str

    def met(self, value: ArrayLike) -> NDArray[np.bool_]:
        """Say where a number meets the rule; NaN never does."""
        number = np.asarray(value, dtype=np.float64)
        return np.asarray((number > self.lower) & (number < self.upper))


_UNBOUNDED = float("inf")
_SHARE_RULES = {
    "blocked": DirectionRule(-_UNBOUNDED, BLOCKED_BELOW, f"share left below {BLOCKED_BELOW:g}"),
    "kept": DirectionRule(KEPT_ABOVE, _UNBOUNDED, f"share left above {KEPT_ABOVE:g}"),
    "rescued": DirectionRule(KEPT_ABOVE, _UNBOUNDED, f"share left above {KEPT_ABOVE:g}"),
    "down": DirectionRule(
        -_UNBOUNDED, 1.0 - SHARE_BEYOND, f"share left below {1 - SHARE_BEYOND:g}"
    ),
    "up": DirectionRule(1.0 + SHARE_BEYOND, _UNBOUNDED, f"share above {1 + SHARE_BEYOND:g}"),
    "none": DirectionRule(-BLOCKED_BELOW, BLOCKED_BELOW, f"share within {BLOCKED_BELOW:g} of none"),
}
_CHANGE_RULES = {
    "up": DirectionRule(SIGN_BEYOND, _UNBOUNDED, f"more than {SIGN_BEYOND:g} above rest"),
    "down": DirectionRule(-_UNBOUNDED, -SIGN_BEYOND, f"more than {SIGN_BEYOND:g} below rest"),
    "none": DirectionRule(-NONE_WITHIN, NONE_WITHIN, f"within {NONE_WITHIN:g} of rest"),
}


def share_rule(direction: str) -> DirectionRule | None:
    """Return the rule for the share of a reference effect, or None where there is none."""
    return _SHARE_RULES.get(direction)


def change_rule(direction: str) -> DirectionRule | None:
    """Return the rule for the departure from rest, or None where there is none."""
    return _CHANGE_RULES.get(direction)
