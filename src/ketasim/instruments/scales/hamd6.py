"""Hamilton Depression Rating Scale, the six core items: known, and not predicted."""

from __future__ import annotations

from ketasim.instruments.scales.unmapped import UnmappedScale

__all__ = ["UNMAPPED"]

UNMAPPED = UnmappedScale(
    name="hamd6",
    title="HAM-D-6",
    reason="no published map from MADRS or HAM-D-17 is in the evidence, and the model has no items",
)
"""The scale, which a model of total severity has no part of."""
