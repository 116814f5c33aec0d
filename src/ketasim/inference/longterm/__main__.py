"""Prints the long-term calibration anew: ``python -m ketasim.inference.longterm``."""

from __future__ import annotations

import sys

from ketasim.inference.longterm.calibrate import FITTED, fit_long_term

fit = fit_long_term()
lines = [
    f"{name}: {value:.4g} {FITTED[name][2]} (SD of the logarithm {fit.log_sd[name]:.2f})"
    for name, value in fit.values.items()
]
sys.stdout.write("\n".join([*lines, fit.targets.to_string(float_format="%.3f")]) + "\n")
