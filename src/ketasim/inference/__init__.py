"""Calibration: placeholders of the network, fitted to what may be fitted and nothing else."""

from ketasim.inference.calibrate import calibrate, write_calibration
from ketasim.inference.contexts import fit_contexts, write_contexts
from ketasim.inference.fitted import Fit
from ketasim.inference.targets import Target, fit_targets

__all__ = [
    "Fit",
    "Target",
    "calibrate",
    "fit_contexts",
    "fit_targets",
    "write_calibration",
    "write_contexts",
]
