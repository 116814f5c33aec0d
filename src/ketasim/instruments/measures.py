"""The measures by name: a scale's score, change, response or remission, and the shape of CADSS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import unknown_name
from ketasim.instruments.scales import (
    RatingScale,
    list_scales,
    load_scale,
    remission,
    response,
    unmapped_scales,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CADSS_NOTE", "Kind", "Measure", "list_measures", "parse_measure"]

Kind = Literal["score", "change", "response", "remission", "dissociation"]
"""What a measure reports of a scale."""

CADSS_NOTE = (
    "CADSS is shown as a share of the patient's own peak: mean scores by arm and time were found "
    "in no publication, so the shape can be tested and the height cannot."
)
"""Printed with every CADSS result."""

_SUFFIXES: dict[str, Kind] = {
    "": "score",
    "_change": "change",
    "_response": "response",
    "_remission": "remission",
}
_ALIASES = {"response": "madrs_response", "remission": "madrs_remission"}
_CADSS = "cadss"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured.

    Parameters
    ----------
    name : str
        For instance ``"hamd17_response"``.
    kind : str
        Score, change from baseline, response, remission, or dissociation.
    scale : RatingScale or None
        The scale; None for CADSS.
    unit : str
        Unit of the value.
    needs : str
        The model's output that is read.
    """

    name: str
    kind: Kind
    scale: RatingScale | None
    unit: str
    needs: str

    @property
    def title(self) -> str:
        """The measure in print."""
        if self.scale is None:
            return "CADSS, share of own peak"
        return self.scale.title if self.kind == "score" else f"{self.scale.title} {self.kind}"

    def value(
        self, latent: NDArray[np.float64], baseline: NDArray[np.float64], cutoff: float | None
    ) -> NDArray[np.float64]:
        """Return what is reported for latent points.

        Parameters
        ----------
        latent : ndarray, shape (n_patients, n_times)
            Latent MADRS points; for CADSS the model's dissociation, 0 to 1.
        baseline : ndarray, shape (n_patients,)
            Recorded MADRS baseline; not used for CADSS.
        cutoff : float or None
            Highest score that counts as remission; None for the scale's own.

        Returns
        -------
        ndarray, shape (n_patients, n_times)
            Points, 0 or 1, or a share of the own peak.
        """
        if self.scale is None:
            return _share_of_peak(latent)
        score = self.scale.record(self.scale.from_madrs(latent))
        before = self.scale.record(self.scale.from_madrs(baseline))[:, None]
        if self.kind == "change":
            return np.asarray(score - before)
        if self.kind == "response":
            return response(score, before)
        if self.kind == "remission":
            return remission(score, self.scale.remission_cutoff if cutoff is None else cutoff)
        return score


def _share_of_peak(course: NDArray[np.float64]) -> NDArray[np.float64]:
    failed = np.isnan(course).any(axis=1, keepdims=True)
    peak = np.max(np.where(np.isnan(course), 0.0, course), axis=1, keepdims=True)
    # A patient without any dissociation has no peak to be a share of, and shows none.
    share = np.divide(course, peak, out=np.zeros_like(course), where=peak > 0)
    return np.where(failed, np.nan, share)


def list_measures() -> tuple[str, ...]:
    """Return the names of all measures, in alphabetical order."""
    scales = [scale + suffix for scale in list_scales() for suffix in _SUFFIXES]
    return tuple(sorted([*scales, *_ALIASES, _CADSS]))


def parse_measure(name: str) -> Measure:
    """Find a measure by name.

    Parameters
    ----------
    name : str
        One of `list_measures`; ``"response"`` and ``"remission"`` mean those of MADRS.

    Returns
    -------
    Measure
        The measure.

    Raises
    ------
    UnknownNameError
        If there is none of that name; says the nearest.
    EvidenceError
        For a scale that exists and that nothing in the evidence leads to; says what is missing.
    """
    if name not in list_measures():
        for scale in unmapped_scales():
            if name == scale.name or name.startswith(f"{scale.name}_"):
                raise scale.refusal()
        raise unknown_name("measure", name, list_measures())
    full = _ALIASES.get(name, name)
    if full == _CADSS:
        return Measure(full, "dissociation", None, "share of own peak", "dissociation")
    stem, underscore, outcome = full.partition("_")
    kind = _SUFFIXES[underscore + outcome]
    unit = "points" if kind in ("score", "change") else "0 or 1"
    return Measure(full, kind, load_scale(stem), unit, "relief")
