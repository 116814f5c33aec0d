"""Hamilton Depression Rating Scale, 21 items."""

from __future__ import annotations

from ketasim.instruments.scales.scale import RatingScale

__all__ = ["SCALE"]

SCALE = RatingScale(
    name="hamd21",
    title="HAM-D-21",
    maximum=63,
    remission_cutoff=7,
    source="leucht2018",
    note="No published map was found: taken as HAM-D-17 point for point, assumed; the ceiling adds "
    "11 points for the four extra items.",
)
"""The scale, assumed equal to HAM-D-17 in points."""
