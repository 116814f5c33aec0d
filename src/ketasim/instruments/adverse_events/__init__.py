"""Adverse events by session: a hazard that follows the model, and people who differ in propensity.

In each session a patient has an event with the chance ``1 - exp(-u h)``, where ``h`` is a background
plus a slope on the peak of what carries the event, and ``u`` is the patient's own propensity to it.
Because ``u`` stays, events repeat in the same people. `fit_events` computes the shipped numbers again.
"""

from __future__ import annotations

from ketasim.instruments.adverse_events.events import (
    EVENT_DIRECTION,
    AdverseEvent,
    event_names,
    hazard_of,
    load_event,
    propensity_variance,
    risk,
)
from ketasim.instruments.adverse_events.fitting import (
    DRIVE_OF,
    FITTED_ON,
    SessionDrives,
    counts_of,
    drug_hazard,
    fit_events,
    fit_propensity,
    label_risks,
    session_drives,
)
from ketasim.instruments.adverse_events.occurrence import (
    AdverseEvents,
    draw_events,
    had_event_by,
)

__all__ = [
    "DRIVE_OF",
    "EVENT_DIRECTION",
    "FITTED_ON",
    "AdverseEvent",
    "AdverseEvents",
    "SessionDrives",
    "counts_of",
    "draw_events",
    "drug_hazard",
    "event_names",
    "fit_events",
    "fit_propensity",
    "had_event_by",
    "hazard_of",
    "label_risks",
    "load_event",
    "propensity_variance",
    "risk",
    "session_drives",
]
