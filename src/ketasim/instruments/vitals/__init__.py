"""Blood pressure and heart rate as a cuff reads them: resting level, rise, and noise within people.

A mean at a time and a mean of each patient's largest reading differ by definition: the largest of
several readings is above the mean without any drug. Both are computed here from simulated readings,
`VitalSessions.mean_at_a_time` and `VitalSessions.mean_of_maxima`.
"""

from __future__ import annotations

from ketasim.instruments.vitals.fitting import fit_vitals, older_ages
from ketasim.instruments.vitals.sessions import READINGS_H, VitalSessions, vital_sessions
from ketasim.instruments.vitals.signs import (
    VITAL_SIGNS,
    VitalSign,
    expected_maximum,
    vital_constants,
    vital_sign,
)

__all__ = [
    "READINGS_H",
    "VITAL_SIGNS",
    "VitalSessions",
    "VitalSign",
    "expected_maximum",
    "fit_vitals",
    "older_ages",
    "vital_constants",
    "vital_sessions",
    "vital_sign",
]
