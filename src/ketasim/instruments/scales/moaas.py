"""Modified Observer's Assessment of Alertness/Sedation: known, and not predicted."""

from __future__ import annotations

from ketasim.instruments.scales.unmapped import UnmappedScale

__all__ = ["UNMAPPED"]

UNMAPPED = UnmappedScale(
    name="moaas",
    title="MOAA/S",
    reason="the evidence says when sedation comes and goes and how many fall below 5 after nasal "
    "esketamine, and holds no map from the model's sedation to the scores",
)
"""The scale; the shape of `sedation` over time can be looked at in the run itself."""
