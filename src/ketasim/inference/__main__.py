"""Calibrate anew: ``python -m ketasim.inference [--patients 64] [hypothesis ...]``."""

from __future__ import annotations

import argparse
import sys

from ketasim.inference.calibrate import calibrate, write_calibration
from ketasim.inference.contexts import fit_contexts, fit_settings, write_contexts
from ketasim.instruments.settings import SETTINGS_FILE
from ketasim.model import list_hypotheses, load_hypothesis


def main(arguments: list[str] | None = None) -> None:
    """Fit contexts from control arms first, then every hypothesis, and write both."""
    parser = argparse.ArgumentParser(prog="python -m ketasim.inference", description=main.__doc__)
    parser.add_argument("hypotheses", nargs="*", help="names; all of them by default")
    parser.add_argument("--patients", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    contexts = fit_contexts()
    write_contexts(contexts)
    write_contexts(fit_settings(contexts), SETTINGS_FILE)
    for name in chosen.hypotheses or list_hypotheses():
        fit = calibrate(
            load_hypothesis(name).name, patients=chosen.patients, seed=chosen.seed,
            progress=lambda words: print(words, file=sys.stderr),  # noqa: T201
        )  # fmt: skip
        write_calibration(fit)


if __name__ == "__main__":
    main()
