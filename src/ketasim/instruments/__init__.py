"""What is measured, with its noise: rating scales, the shape of CADSS, vital signs, adverse events.

Examples
--------
>>> from ketasim.instruments import list_measures
>>> "madrs" in list_measures()
True
"""

from __future__ import annotations

from ketasim.instruments.adverse_events import AdverseEvents, draw_events
from ketasim.instruments.context import CONTROL_TYPES, Context, context_table, load_context
from ketasim.instruments.draws import normal_draws, uniform_draws
from ketasim.instruments.measures import CADSS_NOTE, list_measures
from ketasim.instruments.measuring import measure
from ketasim.instruments.observations import Observations
from ketasim.instruments.published import published_points
from ketasim.instruments.scales import (
    RatingScale,
    convert_scale,
    leucht_points,
    list_scales,
    load_scale,
    remission,
    response,
)
from ketasim.instruments.settings import (
    DECLARED_CONTEXTS,
    Settings,
    load_settings,
    settings_table,
)
from ketasim.instruments.severity import latent_madrs
from ketasim.instruments.vitals import VitalSessions, vital_sessions

__all__ = [
    "CADSS_NOTE",
    "CONTROL_TYPES",
    "DECLARED_CONTEXTS",
    "AdverseEvents",
    "Context",
    "Observations",
    "RatingScale",
    "Settings",
    "VitalSessions",
    "context_table",
    "convert_scale",
    "draw_events",
    "latent_madrs",
    "leucht_points",
    "list_measures",
    "list_scales",
    "load_context",
    "load_scale",
    "load_settings",
    "measure",
    "normal_draws",
    "published_points",
    "remission",
    "response",
    "settings_table",
    "uniform_draws",
    "vital_sessions",
]
