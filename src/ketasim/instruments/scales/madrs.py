"""Montgomery-Asberg Depression Rating Scale: ten items of 0 to 6."""

from __future__ import annotations

from ketasim.instruments.scales.scale import RatingScale

__all__ = ["SCALE"]

SCALE = RatingScale(
    name="madrs",
    title="MADRS",
    maximum=60,
    remission_cutoff=10,
    note="Trials called 9, 10 or 12 points remission; the cut-off can be set.",
)
"""The scale in which the severity of the model is expressed."""
