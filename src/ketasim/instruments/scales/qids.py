"""Quick Inventory of Depressive Symptomatology: known, and not predicted."""

from __future__ import annotations

from ketasim.instruments.scales.unmapped import UnmappedScale

__all__ = ["UNMAPPED"]

UNMAPPED = UnmappedScale(
    name="qids",
    title="QIDS",
    reason="no published map from MADRS or HAM-D-17 is in the evidence",
)
"""The scale, rated by clinician or patient."""
