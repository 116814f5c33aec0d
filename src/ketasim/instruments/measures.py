"""The measures by name.

A scale's score, change, response or remission; the shape of CADSS and of sedation; blood pressure and
heart rate; and whether an adverse event has happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import EvidenceError, unknown_name
from ketasim.instruments.adverse_events.events import EVENT_DIRECTION, event_names, load_event
from ketasim.instruments.scales import (
    RatingScale,
    list_scales,
    load_scale,
    remission,
    response,
    unmapped_scales,
)
from ketasim.instruments.vitals.signs import VITAL_SIGNS, vital_sign

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CADSS_NOTE", "Kind", "Measure", "list_measures", "parse_measure"]

Kind = Literal[
    "score", "change", "response", "remission", "dissociation", "sedation", "vital", "event"
]  # fmt: skip
"""What a measure reports of a scale."""

CADSS_NOTE = (
    "CADSS is shown as a share of the patient's own peak: mean scores by arm and time were found "
    "in no publication, so the shape can be tested and the height cannot."
)
"""Printed with every CADSS result."""

_NOTES = {
    "dissociation": CADSS_NOTE,
    "sedation": "Sedation is shown as a share of the patient's own peak: when it comes and goes was "
    "published, and no map to the scores of MOAA/S was.",
    "vital": "Levels before dosing are assumed; noise within people follows placebo's mean of "
    "maxima, and the rise follows that of nasal esketamine.",
    "event": f"Has happened by then. {EVENT_DIRECTION}",
}

_SOURCES = {
    "vital": ("doherty2020", "yale2024", "vankawala2021"),
    "event": ("spravatolabel", "sustaincourse2022"),
}

_SUFFIXES: dict[str, Kind] = {
    "": "score",
    "_change": "change",
    "_response": "response",
    "_remission": "remission",
}
_ALIASES = {"response": "madrs_response", "remission": "madrs_remission"}
_CADSS, _SEDATION, _EVENT = "cadss", "sedation", "_event"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured.

    Parameters
    ----------
    name : str
        For instance ``"hamd17_response"``.
    kind : str
        Score, change from baseline, response, remission, dissociation, sedation, a vital sign, or
        an adverse event.
    scale : RatingScale or None
        The scale; None for what is none.
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
        if self.kind == "vital":
            return vital_sign(self.name).title
        if self.kind == "event":
            return load_event(self.name.removesuffix(_EVENT)).title
        if self.scale is None:
            name = "CADSS" if self.kind == "dissociation" else "Sedation"
            return f"{name}, share of own peak"
        return self.scale.title if self.kind == "score" else f"{self.scale.title} {self.kind}"

    @property
    def note(self) -> str:
        """What a reader must know of it; empty for a scale."""
        return _NOTES.get(self.kind, "")

    @property
    def sources(self) -> tuple[str, ...]:
        """BibTeX keys of what a vital sign or an event was fitted to; a scale names its own."""
        return _SOURCES.get(self.kind, ())

    def value(
        self, latent: NDArray[np.float64], baseline: NDArray[np.float64], cutoff: float | None
    ) -> NDArray[np.float64]:
        """Return what is reported for latent points.

        Parameters
        ----------
        latent : ndarray, shape (n_patients, n_times)
            Latent MADRS points; for CADSS and sedation the model's output, 0 to 1.
        baseline : ndarray, shape (n_patients,)
            Recorded MADRS baseline; used for scales only.
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
    events = [name + _EVENT for name in event_names()]
    return tuple(sorted([*scales, *_ALIASES, _CADSS, _SEDATION, *VITAL_SIGNS, *events]))


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
        For a scale that exists and that nothing in the evidence leads to, and for the height of
        CADSS; says what is missing.
    """
    if name not in list_measures():
        if name.startswith(f"{_CADSS}_"):
            raise EvidenceError(f"there is no {name!r}. {CADSS_NOTE}", expected=repr(_CADSS))
        for scale in unmapped_scales():
            if name == scale.name or name.startswith(f"{scale.name}_"):
                raise scale.refusal()
        raise unknown_name("measure", name, list_measures())
    full = _ALIASES.get(name, name)
    if full == _CADSS:
        return Measure(full, "dissociation", None, "share of own peak", "dissociation")
    if full == _SEDATION:
        return Measure(full, "sedation", None, "share of own peak", "sedation")
    if full in VITAL_SIGNS:
        return Measure(full, "vital", None, vital_sign(full).unit, vital_sign(full).needs)
    if full.endswith(_EVENT):
        return Measure(full, "event", None, "0 or 1", load_event(full.removesuffix(_EVENT)).drive)
    stem, underscore, outcome = full.partition("_")
    kind = _SUFFIXES[underscore + outcome]
    unit = "points" if kind in ("score", "change") else "0 or 1"
    return Measure(full, kind, load_scale(stem), unit, "relief")
