"""Hamilton Depression Rating Scale, 17 items."""

from __future__ import annotations

from ketasim.instruments.scales.scale import RatingScale

__all__ = ["SCALE"]

SCALE = RatingScale(
    name="hamd17",
    title="HAM-D-17",
    maximum=52,
    remission_cutoff=7,
    source="leucht2018",
    note="Read from MADRS through the equipercentile points of Leucht 2018.",
)
"""The scale, mapped from MADRS."""
